//! A shopper's interaction with a product, as reported by clients.

use async_graphql::{Enum, ID, InputObject, SimpleObject};
use entities::search::signal::SignalKind;
use resolvers::user_error::InputError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "SignalKind")]
pub(crate) enum SearchEventKind {
    View,
    /// Clicked in a search result.
    SearchClick,
    /// Added to the cart.
    Cart,
    Purchase,
    Wishlist,
    ReviewRead,
}

#[derive(Clone, Debug, InputObject)]
pub(crate) struct SearchEventInput {
    pub kind: SearchEventKind,
    pub product_id: ID,
    /// The `queryId` of the search that led here.
    pub query_id: Option<ID>,
    /// The product's position in that search's results, from 0.
    pub position: Option<i32>,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct SearchEventPayload {
    pub recorded: bool,
    pub user_errors: Vec<InputError>,
}
