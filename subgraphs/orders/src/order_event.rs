//! The GraphQL type `OrderEvent`.

use std::sync::Arc;

use async_graphql::{Enum, Object};
use entities::orders::order_event as entity;
use resolvers::scalars::DateTime;

use crate::events;

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum OrderEventType {
    /// The customer placed it. The payment is not settled yet.
    Placed,
    /// The payment succeeded.
    Confirmed,
    /// The carrier has the parcel.
    Shipped,
    /// The carrier delivered the parcel.
    Delivered,
    /// It will not be sent.
    Cancelled,
    /// A part of the authorized payment was captured, because it was sent.
    PaymentCaptured,
    /// The payment was refunded, or a part of it.
    Refunded,
    /// The bank refused a refund, which support makes in another way.
    RefundRefused,
}

impl OrderEventType {
    fn of(event: &str) -> Option<Self> {
        match event {
            events::PLACED => Some(Self::Placed),
            events::CONFIRMED => Some(Self::Confirmed),
            events::SHIPPED => Some(Self::Shipped),
            events::DELIVERED => Some(Self::Delivered),
            events::CANCELLED => Some(Self::Cancelled),
            events::CAPTURED => Some(Self::PaymentCaptured),
            events::REFUNDED => Some(Self::Refunded),
            events::REFUND_REFUSED => Some(Self::RefundRefused),
            _ => None,
        }
    }
}

pub(crate) struct OrderEvent(pub Arc<entity::Model>);

/// Something that happened to an order.
#[Object]
impl OrderEvent {
    /// What happened, as a string: `order.placed`, `order.confirmed`, `order.shipped`, `order.delivered`,
    /// `order.cancelled`, `order.payment_captured`, `order.refunded` or `order.refund_refused`.
    #[graphql(deprecation = "Use `type`, which is an enumeration.")]
    async fn event(&self) -> &str {
        &self.0.event
    }

    /// What happened; null for an event that this version does not know.
    #[graphql(name = "type")]
    async fn event_type(&self) -> Option<OrderEventType> {
        OrderEventType::of(&self.0.event)
    }

    /// When it happened.
    async fn timestamp(&self) -> DateTime {
        self.0.occurred_at.into()
    }

    /// Who caused it: `customer`, `payment`, `carrier`, `support` or `system`.
    async fn actor(&self) -> &str {
        &self.0.actor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_a_timeline_has_a_type() {
        let events = [
            (events::PLACED, OrderEventType::Placed),
            (events::CONFIRMED, OrderEventType::Confirmed),
            (events::SHIPPED, OrderEventType::Shipped),
            (events::DELIVERED, OrderEventType::Delivered),
            (events::CANCELLED, OrderEventType::Cancelled),
            (events::CAPTURED, OrderEventType::PaymentCaptured),
            (events::REFUNDED, OrderEventType::Refunded),
            (events::REFUND_REFUSED, OrderEventType::RefundRefused),
        ];
        for (event, expected) in events {
            assert_eq!(OrderEventType::of(event), Some(expected));
        }
        assert_eq!(OrderEventType::of("order.lost"), None);
    }
}
