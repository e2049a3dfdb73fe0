//! Asking carriers where parcels are: those first that somebody watches, then those asked about longest ago,
//! each once an interval, and no more an hour than the carrier allows all instances together.

use std::time::Duration;

use chrono::TimeDelta;
use entities::tracking::shipment::{self, Due};
use futures::stream::{self, StreamExt};
use metrics::counter;
use platform::http::{HttpError, UnavailableReason};
use platform::tables::call_rate;
use platform::workers::WorkerContext;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::carrier::Carrier;
use crate::carriers::CarrierError;
use crate::flag::{Flag, flag};
use crate::record::RecordError;
use crate::report::take_in;
use crate::rules::budget::Budget;

/// Parcels asked about in one cycle at most.
const BATCH: u64 = 50;
/// Questions to one carrier at the same time.
const AT_ONCE: usize = 8;
/// Watched orders in one statement.
const CHUNK: usize = 1_000;
/// Errors in a row after which a person should look at the parcel.
const FLAGGED_AFTER: i32 = 10;

/// How long a worker rests between two looks for what is due.
const SHORTEST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(2);

/// Asks one carrier until told to stop. Every instance does: they share what is due and the budget.
pub(crate) async fn run(state: State, context: WorkerContext, carrier: Carrier) {
    let Some(interval) = state.config.carrier(carrier).poll_interval else {
        return;
    };
    let rest = (interval / 4).clamp(SHORTEST_REST, LONGEST_REST);
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
        }
        // A cycle that has begun is finished: what was asked is recorded.
        if let Err(error) = poll(&state, carrier).await {
            tracing::warn!(%error, carrier = carrier.as_str(), "parcels could not be polled");
        }
    }
}

/// Asks the carrier about what is due now; gives the number of parcels.
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
        let others = shipment::due(db, carrier.as_str(), due, None, BATCH).await?;
        let reserve = budget.reserve();
        parcels.extend(claim(state, carrier, &others, due, budget, reserve).await?);
    }
    let asked = parcels.len();
    stream::iter(parcels)
        .for_each_concurrent(AT_ONCE, |parcel| async move {
            if let Err(error) = ask(state, carrier, &parcel).await {
                tracing::error!(%error, shipment = %parcel.id, "a carrier's answer was not recorded");
            }
        })
        .await;
    Ok(asked)
}

/// What is due of the orders that are watched here, the longest ago first.
async fn watched(state: &State, carrier: Carrier, due: Due) -> Result<Vec<shipment::Model>, DbErr> {
    let mut found = Vec::new();
    for orders in state.watchers.orders().chunks(CHUNK) {
        let db = state.database.read();
        found.extend(shipment::due(db, carrier.as_str(), due, Some(orders), BATCH).await?);
    }
    found.sort_by_key(|parcel| parcel.last_polled_at);
    found.truncate(usize::try_from(BATCH).unwrap_or(usize::MAX));
    Ok(found)
}

/// Takes as many of these parcels as the budget allows. Instances take turns at a carrier's budget, so none
/// asks about what another has just taken.
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
    let (taken, _) = budget.take(full_at, now, parcels.len(), reserve);
    let ids: Vec<Uuid> = parcels.iter().take(taken).map(|parcel| parcel.id).collect();
    let claimed = if ids.is_empty() {
        Vec::new()
    } else {
        shipment::claim(&transaction, &ids, due, now).await?
    };
    if !claimed.is_empty() {
        let (_, full_at) = budget.take(full_at, now, claimed.len(), reserve);
        call_rate::update(&transaction, carrier.as_str(), full_at).await?;
    }
    transaction.commit().await?;
    Ok(claimed)
}

/// Asks about one parcel and records the answer. An error waits for the parcel's next turn.
async fn ask(state: &State, carrier: Carrier, parcel: &shipment::Model) -> Result<(), RecordError> {
    let Some(api) = state.carriers.api(carrier) else {
        return Ok(());
    };
    let outcome = match api.track(&parcel.tracking_number).await {
        Ok(report) => {
            state.carriers.note_losses(carrier, &report.losses);
            if report.is_unreadable() {
                let error = CarrierError::Unreadable;
                tracing::debug!(%error, carrier = carrier.as_str(), shipment = %parcel.id, "no answer");
                failed(state, parcel).await?;
                "unreadable"
            } else {
                take_in(state, parcel, report).await?;
                "answered"
            }
        }
        // A label that the carrier has not scanned yet is none of its numbers.
        Err(CarrierError::Unknown) if parcel.status == "label_created" => {
            shipment::answered(state.database.write(), parcel.id, state.clock.now()).await?;
            "unknown"
        }
        Err(CarrierError::Http(HttpError::Unavailable {
            why: UnavailableReason::CircuitOpen,
            ..
        })) => "resting",
        Err(error) => {
            // The client has logged why.
            tracing::debug!(%error, carrier = carrier.as_str(), shipment = %parcel.id, "no answer");
            failed(state, parcel).await?;
            "failed"
        }
    };
    counter!("vantage_tracking_polls_total", "carrier" => carrier.as_str(), "outcome" => outcome)
        .increment(1);
    Ok(())
}

/// Counts the error, and tells support when there were too many in a row.
async fn failed(state: &State, parcel: &shipment::Model) -> Result<(), DbErr> {
    let transaction = state.database.begin().await?;
    let failures = shipment::failed(&transaction, parcel.id).await?;
    if failures == FLAGGED_AFTER {
        flag(state, &transaction, parcel, Flag::NoAnswer(failures)).await?;
    }
    transaction.commit().await
}
