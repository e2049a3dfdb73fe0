//! Creates the parcel of a return as soon as it has a label.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::tracking::shipment;
use entities::tracking_number::normalized;
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, HandleError, Handler};
use resolvers::id::IdKind;
use serde::Deserialize;
use uuid::Uuid;

use crate::rules::status::{TrackingStatus, carrier_by_seller_name};

/// Starts tracking the parcel of a new label.
pub(crate) struct ReturnLabelHandler;

/// The fields used of `return.label_generated`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LabelGenerated {
    return_id: String,
    order_id: String,
    customer_id: String,
    /// In the label seller's terms: `USPS`, `FedEx`, `DHLExpress`.
    carrier: String,
    tracking_number: String,
}

#[async_trait]
impl Handler for ReturnLabelHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(label) = inbox::read::<LabelGenerated>(event, "return.label_generated")? else {
            return Ok(());
        };
        let Some(carrier) = carrier_by_seller_name(&label.carrier) else {
            tracing::warn!(
                carrier = label.carrier,
                return_id = label.return_id,
                "return parcel not tracked, its carrier is not supported"
            );
            return Ok(());
        };
        let known = shipment::by_number(transaction, carrier, &label.tracking_number);
        if known.await?.is_some() {
            return Ok(());
        }
        let row = shipment::Model {
            id: Uuid::now_v7(),
            order_id: IdKind::Order.of_event(&label.order_id)?,
            return_id: Some(IdKind::Return.of_event(&label.return_id)?),
            customer_id: IdKind::Customer.of_event(&label.customer_id)?,
            carrier,
            tracking_number: normalized(&label.tracking_number),
            status: TrackingStatus::LabelCreated,
            location: None,
            last_update: None,
            estimated_delivery: None,
            sequence: 0,
            consecutive_errors: 0,
            last_polled_at: None,
            last_answered_at: None,
            // The label exists since then, however late the event is: no scan may be older than its parcel.
            created_at: event.occurred_at.min(now),
            returned_to_sender: false,
            estimated_at: None,
            overdue_at: None,
            registered_at: None,
        };
        insert_many::<shipment::Entity>(transaction, vec![row]).await?;
        Ok(())
    }
}
