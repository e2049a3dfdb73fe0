//! Records tracking events from any source: poll, webhook or demo. One transaction writes the event, the parcel, the
//! numbered change and the outbox event; then the change is published to subscribers.

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use entities::tracking::{change, event, shipment};
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::ApiError;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::events::{self, Change, StatusChanged};
use crate::rules::current_status::{TimedStatus, current_status};
use crate::rules::observation::Observation;
use crate::rules::status::TrackingStatus;

/// A carrier's delivery estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub delivery: DateTime<Utc>,
    /// The time of the newest scan the carrier knew when making it; the newer of two estimates wins.
    pub reported_at: DateTime<Utc>,
}

/// The effect of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It was new. The change has this number among all changes of its order, and the parcel has this status, which
    /// differs from the observed one if the observation is late.
    Changed {
        sequence: i32,
        status: TrackingStatus,
    },
    /// It was added to the history of a delivered parcel, without any other change, and is not published.
    HistoryOnly,
    /// It was already known; the parcel is only marked as answered.
    Known,
}

/// Why an observation could not be recorded. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("the tracking database failed: {0}")]
    Database(#[from] DbErr),
    #[error("there is no shipment {0}")]
    NoShipment(Uuid),
    #[error("the change could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        Self::internal(error)
    }
}

/// Records a carrier's observation of this parcel, each event once, and publishes the change.
pub async fn record_event(
    state: &State,
    parcel: &shipment::Model,
    observation: &Observation,
) -> Result<RecordOutcome, RecordError> {
    let estimate = observation.estimated_delivery.map(|delivery| Estimate {
        delivery,
        reported_at: observation.time,
    });
    record_event_with_estimate(state, parcel, observation, estimate).await
}

/// Like [`record_event`], with a delivery estimate from the same report.
pub(crate) async fn record_event_with_estimate(
    state: &State,
    parcel: &shipment::Model,
    observation: &Observation,
    estimate: Option<Estimate>,
) -> Result<RecordOutcome, RecordError> {
    let now = state.clock.now().trunc_subsecs(6);
    let transaction = state.database.begin().await?;
    let mut journey = Journey::lock(&transaction, parcel).await?;
    let before = journey.parcel.clone();
    let row = &mut journey.parcel;
    // Truncated to what both databases store without loss, so that equal events compare equal.
    let carrier_time = observation.time.trunc_subsecs(6);
    let event = event::Model {
        id: Uuid::now_v7(),
        shipment_id: row.id,
        carrier: row.carrier,
        tracking_number: row.tracking_number.clone(),
        status: observation.status,
        location: observation.location.clone(),
        // A time in the future is the fault of a wrong clock.
        occurred_at: carrier_time.min(now),
        carrier_time,
        zone_assumed: observation.zone_assumed,
        recorded_at: now,
    };
    let is_new = event::record(&transaction, event).await?;
    if is_new && let Some(current_status) = current_status(status_history(&transaction, row).await?)
    {
        row.status = current_status.latest.status;
        row.location = current_status.latest.location;
        row.last_update = Some(current_status.latest.at);
        row.returned_to_sender = current_status.returned_to_sender;
    }
    apply_estimate(row, estimate);
    mark_answered(row, now);
    let recorded = if !is_new {
        RecordOutcome::Known
    } else {
        RecordOutcome::HistoryOnly
    };
    // After a final status, only a change of that status is published.
    let is_published = if has_ended(&before) {
        row.status != before.status || row.returned_to_sender != before.returned_to_sender
    } else {
        is_new || is_changed(&before, row)
    };
    finish(
        state,
        transaction,
        journey,
        &before,
        is_published.then_some(now),
        recorded,
    )
    .await
}

