//! The GraphQL type `StockMovement`: an entry of the ledger of stock, for support.

use async_graphql::{Enum, ID, Object};
use entities::orders::stock_movement as entity;
use resolvers::connection;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;

/// Why stock changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::MovementKind")]
pub(crate) enum StockMovementKind {
    /// What there was when the ledger began.
    Opening,
    /// An order took it.
    Ordered,
    /// The order was cancelled.
    Cancelled,
    /// A return was completed.
    Returned,
    /// The warehouse received it.
    Restocked,
    /// The warehouse counted something else.
    Corrected,
    /// Units that cannot be sold were disposed of.
    WrittenOff,
}

/// Only created for callers with the scope `support`.
#[derive(Clone, Debug)]
pub(crate) struct StockMovement(pub entity::Model);

/// An entry of the ledger of stock.
#[Object]
impl StockMovement {
    /// Counts the movements of the product, from 1.
    async fn sequence(&self) -> i64 {
        self.0.sequence
    }

    /// What happened.
    async fn kind(&self) -> StockMovementKind {
        self.0.kind.into()
    }

    /// How many units it added to those that can be sold; negative if it took them.
    async fn available_change(&self) -> i32 {
        self.0.available
    }

    /// How many units it added to those that cannot be sold.
    async fn damaged_change(&self) -> i32 {
        self.0.damaged
    }

    /// What caused it, such as the order and its line.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// The order line that it concerns, `oi_…`; null if none.
    async fn order_item_id(&self) -> Option<ID> {
        self.0.order_item_id.map(|id| IdKind::OrderItem.id(id))
    }

    /// Who did it: a customer's id, the name of an application, or a part of the system.
    async fn actor(&self) -> &str {
        &self.0.actor
    }

    /// Why, in words; null if the kind says it all.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }
}

connection!(StockMovementConnection, StockMovementEdge, StockMovement);
