//! What a carrier update means for an order.

use super::status::OrderStatus;

/// What the carrier reported about an order's parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fulfillment {
    /// It does not have the parcel yet, or says nothing that matters here.
    NotStarted,
    /// It has the parcel, wherever that is.
    Shipped,
    /// It handed over all parcels of the order.
    Delivered,
}

impl Fulfillment {
    /// From the status of a parcel as tracking names it. A name that is not known, of a newer
    /// version, says nothing.
    pub(crate) fn of(parcel: &str, all_delivered: bool) -> Self {
        match parcel {
            "delivered" if all_delivered => Self::Delivered,
            "delivered"
            | "shipped"
            | "in_transit"
            | "out_for_delivery"
            | "delivery_attempted"
            | "available_for_pickup" => Self::Shipped,
            _ => Self::NotStarted,
        }
    }
}

/// The statuses that the order takes because of it, one after the other. It never goes back, and
/// a cancelled order stays cancelled, whatever is on its way.
pub(crate) fn transitions(order: OrderStatus, fulfillment: Fulfillment) -> &'static [OrderStatus] {
    use OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
    match (order, fulfillment) {
        (Cancelled | Delivered, _) | (_, Fulfillment::NotStarted) => &[],
        (Pending | Confirmed, Fulfillment::Shipped) => &[Shipped],
        (Pending | Confirmed, Fulfillment::Delivered) => &[Shipped, Delivered],
        (Shipped, Fulfillment::Shipped) => &[],
        (Shipped, Fulfillment::Delivered) => &[Delivered],
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
            let actual = transitions(order, Fulfillment::of(parcel, all_delivered));
            assert_eq!(actual, expected, "{order:?}, {parcel}, {all_delivered}");
        }
    }
}