/// Records a new delivery estimate without a new observation.
pub(crate) async fn record_estimate(
    state: &State,
    parcel: &shipment::Model,
    estimate: Estimate,
) -> Result<(), RecordError> {
    let now = state.clock.now().trunc_subsecs(6);
    let transaction = state.database.begin().await?;
    let mut journey = Journey::lock(&transaction, parcel).await?;
    let before = journey.parcel.clone();
    let row = &mut journey.parcel;
    apply_estimate(row, Some(estimate));
    mark_answered(row, now);
    let is_published = is_changed(&before, row).then_some(now);
    finish(
        state,
        transaction,
        journey,
        &before,
        is_published,
        RecordOutcome::Known,
    )
    .await?;
    Ok(())
}

/// Writes the parcel. A published change gets the next number and is sent to other domains and subscribers.
async fn finish(
    state: &State,
    transaction: DatabaseTransaction,
    journey: Journey,
    before: &shipment::Model,
    reported_at: Option<DateTime<Utc>>,
    unpublished: RecordOutcome,
) -> Result<RecordOutcome, RecordError> {
    let Some(now) = reported_at else {
        shipment::update(&transaction, journey.parcel).await?;
        transaction.commit().await?;
        return Ok(unpublished);
    };
    let delivered_at = journey.delivered_at();
    let (row, change) = journey.change(&transaction, now).await?;
    let mut events = Vec::new();
    if row.status != before.status {
        events.push(events::STATUS_CHANGED);
    }
    if row.returned_to_sender && !before.returned_to_sender {
        events.push(events::RETURNED_TO_SENDER);
    }
    for event in events {
        publish_event(&transaction, &row, event, before.status, delivered_at, now).await?;
    }
    transaction.commit().await?;

    let recorded = RecordOutcome::Changed {
        sequence: row.sequence,
        status: row.status,
    };
    publish_change(state, &row, &change).await;
    Ok(recorded)
}

fn mark_answered(row: &mut shipment::Model, now: DateTime<Utc>) {
    row.consecutive_errors = 0;
    row.last_polled_at = Some(now);
    row.last_answered_at = Some(now);
}

/// Applies an estimate, unless a later one is known or the parcel has arrived.
fn apply_estimate(row: &mut shipment::Model, estimate: Option<Estimate>) {
    let Some(estimate) = estimate else {
        return;
    };
    let reported_at = estimate.reported_at.trunc_subsecs(6);
    if !has_ended(row) && row.estimated_at.is_none_or(|before| reported_at >= before) {
        row.estimated_delivery = Some(estimate.delivery.trunc_subsecs(6));
        row.estimated_at = Some(reported_at);
    }
}

fn has_ended(row: &shipment::Model) -> bool {
    is_delivered(row) || row.returned_to_sender
}

/// Whether the visible state differs.
fn is_changed(before: &shipment::Model, row: &shipment::Model) -> bool {
    let seen = |row: &shipment::Model| {
        (
            row.status,
            row.location.clone(),
            row.last_update,
            row.estimated_delivery,
            row.returned_to_sender,
        )
    };
    seen(before) != seen(row)
}

/// A parcel whose journey (all parcels of its order or return) is locked, so that changes are numbered in the order
/// they are committed.
pub(crate) struct Journey {
    pub(crate) parcel: shipment::Model,
    /// When the journey's other parcels were delivered, if they all were.
    others_delivered: Option<Vec<DateTime<Utc>>>,
    /// The number of the journey's last change.
    last: i32,
}

impl Journey {
    pub(crate) async fn lock(
        transaction: &DatabaseTransaction,
        parcel: &shipment::Model,
    ) -> Result<Self, RecordError> {
        let parcels =
            shipment::lock_journey(transaction, parcel.order_id, parcel.return_id).await?;
        let last = parcels.iter().map(|row| row.sequence).max().unwrap_or(0);
        let others_delivered = parcels
            .iter()
            .filter(|row| row.id != parcel.id)
            .map(|row| row.last_update.filter(|_| is_delivered(row)))
            .collect();
        parcels
            .into_iter()
            .find(|row| row.id == parcel.id)
            .map(|parcel| Self {
                parcel,
                others_delivered,
                last,
            })
            .ok_or(RecordError::NoShipment(parcel.id))
    }

