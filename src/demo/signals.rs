//! What demo customers did with products: what they bought in the last 90 days, and what the demo customer looked at,
//! so that their search results are personalized from the first start on.

use chrono::{DateTime, Duration, Utc};
use entities::orders::order::OrderStatus;
use entities::search::signal::SignalKind;
use rand::RngExt;
use rand::seq::IndexedRandom;
use uuid::Uuid;

use super::catalog::CATEGORY_COUNT;
use super::orders::Order;
use super::{Plan, Stream};

/// How far back signals count.
const WINDOW: Duration = Duration::days(90);
/// Positions among the categories that the demo customer likes: headphones, earbuds and keyboards.
const LIKED: [u32; 3] = [1, 2, 6];
/// How often the demo customer did what, besides buying: enough for a full preference without any purchase.
const DONE: [(SignalKind, u32); 5] = [
    (SignalKind::View, 32),
    (SignalKind::SearchClick, 12),
    (SignalKind::Cart, 8),
    (SignalKind::Wishlist, 6),
    (SignalKind::ReviewRead, 6),
];
/// Indexes of signals that are no purchases follow those of all purchases.
const OTHERS: u64 = 1 << 40;

pub(super) struct Signal {
    pub(super) id: Uuid,
    pub(super) customer: Uuid,
    pub(super) kind: SignalKind,
    pub(super) product: Uuid,
    pub(super) at: DateTime<Utc>,
    pub(super) order: Option<Uuid>,
}

impl Plan {
    /// The purchases of an order; none if it was cancelled or is too old.
    pub(super) fn purchases(&self, order: &Order) -> Vec<Signal> {
        let counts = order.status != OrderStatus::Cancelled && order.placed_at > self.now - WINDOW;
        let lines = order.lines.iter().zip(0_u64..).filter(|_| counts);
        let signal = |(line, position): (&super::orders::Line, u64)| Signal {
            id: self.signal_id(u64::from(order.index) * 8 + position, order.placed_at),
            customer: order.customer.id,
            kind: SignalKind::Purchase,
            product: line.product.id,
            at: order.placed_at,
            order: Some(order.id),
        };
        lines.map(signal).collect()
    }

    /// What the demo customer looked at.
    pub(super) fn demo_signals(&self) -> Vec<Signal> {
        let customer = self.customer(0).id;
        let kinds = DONE
            .into_iter()
            .flat_map(|(kind, count)| std::iter::repeat_n(kind, count as usize));
        kinds
            .zip(OTHERS..)
            .map(|(kind, index)| {
                let mut random = self.random(Stream::Signal, index);
                let category = LIKED.choose(&mut random).copied().unwrap_or(LIKED[0]);
                let number = random.random_range(0..self.products / CATEGORY_COUNT);
                let at = self.now - Duration::minutes(random.random_range(10..60 * 24 * 60));
                Signal {
                    id: self.signal_id(index, at),
                    customer,
                    kind,
                    product: self.product(category + CATEGORY_COUNT * number).id,
                    at,
                    order: None,
                }
            })
            .collect()
    }

    fn signal_id(&self, index: u64, at: DateTime<Utc>) -> Uuid {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        self.id_at(Stream::Signal, index, millis)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_demo_customer_did_enough_for_a_full_preference() {
        let plan = Plan::of(200);
        let signals = plan.demo_signals();
        assert!(signals.len() > 50, "{}", signals.len());
        let liked: HashSet<_> = (0..plan.products)
            .filter(|index| LIKED.contains(&(index % CATEGORY_COUNT)))
            .map(|index| plan.product(index).id)
            .collect();
        assert!(signals.iter().all(|signal| liked.contains(&signal.product)));
        let purchases: Vec<_> = (0..200)
            .flat_map(|index| plan.purchases(&plan.order(index)))
            .collect();
        let ids: HashSet<_> = signals.iter().chain(&purchases).map(|one| one.id).collect();
        assert_eq!(ids.len(), signals.len() + purchases.len());
        let since = plan.now - WINDOW;
        assert!(!purchases.is_empty());
        assert!(
            signals
                .iter()
                .chain(&purchases)
                .all(|one| one.at > since && one.at < plan.now)
        );
    }
}
