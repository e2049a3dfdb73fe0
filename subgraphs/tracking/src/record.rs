//! The one path of a change, whoever learned of it: poller, webhook or demo. One transaction
//! writes the event, the parcel, the numbered change and the outbox event; then those who watch
//! are told.

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use entities::tracking::{change, event, shipment};
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::ApiError;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::events::{self, Change, StatusChanged};
use crate::rules::progress::{Sighting, standing};
use crate::status::TrackingStatus;

/// What a carrier tells of a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub status: TrackingStatus,
    pub location: Option<String>,
    /// When it happened, by the carrier's time.
    pub time: DateTime<Utc>,
    /// The carrier said no offset, and the place's clock is not known: the time was taken for UTC.
    pub zone_assumed: bool,
    /// `None` when the carrier says nothing about it, which changes nothing.
    pub estimated_delivery: Option<DateTime<Utc>>,
}

/// When a carrier means to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub delivery: DateTime<Utc>,
    /// The time of the newest scan that the carrier knew then, by which the newer of two estimates is known.
    pub told_at: DateTime<Utc>,
}

/// What became of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was news: the change has this number among all of its order's, and the parcel this
    /// status, which is another than the observed one when the observation came late.
    Changed {
        sequence: i32,
        status: TrackingStatus,
    },
    /// It is in the history of a parcel that had arrived, where it changes nothing: nobody is told.
    HistoryOnly,
    /// It was known already. That the carrier answered is noted.
    Known,
}

/// Why an observation could not be recorded. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("the tracking database failed: {0}")]
    Database(#[from] DbErr),
    #[error("there is no shipment {0}")]
    NoShipment(Uuid),
    #[error("shipment {0} has a status that is none")]
    Status(Uuid),
    #[error("the change could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        Self::internal(error)
    }
}

/// Records what a carrier told of this parcel, each event once, and tells those who watch.
pub async fn record(
    state: &State,
    parcel: &shipment::Model,
    observation: &Observation,
) -> Result<Recorded, RecordError> {
    let estimate = observation.estimated_delivery.map(|delivery| Estimate {
        delivery,
        told_at: observation.time,
    });
    record_with(state, parcel, observation, estimate).await
}

/// The same with an estimate that was told beside the observation.
pub(crate) async fn record_with(
    state: &State,
    parcel: &shipment::Model,
    observation: &Observation,
    estimate: Option<Estimate>,
) -> Result<Recorded, RecordError> {
    let now = state.clock.now().trunc_subsecs(6);
    let transaction = state.database.begin().await?;
    let mut journey = Journey::lock(&transaction, parcel).await?;
    let before = journey.parcel.clone();
    let row = &mut journey.parcel;
    // What both databases can store without loss, so that the same event is the same.
    let carrier_time = observation.time.trunc_subsecs(6);
    let event = event::Model {
        id: Uuid::now_v7(),
        shipment_id: row.id,
        carrier: row.carrier.clone(),
        tracking_number: row.tracking_number.clone(),
        status: observation.status.as_str().to_owned(),
        location: observation.location.clone(),
        // Nothing has happened yet that a wrong clock says will.
        occurred_at: carrier_time.min(now),
        carrier_time,
        zone_assumed: observation.zone_assumed,
        recorded_at: now,
    };
    let is_new = event::record(&transaction, event).await?;
    if is_new && let Some(standing) = standing(sightings(&transaction, row).await?) {
        row.status = standing.sighting.status.as_str().to_owned();
        row.location = standing.sighting.location;
        row.last_update = Some(standing.sighting.at);
        row.returned_to_sender = standing.returned_to_sender;
    }
    apply_estimate(row, estimate);
    answered(row, now);
    let recorded = if !is_new {
        Recorded::Known
    } else {
        Recorded::HistoryOnly
    };
    // What comes after the end of the way is told only when that was not the end.
    let is_told = if has_ended(&before) {
        row.status != before.status || row.returned_to_sender != before.returned_to_sender
    } else {
        is_new || is_changed(&before, row)
    };
    finish(
        state,
        transaction,
        journey,
        &before,
        is_told.then_some(now),
        recorded,
    )
    .await
}

/// Records when the carrier means to deliver, beside nothing else that is new.
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
    answered(row, now);
    let is_told = is_changed(&before, row).then_some(now);
    finish(
        state,
        transaction,
        journey,
        &before,
        is_told,
        Recorded::Known,
    )
    .await?;
    Ok(())
}

