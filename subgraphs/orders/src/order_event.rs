//! An entry of an order's timeline, as the graph shows it.

use std::sync::Arc;

use async_graphql::Object;
use entities::orders::order_event as entity;
use resolvers::scalars::DateTime;

pub(crate) struct OrderEvent(pub Arc<entity::Model>);

/// Something that happened to an order.
#[Object]
impl OrderEvent {
    /// `order.placed`, `order.confirmed`, `order.shipped`, `order.delivered`, `order.cancelled` or
    /// `order.refunded`.
    async fn event(&self) -> &str {
        &self.0.event
    }

    async fn timestamp(&self) -> DateTime {
        self.0.occurred_at.into()
    }

    /// Who did it: `customer`, `payment`, `carrier`, `support` or `system`.
    async fn actor(&self) -> &str {
        &self.0.actor
    }
}
