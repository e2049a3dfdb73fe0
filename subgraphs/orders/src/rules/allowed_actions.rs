//! The actions a customer can take on an order.

use super::status::OrderStatus;

/// An action a customer can take on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderAction {
    Cancel,
    /// Order the same products again.
    Reorder,
}

/// The actions open to the customer. An order can be cancelled until a parcel of it is packed. It can be reordered once its
/// payment is settled either way: while it is pending, a second order is most likely an accidental duplicate.
pub(crate) fn allowed(status: OrderStatus, is_packed: bool) -> &'static [OrderAction] {
    use OrderAction::{Cancel, Reorder};
    match status {
        OrderStatus::Pending => &[Cancel],
        OrderStatus::Confirmed if !is_packed => &[Cancel, Reorder],
        OrderStatus::Confirmed
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Cancelled => &[Reorder],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_can_be_cancelled_until_it_is_shipped_and_repeated_once_it_is_settled() {
        use OrderAction::{Cancel, Reorder};
        let cases: [(OrderStatus, bool, &[OrderAction]); 6] = [
            (OrderStatus::Pending, false, &[Cancel]),
            (OrderStatus::Confirmed, false, &[Cancel, Reorder]),
            (OrderStatus::Confirmed, true, &[Reorder]),
            (OrderStatus::Shipped, true, &[Reorder]),
            (OrderStatus::Delivered, true, &[Reorder]),
            (OrderStatus::Cancelled, false, &[Reorder]),
        ];
        for (status, is_packed, expected) in cases {
            assert_eq!(
                allowed(status, is_packed),
                expected,
                "{status:?} {is_packed}"
            );
        }
    }
}
