//! How a carrier's update affects an order.

use chrono::{DateTime, Utc};

use super::status::OrderStatus;

/// The progress of an order's parcels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fulfillment {
    /// The carrier does not have a parcel yet, or the update is irrelevant.
    NotStarted,
    /// The carrier has a parcel.
    Shipped,
    /// Everything that was ordered is delivered.
    Delivered,
}

impl Fulfillment {
    /// Interprets tracking's name of a parcel status. Unknown names, from a newer version, are ignored.
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

/// When the last parcel of an order was delivered, if nothing is left to send and all parcels were delivered. `delivered`
/// has the time of each registered parcel that has not come back.
pub(crate) fn delivered_at(
    is_complete: bool,
    delivered: &[Option<DateTime<Utc>>],
) -> Option<DateTime<Utc>> {
    let times: Option<Vec<_>> = delivered.iter().copied().collect();
    times
        .filter(|_| is_complete)
        .and_then(|times| times.into_iter().max())
}

/// The order's next statuses, in sequence. An order never goes back, and a cancelled one stays cancelled whatever is in
/// transit.
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

    #[test]
    fn an_order_is_delivered_at_the_last_of_its_parcels_and_not_before_all_is_sent() {
        let at = |minute: i64| DateTime::from_timestamp(60 * minute, 0);
        for (is_sent, delivered, expected) in [
            (true, &[at(1)][..], at(1)),
            (true, &[at(5), at(2)], at(5)),
            (true, &[at(5), None], None),
            (false, &[at(5), at(2)], None),
            (true, &[], None),
        ] {
            assert_eq!(delivered_at(is_sent, delivered), expected, "{delivered:?}");
        }
    }
}
