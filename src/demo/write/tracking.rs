//! The tracking domain: the parcels of orders, and of returns with a label.

use entities::tracking::shipment::{Carrier, TrackingStatus};
use entities::tracking::{event, shipment};
use platform::database::{Database, DatabaseTransaction};
use returns::rules::status::ReturnStatus;

use super::{insert, is_written};
use crate::demo::orders::Order;
use crate::demo::returns::Return;
use crate::demo::shipments::Shipment;
use crate::demo::{Plan, Progress, Stream};

pub(super) async fn write(
    database: Database,
    plan: Plan,
    progress: Progress,
) -> anyhow::Result<()> {
    for chunk in plan.chunks() {
        let count = chunk.len();
        let (mut shipments, mut events) = (Vec::new(), Vec::new());
        for order in chunk.map(|index| plan.order(index)) {
            if let Some(parcel) = plan.shipment(&order) {
                shipments.push(shipment_row(&order, &parcel, &plan));
                events.extend(event_rows(&order, &parcel, &plan));
            }
            if let Some(made) = plan.return_of(&order) {
                shipments.extend(return_row(&order, &made, &plan));
            }
        }
        let transaction = database.begin().await?;
        if !is_known(&transaction, &shipments).await? {
            let rows = insert::<shipment::Entity>(&transaction, shipments).await?
                + insert::<event::Entity>(&transaction, events).await?;
            transaction.commit().await?;
            progress.add_rows(rows);
        }
        progress.add_orders(count);
    }
    Ok(())
}

/// Whether an interrupted run has written these.
async fn is_known(
    transaction: &DatabaseTransaction,
    rows: &[shipment::Model],
) -> anyhow::Result<bool> {
    let Some(last) = rows.last() else {
        return Ok(false);
    };
    let found = shipment::by_id(transaction, last.id).await?;
    is_written(found.map(|found| found.customer_id), last.customer_id)
}

fn shipment_row(order: &Order, parcel: &Shipment, plan: &Plan) -> shipment::Model {
    let last = parcel.events.last();
    shipment::Model {
        id: parcel.id,
        order_id: order.id,
        return_id: None,
        customer_id: order.customer.id,
        carrier: parcel.carrier,
        tracking_number: parcel.tracking_number.clone(),
        status: last.map_or(TrackingStatus::LabelCreated, |event| event.status),
        location: last.map(|event| event.location.clone()),
        last_update: last.map(|event| event.at),
        estimated_delivery: Some(parcel.estimated_delivery),
        sequence: 0,
        consecutive_errors: 0,
        returned_to_sender: false,
        estimated_at: None,
        overdue_at: None,
        registered_at: None,
        last_polled_at: Some(plan.now),
        last_answered_at: Some(plan.now),
        created_at: order.placed_at,
    }
}

fn event_rows(order: &Order, parcel: &Shipment, plan: &Plan) -> Vec<event::Model> {
    parcel
        .events
        .iter()
        .zip(0_u64..)
        .map(|(event, position)| event::Model {
            id: plan.id(Stream::ShipmentEvent, u64::from(order.index) * 8 + position),
            shipment_id: parcel.id,
            carrier: parcel.carrier,
            tracking_number: parcel.tracking_number.clone(),
            status: event.status,
            location: Some(event.location.clone()),
            occurred_at: event.at,
            carrier_time: event.at,
            zone_assumed: false,
            recorded_at: event.at,
        })
        .collect()
}

/// The parcel of a return that has a label.
fn return_row(order: &Order, made: &Return<'_>, plan: &Plan) -> Option<shipment::Model> {
    let label = made.label.as_ref()?;
    let status = match made.status {
        ReturnStatus::Completed => TrackingStatus::Delivered,
        ReturnStatus::RefundIssued => TrackingStatus::InTransit,
        _ => TrackingStatus::LabelCreated,
    };
    let (_, last) = made.events.last()?;
    Some(shipment::Model {
        registered_at: None,
        id: plan.id(Stream::ReturnShipment, order.index.into()),
        order_id: order.id,
        return_id: Some(made.id),
        customer_id: order.customer.id,
        carrier: Carrier::Usps,
        tracking_number: label.tracking_number.clone(),
        status,
        location: None,
        last_update: Some(*last),
        estimated_delivery: None,
        sequence: 0,
        consecutive_errors: 0,
        returned_to_sender: false,
        estimated_at: None,
        // Some are overdue: support has already been alerted.
        overdue_at: Some(plan.now),
        last_polled_at: None,
        last_answered_at: None,
        created_at: label.generated_at,
    })
}
