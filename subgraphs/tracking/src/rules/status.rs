//! The statuses of parcels, and their carriers.

pub use entities::tracking::shipment::{Carrier, TrackingStatus};

/// Whether the carrier has the parcel, so that polling it makes sense.
pub(crate) const fn is_active(status: TrackingStatus) -> bool {
    !matches!(
        status,
        TrackingStatus::LabelCreated | TrackingStatus::Delivered
    )
}

/// The carrier by the name that sellers of labels have for it and for their accounts with it: `USPS`,
/// `UPS`, `UPSDAP`, `FedEx`, `FedExDefault`, `FedExSmartPost`, `DHLExpress`, `DhlEcs`.
pub(crate) fn carrier_by_seller_name(name: &str) -> Option<Carrier> {
    let name = name.to_lowercase();
    Carrier::ALL
        .iter()
        .copied()
        .find(|carrier| name.starts_with(carrier.as_str()))
}
