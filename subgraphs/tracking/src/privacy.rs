//! What is stored of customers here: exported and erased.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entities::tracking::{change, event, shipment, shipment_line};
use platform::database::{DatabaseTransaction, ReadTransaction};
use platform::inbox::ConsumerGroup;
use platform::tables::customer_erasure;
use resolvers::erasure::{self, Erased, Eraser};
use resolvers::export::{Export, ExportError, PAGE};
use resolvers::id::IdKind;
use resolvers::{ApiError, ApiResult};
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::guest_link::GuestLinkError;
use crate::rules::status::TrackingStatus;

pub(crate) const CUSTOMERS: ConsumerGroup = ConsumerGroup {
    name: "tracking.customers",
    topics: &[erasure::TOPIC],
};

/// A parcel that has not arrived after this long is not expected to.
const LONGEST_WAY: TimeDelta = TimeDelta::days(60);

/// Deletes the places where parcels were that have arrived. Their numbers, statuses and times stay, which prove that an
/// order was sent and arrived.
#[derive(Clone, Copy, Debug)]
pub struct EraseShipments;

#[async_trait]
impl Eraser for EraseShipments {
    async fn erase(
        &self,
        transaction: &DatabaseTransaction,
        customer: Uuid,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Erased, DbErr> {
        let mut erased = Erased::default();
        let mut after = None;
        loop {
            let page = shipment::page_of_customer(transaction, customer, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(erased);
            };
            after = Some(last.id);
            let (mut ids, mut journeys) = (Vec::new(), Vec::new());
            for row in page.iter().filter(|row| row.created_at <= until) {
                if is_under_way(row, now) {
                    erased.open.push(IdKind::Shipment.format(row.id));
                } else {
                    ids.push(row.id);
                    journeys.push(row.journey_id());
                }
            }
            let places = shipment::delete_places(transaction, &ids).await?;
            erased.count("shipments", places);
            let places = event::delete_places(transaction, &ids).await?;
            erased.count("tracking_events", places);
            let changes = change::delete_of_journeys(transaction, &journeys).await?;
            erased.count("tracking_changes", changes);
        }
    }
}

/// Whether the carrier may report other places of it. The label of a return may never be used.
fn is_under_way(row: &shipment::Model, now: DateTime<Utc>) -> bool {
    let is_unused = row.return_id.is_some() && row.status == TrackingStatus::LabelCreated;
    let has_arrived = row.status == TrackingStatus::Delivered || row.returned_to_sender;
    !is_unused && !has_arrived && now - row.created_at < LONGEST_WAY
}

/// Refuses a guest's link to a parcel of a customer who was erased since it was sent.
pub(crate) async fn check_link(
    db: &impl ConnectionTrait,
    found: Option<&shipment::Model>,
) -> ApiResult<()> {
    let Some(row) = found else { return Ok(()) };
    let erasure = customer_erasure::find(db, row.customer_id).await?;
    if erasure.is_some_and(|erasure| row.created_at <= erasure.erased_at) {
        return Err(ApiError::from(GuestLinkError::Expired));
    }
    Ok(())
}

/// Writes everything that is stored of the customer.
///
/// # Errors
/// A database that cannot be read, or an output that cannot be written.
pub async fn export(
    db: &ReadTransaction,
    customer: Uuid,
    export: &mut Export<'_>,
) -> Result<(), ExportError> {
    let mut after = None;
    loop {
        let page = shipment::page_of_customer(db, customer, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        let ids: Vec<Uuid> = page.iter().map(|row| row.id).collect();
        let mut lines = shipment_line::of_shipments(db, &ids).await?;
        let mut events = event::of_shipments(db, &ids).await?;
        for found in &page {
            let mut row = shipment_row(found);
            let lines = lines.remove(&found.id).unwrap_or_default();
            row["lines"] = lines.iter().map(line_row).collect();
            let events = events.remove(&found.id).unwrap_or_default();
            row["events"] = events.iter().map(event_row).collect();
            export.row("shipments", &row)?;
        }
    }
}

fn shipment_row(row: &shipment::Model) -> Value {
    json!({
        "id": IdKind::Shipment.format(row.id),
        "orderId": IdKind::Order.format(row.order_id),
        "returnId": row.return_id.map(|id| IdKind::Return.format(id)),
        "carrier": row.carrier,
        "trackingNumber": row.tracking_number,
        "status": row.status,
        "location": row.location,
        "lastUpdate": row.last_update,
        "estimatedDelivery": row.estimated_delivery,
        "returnedToSender": row.returned_to_sender,
        "createdAt": row.created_at,
        "registeredAt": row.registered_at,
    })
}

fn line_row(line: &shipment_line::Model) -> Value {
    json!({
        "orderItemId": IdKind::OrderItem.format(line.order_item_id),
        "quantity": line.quantity,
    })
}

fn event_row(event: &event::Model) -> Value {
    json!({
        "status": event.status,
        "location": event.location,
        "occurredAt": event.occurred_at,
        "carrierTime": event.carrier_time,
        "recordedAt": event.recorded_at,
    })
}
