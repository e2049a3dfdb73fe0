//! Polls carriers for the status of parcels: watched orders first, then the parcels polled longest ago. Each parcel is
//! polled once per interval, and all instances together stay within the carrier's hourly budget.

use std::time::Duration;

use chrono::TimeDelta;
use entities::tracking::shipment::{self, Due};
use futures::stream::{self, StreamExt};
use metrics::counter;
use platform::http::{HttpError, UnavailableReason};
use platform::panics;
use platform::tables::call_rate;
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use tracing::Instrument;
use uuid::Uuid;

use crate::State;
use crate::carrier_report::ingest;
use crate::carriers::CarrierError;
use crate::record_event::RecordError;
use crate::rules::budget::Budget;
use crate::rules::status::{Carrier, TrackingStatus};
use crate::shipment_flag::{Flag, flag};

/// Most parcels polled in one cycle.
const BATCH_SIZE: u64 = 50;
/// Concurrent calls to one carrier.
const CONCURRENCY: usize = 8;
/// Watched orders per statement.
const ORDERS_PER_STATEMENT: usize = 1_000;
/// Consecutive failures after which the parcel is flagged for support.
const FLAG_AFTER_FAILURES: i32 = 10;

/// How long a worker waits between two searches for due parcels.
const MIN_IDLE: Duration = Duration::from_millis(100);
const MAX_IDLE: Duration = Duration::from_secs(2);

/// Polls one carrier until stopped. Every instance does: they share the due parcels and the budget.
pub(crate) async fn run(state: State, context: WorkerContext, carrier: Carrier) {
    let Some(interval) = state.config.carrier(carrier).poll_interval else {
        return;
    };
    let rest = (interval / 4).clamp(MIN_IDLE, MAX_IDLE);
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
        }
        // A cycle that has begun is finished, so that every response is recorded.
        if let Err(error) = poll(&state, carrier).await {
            tracing::warn!(%error, carrier = carrier.as_str(), "parcels not polled");
        }
    }
}

/// Polls the carrier for the parcels that are due, and returns how many.
pub async fn poll(state: &State, carrier: Carrier) -> Result<usize, DbErr> {
    let Some(interval) = state.config.carrier(carrier).poll_interval else {
        return Ok(0);
    };
    let due = Due {
        polled_before: state.clock.now() - TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX),
        created_after: state.clock.now() - state.config.age_limit(),
    };
    let budget = Budget::hourly(state.config.carrier(carrier).hourly_budget);
    let watched = watched(state, carrier, due).await?;
    let mut parcels = claim(state, carrier, &watched, due, budget, 0).await?;
    if parcels.len() == watched.len() {
        let db = state.database.read();
        let others = shipment::due(db, carrier, due, None, BATCH_SIZE).await?;
        let reserve = budget.reserve();
        parcels.extend(claim(state, carrier, &others, due, budget, reserve).await?);
    }
    let polled = parcels.len();
    stream::iter(parcels)
        .for_each_concurrent(CONCURRENCY, |parcel| {
            // Adds the parcel to what the carrier's client logs.
            let shipment = IdKind::Shipment.format(parcel.id);
            let span = tracing::warn_span!("poll", shipment);
            async move { poll_shipment(state, carrier, &parcel).await }.instrument(span)
        })
        .await;
    Ok(polled)
}

/// The due parcels of orders watched in this process, the ones polled longest ago first.
async fn watched(state: &State, carrier: Carrier, due: Due) -> Result<Vec<shipment::Model>, DbErr> {
    let mut found = Vec::new();
    for orders in state.watchers.orders().chunks(ORDERS_PER_STATEMENT) {
        let db = state.database.read();
        found.extend(shipment::due(db, carrier, due, Some(orders), BATCH_SIZE).await?);
    }
    found.sort_by_key(|parcel| parcel.last_polled_at);
    found.truncate(usize::try_from(BATCH_SIZE).unwrap_or(usize::MAX));
    Ok(found)
}

