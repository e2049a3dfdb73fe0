//! An order's state machine: legal transitions.

pub(crate) use entities::orders::order::OrderStatus;

/// A transition that the state machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order cannot go from {from} to {to}", from = from.as_str(), to = to.as_str())]
pub(crate) struct IllegalTransition {
    pub from: OrderStatus,
    pub to: OrderStatus,
}

/// The possible next statuses.
const fn successors(status: OrderStatus) -> &'static [OrderStatus] {
    use OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
    match status {
        // The carrier may report a parcel before the payment is confirmed.
        Pending => &[Confirmed, Shipped, Cancelled],
        Confirmed => &[Shipped, Cancelled],
        Shipped => &[Delivered],
        Delivered | Cancelled => &[],
    }
}

/// Whether an order can still be cancelled, by whomever: until a parcel of it is packed. Its units are then on their way
/// to the customer, and its payment is captured for them.
pub(crate) const fn is_cancellable(status: OrderStatus, is_packed: bool) -> bool {
    match status {
        OrderStatus::Pending => true,
        OrderStatus::Confirmed => !is_packed,
        OrderStatus::Shipped | OrderStatus::Delivered | OrderStatus::Cancelled => false,
    }
}

/// The new status, or why the transition is refused.
pub(crate) fn transition(
    from: OrderStatus,
    to: OrderStatus,
) -> Result<OrderStatus, IllegalTransition> {
    if successors(from).contains(&to) {
        Ok(to)
    } else {
        Err(IllegalTransition { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
    use super::*;

    #[test]
    fn an_order_has_exactly_these_transitions() {
        let transitions = [
            (Pending, Confirmed),
            (Pending, Shipped),
            (Pending, Cancelled),
            (Confirmed, Shipped),
            (Confirmed, Cancelled),
            (Shipped, Delivered),
        ];
        for &from in OrderStatus::ALL {
            for &to in OrderStatus::ALL {
                let expected = if transitions.contains(&(from, to)) {
                    Ok(to)
                } else {
                    Err(IllegalTransition { from, to })
                };
                assert_eq!(transition(from, to), expected);
            }
        }
        assert_eq!(
            transition(Cancelled, Confirmed).unwrap_err().to_string(),
            "an order cannot go from cancelled to confirmed"
        );
    }

    #[test]
    fn an_order_can_be_cancelled_until_a_parcel_is_packed_and_never_against_its_transitions() {
        for &status in OrderStatus::ALL {
            let is_legal = transition(status, Cancelled).is_ok();
            assert_eq!(is_cancellable(status, false), is_legal, "{status:?}");
            let is_unpaid = status == Pending;
            assert_eq!(is_cancellable(status, true), is_unpaid, "{status:?}");
        }
    }
}
