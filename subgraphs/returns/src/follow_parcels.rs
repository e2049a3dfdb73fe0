//! A return shows its parcel as tracking knows it: each status that tracking reports is an event of the return, so that
//! those who watch it read it again. The return itself follows EasyPost's webhooks.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use serde::Deserialize;

use crate::events::{self, ShipmentStatusChanged};

const STATUS_CHANGED: &str = "tracking.status_changed";
const RETURNED_TO_SENDER: &str = "tracking.returned_to_sender";

pub(crate) const PARCELS: ConsumerGroup = ConsumerGroup {
    name: "returns.tracking",
    topics: &["tracking.events"],
};

pub(crate) fn subscriber() -> Subscriber {
    Subscriber {
        group: PARCELS,
        handler: Arc::new(FollowParcels),
    }
}

struct FollowParcels;

/// The fields used of `tracking.status_changed` and `tracking.returned_to_sender`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParcelChanged {
    return_id: Option<String>,
    carrier: String,
    tracking_number: String,
    status: String,
    timestamp: Option<DateTime<Utc>>,
}

#[async_trait]
impl Handler for FollowParcels {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let is_back = event.event_type == RETURNED_TO_SENDER;
        let name = if is_back {
            RETURNED_TO_SENDER
        } else {
            STATUS_CHANGED
        };
        let Some(changed) = inbox::read::<ParcelChanged>(event, name)? else {
            return Ok(());
        };
        // An order's parcel does not concern returns.
        let Some(return_id) = &changed.return_id else {
            return Ok(());
        };
        let id = IdKind::Return.of_event(return_id)?;
        let Some(row) = customer_return::lock(transaction, id).await? else {
            return Err(HandleError::Unusable(format!(
                "there is no return {return_id}"
            )));
        };
        let data = ShipmentStatusChanged {
            version: 1,
            return_id: return_id.clone(),
            order_id: IdKind::Order.format(row.order_id),
            customer_id: IdKind::Customer.format(row.customer_id),
            carrier: changed.carrier,
            tracking_number: changed.tracking_number,
            status: changed.status,
            returned_to_sender: is_back,
            timestamp: event.happened_at(changed.timestamp),
        };
        let published = NewEvent {
            topic: events::TOPIC,
            event_type: events::SHIPMENT_STATUS_CHANGED,
            aggregate_id: return_id,
            data,
        };
        outbox::append(transaction, published, now).await?;
        Ok(())
    }
}
