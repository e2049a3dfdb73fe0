//! The actions a customer can take on an order.

use super::status::OrderStatus;

/// An action a customer can take on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderAction {
    Cancel,
    /// Order the same products again.
    Reorder,
}

/// The actions open to the customer. An order can be cancelled until the carrier has it. It can be reordered once its
/// payment is settled either way: while it is pending, a second order is most likely an accidental duplicate.
pub(crate) fn allowed(status: OrderStatus) -> &'static [OrderAction] {
    use OrderAction::{Cancel, Reorder};
    match status {
        OrderStatus::Pending => &[Cancel],
        OrderStatus::Confirmed => &[Cancel, Reorder],
        OrderStatus::Shipped | OrderStatus::Delivered | OrderStatus::Cancelled => &[Reorder],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_can_be_cancelled_until_it_is_shipped_and_repeated_once_it_is_settled() {
        use OrderAction::{Cancel, Reorder};
        let cases: [(OrderStatus, &[OrderAction]); 5] = [
            (OrderStatus::Pending, &[Cancel]),
            (OrderStatus::Confirmed, &[Cancel, Reorder]),
            (OrderStatus::Shipped, &[Reorder]),
            (OrderStatus::Delivered, &[Reorder]),
            (OrderStatus::Cancelled, &[Reorder]),
        ];
        for (status, expected) in cases {
            assert_eq!(allowed(status), expected, "{status:?}");
        }
    }
}
