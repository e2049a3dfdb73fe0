//! The orders domain's `OrderItem` as this domain knows it.

use async_graphql::{ID, SimpleObject};

/// A line of an order, visible only to the customer who placed it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(unresolvable = "id")]
pub(crate) struct OrderItem {
    /// Globally unique id: `oi_` followed by 26 characters.
    pub id: ID,
}
