//! What the carrier's word means for an order.

use crate::order::OrderStatus;

/// What the carrier told of an order's parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// It does not have the parcel yet, or says nothing that matters here.
    Nothing,
    /// It has the parcel, wherever that is.
    UnderWay,
    /// It handed over all parcels of the order.
    HandedOver,
}

impl Sighting {
    /// From the status of a parcel as tracking names it. A name that is not known, of a newer
    /// version, says nothing.
    pub(crate) fn of(parcel: &str, all_delivered: bool) -> Self {
        match parcel {
            "delivered" if all_delivered => Self::HandedOver,
            "delivered"
            | "shipped"
            | "in_transit"
            | "out_for_delivery"
            | "delivery_attempted"
            | "available_for_pickup" => Self::UnderWay,
            _ => Self::Nothing,
        }
    }
}

/// The statuses that the order takes because of it, one after the other. It never goes back, and
/// a cancelled order stays cancelled, whatever is on its way.
pub(crate) fn steps(order: OrderStatus, sighting: Sighting) -> &'static [OrderStatus] {
    use OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
    match (order, sighting) {
        (Cancelled | Delivered, _) | (_, Sighting::Nothing) => &[],
        (Pending | Confirmed, Sighting::UnderWay) => &[Shipped],
        (Pending | Confirmed, Sighting::HandedOver) => &[Shipped, Delivered],
        (Shipped, Sighting::UnderWay) => &[],
        (Shipped, Sighting::HandedOver) => &[Delivered],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_follows_its_parcels_and_never_goes_back() {
        use OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
        let cases: [(OrderStatus, &str, bool, &[OrderStatus]); 15] = [
            (Pending, "shipped", false, &[Shipped]),
            (Confirmed, "label_created", false, &[]),
            (Confirmed, "shipped", false, &[Shipped]),
            (Confirmed, "in_transit", false, &[Shipped]),
            (Confirmed, "delivered", true, &[Shipped, Delivered]),
            (Confirmed, "delivered", false, &[Shipped]),
            (Confirmed, "exception", false, &[]),
            (Confirmed, "returning", false, &[]),
            (Confirmed, "teleported", true, &[]),
            (Shipped, "out_for_delivery", false, &[]),
            (Shipped, "delivered", false, &[]),
            (Shipped, "delivered", true, &[Delivered]),
            (Delivered, "in_transit", false, &[]),
            (Delivered, "delivered", true, &[]),
            (Cancelled, "delivered", true, &[]),
        ];
        for (order, parcel, all_delivered, expected) in cases {
            let told = steps(order, Sighting::of(parcel, all_delivered));
            assert_eq!(told, expected, "{order:?}, {parcel}, {all_delivered}");
        }
    }
}
