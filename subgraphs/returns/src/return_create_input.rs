//! The input for creating or previewing a return.

use async_graphql::{ID, InputObject};
use serde::Serialize;

use crate::return_item::ItemCondition;

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct ReturnCreateInput {
    pub order_id: ID,
    pub items: Vec<ReturnItemInput>,
}

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct ReturnItemInput {
    pub order_item_id: ID,
    pub quantity: i32,
    pub condition: ItemCondition,
    /// One of `returnReasons`.
    pub reason_code: String,
    /// In the customer's own words.
    pub reason_text: Option<String>,
}
