//! Creates the parcels of orders as the warehouse registers them.

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use entities::insert_many;
use entities::tracking::{shipment, shipment_line};
use entities::tracking_number::normalized;
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, HandleError, Handler};
use resolvers::id::IdKind;
use serde::Deserialize;

use crate::record_event::{Journey, RecordError};
use crate::rules::status::{TrackingStatus, carrier_by_seller_name};

/// Starts tracking a registered parcel.
pub(crate) struct ShipmentHandler;

/// The fields used of `shipment.registered`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    order_id: String,
    customer_id: String,
    shipment_id: String,
    carrier: String,
    tracking_number: String,
    lines: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    order_item_id: String,
    quantity: i32,
}

#[async_trait]
impl Handler for ShipmentHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(registered) = inbox::read::<Registered>(event, "shipment.registered")? else {
            return Ok(());
        };
        // The parcel exists since then, however late the event is: no scan may be older than its parcel.
        let at = event.occurred_at.min(now).trunc_subsecs(6);
        let row = parcel(&registered, at)?;
        let known = shipment::by_number(transaction, row.carrier, &row.tracking_number).await?;
        let id = match known {
            // The carrier told us before the warehouse did.
            Some(known) if known.order_id == row.order_id && known.return_id.is_none() => {
                shipment::mark_registered(transaction, known.id, at).await?;
                known.id
            }
            Some(known) => {
                return Err(HandleError::Unusable(format!(
                    "{} {} of {} is already a parcel of {}",
                    registered.carrier,
                    registered.tracking_number,
                    registered.order_id,
                    IdKind::Order.format(known.order_id),
                )));
            }
            None => {
                shipment::insert(transaction, row.clone()).await?;
                number(transaction, &row, now).await?;
                row.id
            }
        };
        let lines = registered.lines.iter().map(|line| {
            Ok(shipment_line::Model {
                shipment_id: id,
                order_item_id: IdKind::OrderItem.of_event(&line.order_item_id)?,
                quantity: line.quantity,
            })
        });
        let lines = lines.collect::<Result<Vec<_>, HandleError>>()?;
        insert_many::<shipment_line::Entity>(transaction, lines).await?;
        Ok(())
    }
}

/// Numbers the new parcel as a change of its order, for everybody who watches it.
async fn number(
    transaction: &DatabaseTransaction,
    row: &shipment::Model,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let unusable = |error: RecordError| match error {
        RecordError::Database(error) => HandleError::Database(error),
        error => HandleError::Unusable(error.to_string()),
    };
    let journey = Journey::lock(transaction, row).await.map_err(unusable)?;
    journey.change(transaction, now).await.map_err(unusable)?;
    Ok(())
}

fn parcel(registered: &Registered, at: DateTime<Utc>) -> Result<shipment::Model, HandleError> {
    let carrier = carrier_by_seller_name(&registered.carrier).ok_or_else(|| {
        HandleError::Unusable(format!("there is no carrier {:?}", registered.carrier))
    })?;
    Ok(shipment::Model {
        id: IdKind::Shipment.of_event(&registered.shipment_id)?,
        order_id: IdKind::Order.of_event(&registered.order_id)?,
        return_id: None,
        customer_id: IdKind::Customer.of_event(&registered.customer_id)?,
        carrier,
        tracking_number: normalized(&registered.tracking_number),
        status: TrackingStatus::LabelCreated,
        location: None,
        last_update: None,
        estimated_delivery: None,
        sequence: 0,
        consecutive_errors: 0,
        last_polled_at: None,
        last_answered_at: None,
        created_at: at,
        returned_to_sender: false,
        estimated_at: None,
        overdue_at: None,
        registered_at: Some(at),
    })
}
