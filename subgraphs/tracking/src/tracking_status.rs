//! The status of a parcel as the graph shows it.

use async_graphql::Enum;

use crate::rules::status;

/// Where a parcel is on its way, the same for all carriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub(crate) enum TrackingStatus {
    /// The order has no parcel yet. Only live updates of an order say so.
    NotShipped,
    LabelCreated,
    /// The carrier has it.
    Shipped,
    InTransit,
    OutForDelivery,
    /// Nobody was there; the carrier tries again or keeps it.
    DeliveryAttempted,
    AvailableForPickup,
    Delivered,
    /// On its way back to the sender, or there.
    Returning,
    /// Held up: damaged, lost, at customs.
    Exception,
}

impl From<status::TrackingStatus> for TrackingStatus {
    fn from(status: status::TrackingStatus) -> Self {
        use status::TrackingStatus as Parcel;
        match status {
            Parcel::LabelCreated => Self::LabelCreated,
            Parcel::Shipped => Self::Shipped,
            Parcel::InTransit => Self::InTransit,
            Parcel::OutForDelivery => Self::OutForDelivery,
            Parcel::DeliveryAttempted => Self::DeliveryAttempted,
            Parcel::AvailableForPickup => Self::AvailableForPickup,
            Parcel::Delivered => Self::Delivered,
            Parcel::Returning => Self::Returning,
            Parcel::Exception => Self::Exception,
        }
    }
}
