//! The GraphQL enum `TrackingStatus`.

use async_graphql::Enum;

use crate::rules::status;

/// The status of a parcel, the same for all carriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub(crate) enum TrackingStatus {
    /// The order has no parcel yet. Only used in live updates of an order.
    NotShipped,
    LabelCreated,
    /// The carrier has it.
    Shipped,
    InTransit,
    OutForDelivery,
    /// Nobody was there; the carrier will try again or keep the parcel.
    DeliveryAttempted,
    AvailableForPickup,
    Delivered,
    /// On its way back to the sender, or returned.
    Returning,
    /// Held up: damaged, lost, or at customs.
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
