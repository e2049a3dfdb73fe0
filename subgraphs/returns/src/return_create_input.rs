//! The input for creating or previewing a return.

use async_graphql::{ID, InputObject};
use serde::Serialize;

use crate::return_item::ItemCondition;

/// A return to create or preview.
#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct ReturnCreateInput {
    /// The id of one of the caller's orders, `ord_…`.
    pub order_id: ID,
    /// What is sent back: 1 to 100 different items of that order.
    pub items: Vec<ReturnItemInput>,
}

/// Units of an order item to send back.
#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct ReturnItemInput {
    /// The order item's id, `oi_…`.
    pub order_item_id: ID,
    /// How many units, at least 1.
    pub quantity: i32,
    /// The condition that they are in.
    pub condition: ItemCondition,
    /// The `code` of one of `returnReasons`.
    pub reason_code: String,
    /// The reason in the customer's own words, at most 1,000 characters.
    pub reason_text: Option<String>,
}