    /// Delivery time of the last parcel if all were delivered, regardless of the order of reports.
    fn delivered_at(&self) -> Option<DateTime<Utc>> {
        let others = self.others_delivered.as_ref()?.iter().copied();
        let own = self
            .parcel
            .last_update
            .filter(|_| is_delivered(&self.parcel))?;
        others.chain([own]).max()
    }

    /// Writes the parcel with the next number, and stores the change for subscribers who reconnect later.
    pub(crate) async fn change(
        mut self,
        transaction: &DatabaseTransaction,
        now: DateTime<Utc>,
    ) -> Result<(shipment::Model, Change), RecordError> {
        self.parcel.sequence = self.last + 1;
        let told = Change::of(&self.parcel);
        change::insert(
            transaction,
            change::Model {
                journey_id: self.parcel.journey_id(),
                sequence: self.parcel.sequence,
                change: serde_json::to_value(&told)?,
                recorded_at: now,
            },
        )
        .await?;
        shipment::update(transaction, self.parcel.clone()).await?;
        Ok((self.parcel, told))
    }
}

fn is_delivered(row: &shipment::Model) -> bool {
    row.status == TrackingStatus::Delivered
}

/// All recorded events of the parcel, and its current status.
async fn status_history(
    transaction: &DatabaseTransaction,
    row: &shipment::Model,
) -> Result<Vec<TimedStatus>, RecordError> {
    let history = event::of_shipments(transaction, &[row.id])
        .await?
        .remove(&row.id)
        .unwrap_or_default();
    let mut status_history: Vec<_> = history
        .into_iter()
        .map(|event| TimedStatus {
            status: event.status,
            location: event.location,
            at: event.occurred_at,
        })
        .collect();
    if let Some(at) = row.last_update {
        status_history.push(TimedStatus {
            status: row.status,
            location: row.location.clone(),
            at,
        });
    }
    Ok(status_history)
}

async fn publish_event(
    transaction: &DatabaseTransaction,
    row: &shipment::Model,
    event_type: &str,
    previous_status: TrackingStatus,
    delivered_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let order_id = IdKind::Order.format(row.order_id);
    let return_id = row.return_id.map(|id| IdKind::Return.format(id));
    outbox::append(
        transaction,
        NewEvent {
            topic: events::TOPIC,
            event_type,
            aggregate_id: return_id.as_ref().unwrap_or(&order_id),
            data: StatusChanged {
                version: 1,
                order_id: &order_id,
                return_id: return_id.as_deref(),
                customer_id: IdKind::Customer.format(row.customer_id),
                shipment_id: IdKind::Shipment.format(row.id),
                carrier: row.carrier.as_str(),
                tracking_number: &row.tracking_number,
                previous_status: previous_status.as_str(),
                status: row.status.as_str(),
                all_delivered: delivered_at.is_some(),
                delivered_at,
                returned_to_sender: row.returned_to_sender,
                location: row.location.as_deref(),
                timestamp: row.last_update,
                estimated_delivery: row.estimated_delivery,
                sequence: row.sequence,
            },
        },
        now,
    )
    .await?;
    Ok(())
}

/// The change is stored: a subscriber who misses this message reads it after the next one.
pub(crate) async fn publish_change(state: &State, row: &shipment::Model, change: &Change) {
    if row.return_id.is_some() {
        return;
    }
    let mut published = change.clone();
    published.published_at = Some(state.clock.now());
    let message = match published.to_message() {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(%error, shipment = %row.id, "change not serializable");
            return;
        }
    };
    let channel = events::channel(row.order_id);
    match state.pubsub.publish(&channel, message).await {
        Ok(()) => counter!("vantage_tracking_published_total").increment(1),
        Err(error) => {
            tracing::error!(%error, %channel, sequence = row.sequence, "change not published");
        }
    }
}

/// The channel and the message that publish the parcel's last change; `tracking_changes` stores the same message.
/// Public for programs that write many changes at once, such as load tests.
pub fn change_message(parcel: &shipment::Model) -> serde_json::Result<(String, Bytes)> {
    let message = Change::of(parcel).to_message()?;
    Ok((events::channel(parcel.order_id), message))
}
