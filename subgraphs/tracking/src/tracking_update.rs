//! The GraphQL type `TrackingUpdate`, pushed to watchers of an order.

use async_graphql::{Context, Object};
use chrono::Utc;
use resolvers::ApiResult;
use resolvers::scalars::DateTime;
use uuid::Uuid;

use crate::carrier::Carrier;
use crate::order::Order;
use crate::shipment::Shipment;
use crate::tracking_status::TrackingStatus;

#[derive(Clone, Debug)]
pub(crate) struct TrackingUpdate {
    pub sequence: i32,
    pub snapshot: bool,
    pub order: Uuid,
    pub parcel: UpdatedParcel,
}

/// The parcel that an update concerns.
#[derive(Clone, Debug)]
pub(crate) enum UpdatedParcel {
    /// The order had none at this time.
    None {
        asked_at: chrono::DateTime<Utc>,
        /// The order's owner, if known.
        customer: Option<Uuid>,
    },
    Some(Shipment),
}

impl TrackingUpdate {
    const fn parcel(&self) -> Option<&Shipment> {
        match &self.parcel {
            UpdatedParcel::Some(shipment) => Some(shipment),
            UpdatedParcel::None { .. } => None,
        }
    }
}

/// The state of a parcel after a change, or its current state in a snapshot.
#[Object]
impl TrackingUpdate {
    /// The number of the change among those of all the order's parcels. It grows by one each time, and is 0 before the first.
    async fn sequence(&self) -> i32 {
        self.sequence
    }

    /// True for the current state that a subscription starts with: that of the most recently updated parcel, with the
    /// number of the last change. False for a change. All parcels are in `order { shipments }`.
    async fn snapshot(&self) -> bool {
        self.snapshot
    }

    /// The parcel's progress; NOT_SHIPPED while the order has none.
    async fn status(&self) -> TrackingStatus {
        self.parcel()
            .map_or(TrackingStatus::NotShipped, |shipment| {
                shipment.row.status.into()
            })
    }

    /// Where the parcel reached the status, in the carrier's words; null if the carrier has not said.
    async fn location(&self) -> Option<&str> {
        self.parcel()?.row.location.as_deref()
    }

    /// When the parcel reached the status, by the carrier's clock; the current time while the order has no parcel.
    async fn timestamp(&self) -> DateTime {
        match &self.parcel {
            UpdatedParcel::Some(Shipment { row, .. }) => {
                row.last_update.unwrap_or(row.created_at).into()
            }
            UpdatedParcel::None { asked_at, .. } => (*asked_at).into(),
        }
    }

    /// When the carrier expects to deliver the parcel; null if it has not said.
    async fn estimated_delivery(&self) -> Option<DateTime> {
        self.parcel()?.row.estimated_delivery.map(DateTime)
    }

    /// The company that transports the parcel; null while the order has none.
    async fn carrier(&self) -> Option<Carrier> {
        Some(self.parcel()?.row.carrier.into())
    }

    /// The parcel; null while the order has none.
    async fn shipment(&self) -> Option<&Shipment> {
        self.parcel()
    }

    /// The order; null for guests, whose link shows parcels but not the order.
    async fn order(&self, context: &Context<'_>) -> ApiResult<Option<Order>> {
        let owner = match &self.parcel {
            UpdatedParcel::Some(shipment) => Some(shipment.row.customer_id),
            UpdatedParcel::None { customer, .. } => *customer,
        };
        Order::of_owner(context, self.order, owner)
    }
}
