//! What a customer may do with an order.

use super::status::OrderStatus;

/// What a customer may do with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderAction {
    Cancel,
    /// Place a new order of the same products.
    Reorder,
}

/// The actions open to the customer. An order can be cancelled until the carrier has it. It can
/// be ordered again once it is settled, one way or the other: while its payment is pending, a
/// second order would most likely be the same one twice.
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
