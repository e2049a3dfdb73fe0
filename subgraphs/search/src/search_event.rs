//! A shopper's interaction with a product, as reported by clients.

use async_graphql::{Enum, ID, InputObject, SimpleObject};
use entities::search::signal::SignalKind;
use resolvers::user_error::InputError;

/// What a shopper can do with a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "SignalKind")]
pub(crate) enum SearchEventKind {
    /// Looked at its page.
    View,
    /// Clicked it in the results of a search.
    SearchClick,
    /// Put it into the cart.
    Cart,
    /// Bought it.
    Purchase,
    /// Put it on the wishlist.
    Wishlist,
    /// Read its reviews.
    ReviewRead,
}

/// Something that a shopper did with a product.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct SearchEventInput {
    /// What the shopper did.
    pub kind: SearchEventKind,
    /// The product's id, `prd_…`.
    pub product_id: ID,
    /// The `queryId` of the search that led to the product, if one did.
    pub query_id: Option<ID>,
    /// The product's position in the results of that search, counted from 0.
    pub position: Option<i32>,
}

/// The outcome of `searchEventRecord`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct SearchEventPayload {
    /// Whether the event was recorded.
    pub recorded: bool,
    /// Why the event was not recorded; empty if it was.
    pub user_errors: Vec<InputError>,
}