/// Writes the parcel. What is told gets the next number, goes to the other domains, and to those who watch.
async fn finish(
    state: &State,
    transaction: DatabaseTransaction,
    journey: Journey,
    before: &shipment::Model,
    told_at: Option<DateTime<Utc>>,
    untold: Recorded,
) -> Result<Recorded, RecordError> {
    let Some(now) = told_at else {
        shipment::update(&transaction, journey.parcel).await?;
        transaction.commit().await?;
        return Ok(untold);
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
        tell_domains(&transaction, &row, event, &before.status, delivered_at, now).await?;
    }
    transaction.commit().await?;

    let recorded = Recorded::Changed {
        sequence: row.sequence,
        status: TrackingStatus::parse(&row.status).ok_or(RecordError::Status(row.id))?,
    };
    tell_watchers(state, &row, &change).await;
    Ok(recorded)
}

fn answered(row: &mut shipment::Model, now: DateTime<Utc>) {
    row.consecutive_errors = 0;
    row.last_polled_at = Some(now);
    row.last_answered_at = Some(now);
}

/// Takes over an estimate, unless one was told later, or the way has ended.
fn apply_estimate(row: &mut shipment::Model, estimate: Option<Estimate>) {
    let Some(estimate) = estimate else {
        return;
    };
    let told_at = estimate.told_at.trunc_subsecs(6);
    if !has_ended(row) && row.estimated_at.is_none_or(|before| told_at >= before) {
        row.estimated_delivery = Some(estimate.delivery.trunc_subsecs(6));
        row.estimated_at = Some(told_at);
    }
}

fn has_ended(row: &shipment::Model) -> bool {
    is_delivered(row) || row.returned_to_sender
}

/// Whether anybody can see a difference.
fn is_changed(before: &shipment::Model, row: &shipment::Model) -> bool {
    let seen = |row: &shipment::Model| {
        (
            row.status.clone(),
            row.location.clone(),
            row.last_update,
            row.estimated_delivery,
            row.returned_to_sender,
        )
    };
    seen(before) != seen(row)
}

/// A parcel whose journey is locked: its changes take turns, and so get their numbers in the order
/// in which they are committed.
pub(crate) struct Journey {
    pub(crate) parcel: shipment::Model,
    /// When the journey's other parcels were delivered, if they all were.
    others_delivered: Option<Vec<DateTime<Utc>>>,
    /// Number of the journey's last change.
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

    /// When the last of all parcels was delivered, if all were, whichever was told last.
    fn delivered_at(&self) -> Option<DateTime<Utc>> {
        let others = self.others_delivered.as_ref()?.iter().copied();
        let own = self
            .parcel
            .last_update
            .filter(|_| is_delivered(&self.parcel))?;
        others.chain([own]).max()
    }

    /// Writes the parcel with the next number, and the change for those who will have missed it.
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
    row.status == TrackingStatus::Delivered.as_str()
}

/// All that was told of the parcel, and where it is said to be now.
async fn sightings(
    transaction: &DatabaseTransaction,
    row: &shipment::Model,
) -> Result<Vec<Sighting>, RecordError> {
    let parse = |stored: &str| TrackingStatus::parse(stored).ok_or(RecordError::Status(row.id));
    let history = event::of_shipments(transaction, &[row.id])
        .await?
        .remove(&row.id)
        .unwrap_or_default();
    let mut sightings = history
        .into_iter()
        .map(|event| {
            Ok(Sighting {
                status: parse(&event.status)?,
                location: event.location,
                at: event.occurred_at,
            })
        })
        .collect::<Result<Vec<_>, RecordError>>()?;
    if let Some(at) = row.last_update {
        sightings.push(Sighting {
            status: parse(&row.status)?,
            location: row.location.clone(),
            at,
        });
    }
    Ok(sightings)
}

async fn tell_domains(
    transaction: &DatabaseTransaction,
    row: &shipment::Model,
    event_type: &str,
    previous_status: &str,
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
                carrier: &row.carrier,
                tracking_number: &row.tracking_number,
                previous_status,
                status: &row.status,
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

/// The change is written already; a watcher who is not told now reads it after its next signal.
pub(crate) async fn tell_watchers(state: &State, row: &shipment::Model, change: &Change) {
    if row.return_id.is_some() {
        return;
    }
    let message = match change.to_message() {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(%error, shipment = %row.id, "a change cannot be written as JSON");
            return;
        }
    };
    let channel = events::channel(row.order_id);
    if let Err(error) = state.pubsub.publish(&channel, message).await {
        tracing::error!(%error, %channel, sequence = row.sequence, "a change was not published");
    }
}

/// What those who watch the parcel's order are told of its last change: the channel, and the message, which is
/// also what `tracking_changes` keeps. For programs that write many changes at once, such as load tests.
pub fn announcement(parcel: &shipment::Model) -> serde_json::Result<(String, Bytes)> {
    let message = Change::of(parcel).to_message()?;
    Ok((events::channel(parcel.order_id), message))
}
