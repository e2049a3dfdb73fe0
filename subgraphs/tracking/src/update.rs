//! What a watcher of an order is told.

use async_graphql::Object;
use resolvers::scalars::DateTime;

use crate::carrier::Carrier;
use crate::order::Order;
use crate::shipment::Shipment;
use crate::status::TrackingStatus;

#[derive(Clone, Debug)]
pub(crate) struct TrackingUpdate {
    pub sequence: i32,
    pub snapshot: bool,
    pub shipment: Shipment,
}

/// How a parcel stands after a change, or, in a snapshot, now.
#[Object]
impl TrackingUpdate {
    /// Number of the change among all of the order's; it grows by one each time.
    async fn sequence(&self) -> i32 {
        self.sequence
    }

    /// The first event: how the order's last moved parcel stands now, with the number of the last
    /// change. The other parcels are in `order { shipments }`.
    async fn snapshot(&self) -> bool {
        self.snapshot
    }

    async fn status(&self) -> TrackingStatus {
        self.shipment.status
    }

    async fn location(&self) -> Option<&str> {
        self.shipment.row.location.as_deref()
    }

    /// When the status was reached, by the carrier's time.
    async fn timestamp(&self) -> DateTime {
        let row = &self.shipment.row;
        row.last_update.unwrap_or(row.created_at).into()
    }

    async fn estimated_delivery(&self) -> Option<DateTime> {
        self.shipment.row.estimated_delivery.map(DateTime)
    }

    async fn carrier(&self) -> Carrier {
        self.shipment.carrier
    }

    async fn shipment(&self) -> &Shipment {
        &self.shipment
    }

    async fn order(&self) -> Order {
        Order {
            id: self.shipment.row.order_id,
        }
    }
}
