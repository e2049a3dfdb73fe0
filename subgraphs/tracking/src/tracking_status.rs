//! The GraphQL enum `TrackingStatus`.

use async_graphql::Enum;

use crate::rules::status;

/// The progress of a parcel. The statuses are the same for all carriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub(crate) enum TrackingStatus {
    /// The order has no parcel yet. Only live updates of an order have this status.
    NotShipped,
    /// The carrier expects the parcel, and does not have it yet.
    LabelCreated,
    /// The carrier has the parcel.
    Shipped,
    /// The parcel is between the carrier's depots, or at one.
    InTransit,
    /// The parcel is on the vehicle that delivers it.
    OutForDelivery,
    /// Nobody was there. The carrier will try again, or keep the parcel to be picked up.
    DeliveryAttempted,
    /// The recipient can pick up the parcel.
    AvailableForPickup,
    /// The recipient has the parcel.
    Delivered,
    /// The parcel is on its way back to the sender, or there.
    Returning,
    /// The parcel is held up: damaged, lost, or at customs.
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
