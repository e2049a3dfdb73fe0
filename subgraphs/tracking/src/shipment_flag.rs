//! Flags parcels for support: the carrier does not answer, or delivery is overdue.

use std::time::Duration;

use entities::tracking::shipment;
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::jobs::run_leased;
use platform::outbox::{self, NewEvent};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;

use crate::State;
use crate::events::{self, ShipmentFlagged};

/// Why support should look for the parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag {
    /// This many consecutive errors.
    NoAnswer(i32),
    /// It is older than the age limit and no longer polled.
    Overdue,
}

impl Flag {
    const fn reason(self) -> &'static str {
        match self {
            Self::NoAnswer(_) => "no_answer",
            Self::Overdue => "overdue",
        }
    }

    const fn failures(self) -> i32 {
        match self {
            Self::NoAnswer(failures) => failures,
            Self::Overdue => 0,
        }
    }
}

/// Publishes the flag through the outbox.
pub(crate) async fn flag(
    state: &State,
    transaction: &DatabaseTransaction,
    parcel: &shipment::Model,
    flag: Flag,
) -> Result<(), DbErr> {
    let (reason, failures) = (flag.reason(), flag.failures());
    let shipment_id = IdKind::Shipment.format(parcel.id);
    counter!(
        "vantage_tracking_flagged_shipments_total",
        "carrier" => parcel.carrier.as_str(),
        "reason" => reason,
    )
    .increment(1);
    tracing::error!(
        shipment_id,
        carrier = parcel.carrier.as_str(),
        reason,
        failures,
        "shipment flagged for support"
    );
    let order_id = IdKind::Order.format(parcel.order_id);
    let return_id = parcel.return_id.map(|id| IdKind::Return.format(id));
    let event = NewEvent {
        topic: events::TOPIC,
        event_type: events::SHIPMENT_FLAGGED,
        aggregate_id: return_id.as_ref().unwrap_or(&order_id),
        data: ShipmentFlagged {
            version: 1,
            order_id: &order_id,
            return_id: return_id.as_deref(),
            shipment_id,
            carrier: parcel.carrier.as_str(),
            tracking_number: &parcel.tracking_number,
            reason,
            failures,
        },
    };
    outbox::append(transaction, event, state.clock.now()).await?;
    Ok(())
}

/// How often to look for overdue parcels.
const INTERVAL: Duration = Duration::from_secs(10 * 60);
/// Parcels flagged in one transaction.
const BATCH: u64 = 100;

/// Flags overdue parcels periodically, in one of all instances, until told to stop.
pub(crate) async fn run(state: State, context: WorkerContext) {
    run_leased(&context, "tracking_overdue", INTERVAL, || async {
        while flag_overdue(&state).await? > 0 {}
        Ok::<_, DbErr>(())
    })
    .await;
}

/// Flags a batch of undelivered parcels older than the age limit, each once, and returns how many.
pub async fn flag_overdue(state: &State) -> Result<usize, DbErr> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let before = now - state.config.age_limit();
    let overdue = shipment::overdue(&transaction, before, BATCH).await?;
    for parcel in &overdue {
        flag(state, &transaction, parcel, Flag::Overdue).await?;
    }
    let ids: Vec<_> = overdue.iter().map(|parcel| parcel.id).collect();
    if !ids.is_empty() {
        shipment::mark_overdue(&transaction, &ids, now).await?;
    }
    transaction.commit().await?;
    Ok(overdue.len())
}
