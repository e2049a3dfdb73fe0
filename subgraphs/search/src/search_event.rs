//! What a shopper did with a product, as clients report it.

use async_graphql::{Enum, ID, InputObject, SimpleObject};
use entities::search::signal::SignalKind;
use resolvers::user_error::InputError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "SignalKind")]
pub(crate) enum SearchEventKind {
    View,
    /// Followed a search result.
    SearchClick,
    /// Put into the cart.
    Cart,
    Purchase,
    Wishlist,
    ReviewRead,
}

#[derive(Clone, Debug, InputObject)]
pub(crate) struct SearchEventInput {
    pub kind: SearchEventKind,
    pub product_id: ID,
    /// The search that led here, `queryId` of its answer.
    pub query_id: Option<ID>,
    /// Where in that search's results the product stood, from 0.
    pub position: Option<i32>,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct SearchEventPayload {
    pub recorded: bool,
    pub user_errors: Vec<InputError>,
}
