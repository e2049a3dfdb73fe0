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

/// The state of a parcel after a change, or currently in a snapshot.
#[Object]
impl TrackingUpdate {
    /// The number of the change among all of the order's; it grows by one each time.
    async fn sequence(&self) -> i32 {
        self.sequence
    }

    /// Whether this is the first event: the current state of the order's most recently updated parcel, with the number
    /// of the last change. The other parcels are in `order { shipments }`. An order without a parcel has number 0.
    async fn snapshot(&self) -> bool {
        self.snapshot
    }

    /// `NOT_SHIPPED` for an order without a parcel; its own progress is in `order { status }`.
    async fn status(&self) -> TrackingStatus {
        self.parcel()
            .map_or(TrackingStatus::NotShipped, |shipment| {
                shipment.row.status.into()
            })
    }

    async fn location(&self) -> Option<&str> {
        self.parcel()?.row.location.as_deref()
    }

    /// When the status was reached, by the carrier's clock.
    async fn timestamp(&self) -> DateTime {
        match &self.parcel {
            UpdatedParcel::Some(Shipment { row, .. }) => {
                row.last_update.unwrap_or(row.created_at).into()
            }
            UpdatedParcel::None { asked_at, .. } => (*asked_at).into(),
        }
    }

    async fn estimated_delivery(&self) -> Option<DateTime> {
        self.parcel()?.row.estimated_delivery.map(DateTime)
    }

    /// Null while the order has no parcel.
    async fn carrier(&self) -> Option<Carrier> {
        Some(self.parcel()?.row.carrier.into())
    }

    /// Null while the order has no parcel.
    async fn shipment(&self) -> Option<&Shipment> {
        self.parcel()
    }

    /// Null for guests, whose link shows parcels but not the order.
    async fn order(&self, context: &Context<'_>) -> ApiResult<Option<Order>> {
        let owner = match &self.parcel {
            UpdatedParcel::Some(shipment) => Some(shipment.row.customer_id),
            UpdatedParcel::None { customer, .. } => *customer,
        };
        Order::of_owner(context, self.order, owner)
    }
}