/// Claims as many of these parcels as the budget allows. Instances lock the carrier's budget, so that none polls what
/// another has just claimed.
async fn claim(
    state: &State,
    carrier: Carrier,
    parcels: &[shipment::Model],
    due: Due,
    budget: Budget,
    reserve: usize,
) -> Result<Vec<shipment::Model>, DbErr> {
    if parcels.is_empty() {
        return Ok(Vec::new());
    }
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let full_at = call_rate::lock(&transaction, carrier.as_str(), now).await?;
    let (allowed, _) = budget.spend(full_at, now, parcels.len(), reserve);
    let ids: Vec<Uuid> = parcels
        .iter()
        .take(allowed)
        .map(|parcel| parcel.id)
        .collect();
    let claimed = if ids.is_empty() {
        Vec::new()
    } else {
        shipment::claim(&transaction, &ids, due, now).await?
    };
    if !claimed.is_empty() {
        let (_, full_at) = budget.spend(full_at, now, claimed.len(), reserve);
        call_rate::update(&transaction, carrier.as_str(), full_at).await?;
    }
    transaction.commit().await?;
    Ok(claimed)
}

/// Polls one parcel. An error or a panic affects only this parcel, which waits for the next interval.
async fn poll_shipment(state: &State, carrier: Carrier, parcel: &shipment::Model) {
    let outcome = match panics::catch(track_shipment(state, carrier, parcel)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => {
            tracing::error!(%error, "carrier's response not recorded");
            "unrecorded"
        }
        Err(message) => {
            tracing::error!(error = message, "poll panicked");
            if let Err(error) = record_failure(state, parcel).await {
                tracing::error!(%error, "failed poll not recorded");
            }
            "panicked"
        }
    };
    counter!("vantage_tracking_polls_total", "carrier" => carrier.as_str(), "outcome" => outcome)
        .increment(1);
}

/// Polls one parcel, records the response, and returns the outcome.
async fn track_shipment(
    state: &State,
    carrier: Carrier,
    parcel: &shipment::Model,
) -> Result<&'static str, RecordError> {
    let Some(api) = state.carriers.api(carrier) else {
        return Ok("unconfigured");
    };
    let outcome = match api.track(&parcel.tracking_number).await {
        Ok(report) => {
            state.carriers.note_parse_issues(carrier, &report.issues);
            if report.is_unreadable() {
                let error = CarrierError::Unreadable;
                tracing::warn!(%error, carrier = carrier.as_str(), "no response");
                record_failure(state, parcel).await?;
                "unreadable"
            } else {
                ingest(state, parcel, report).await?;
                "answered"
            }
        }
        // Carriers do not know a label that they have not scanned yet.
        Err(CarrierError::Unknown) if parcel.status == TrackingStatus::LabelCreated => {
            shipment::answered(state.database.write(), parcel.id, state.clock.now()).await?;
            "unknown"
        }
        Err(CarrierError::Http(HttpError::Unavailable {
            why: UnavailableReason::CircuitOpen,
            ..
        })) => "resting",
        Err(error) => {
            // The client has logged failed calls.
            if !matches!(error, CarrierError::Http(_)) {
                tracing::warn!(%error, carrier = carrier.as_str(), "no response");
            }
            record_failure(state, parcel).await?;
            "failed"
        }
    };
    Ok(outcome)
}

/// Counts the failure, and flags the parcel for support after too many consecutive ones.
async fn record_failure(state: &State, parcel: &shipment::Model) -> Result<(), DbErr> {
    let transaction = state.database.begin().await?;
    let failures = shipment::record_failure(&transaction, parcel.id).await?;
    if failures == FLAG_AFTER_FAILURES {
        flag(state, &transaction, parcel, Flag::NoAnswer(failures)).await?;
    }
    transaction.commit().await
}
