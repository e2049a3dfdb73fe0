//! Where a parcel is on its way, the same for all carriers.

use async_graphql::Enum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum TrackingStatus {
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

impl TrackingStatus {
    /// Those that a parcel may have.
    pub const ALL: [Self; 9] = [
        Self::LabelCreated,
        Self::Shipped,
        Self::InTransit,
        Self::OutForDelivery,
        Self::DeliveryAttempted,
        Self::AvailableForPickup,
        Self::Delivered,
        Self::Returning,
        Self::Exception,
    ];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotShipped => "not_shipped",
            Self::LabelCreated => "label_created",
            Self::Shipped => "shipped",
            Self::InTransit => "in_transit",
            Self::OutForDelivery => "out_for_delivery",
            Self::DeliveryAttempted => "delivery_attempted",
            Self::AvailableForPickup => "available_for_pickup",
            Self::Delivered => "delivered",
            Self::Returning => "returning",
            Self::Exception => "exception",
        }
    }

    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == stored)
    }

    /// Whether the carrier has the parcel, so that asking about it makes sense.
    pub const fn is_active(self) -> bool {
        !matches!(
            self,
            Self::NotShipped | Self::LabelCreated | Self::Delivered
        )
    }
}
