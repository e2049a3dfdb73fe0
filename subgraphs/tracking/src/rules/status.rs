//! Parcel statuses and carriers.

pub use entities::tracking::shipment::{Carrier, TrackingStatus};

/// Whether the carrier has the parcel, so that polling makes sense.
pub(crate) const fn is_active(status: TrackingStatus) -> bool {
    !matches!(
        status,
        TrackingStatus::LabelCreated | TrackingStatus::Delivered
    )
}

/// The carrier with this name among label sellers and their accounts: `USPS`, `UPS`, `UPSDAP`, `FedEx`, `FedExDefault`,
/// `FedExSmartPost`, `DHLExpress`, `DhlEcs`.
pub(crate) fn carrier_by_seller_name(name: &str) -> Option<Carrier> {
    let name = name.to_lowercase();
    Carrier::ALL
        .iter()
        .copied()
        .find(|carrier| name.starts_with(carrier.as_str()))
}
