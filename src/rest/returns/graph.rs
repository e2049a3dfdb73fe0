//! Types of the operations' results.

use serde::Deserialize;

use super::bodies::{ItemCondition, ReturnEvent, ReturnStatus};
use crate::rest::error::{RestError, UserError};
use crate::rest::fields::{Money, Timestamp, graph_enum};

#[derive(Deserialize)]
pub(super) struct ReturnCreate {
    #[serde(rename = "returnCreate")]
    pub(super) payload: Payload<Created>,
}

#[derive(Deserialize)]
pub(super) struct ReturnLabelGenerate {
    #[serde(rename = "returnLabelGenerate")]
    pub(super) payload: Payload<Labelled>,
}

#[derive(Deserialize)]
pub(super) struct ReturnQuery {
    #[serde(rename = "return")]
    pub(super) found: Option<Shown>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload<T> {
    #[serde(rename = "return")]
    pub(super) changed: Option<T>,
    pub(super) user_errors: Vec<UserError>,
    pub(super) label_status: Option<LabelStatus>,
}

impl<T> Payload<T> {
    /// The return, or why it was not changed.
    pub(super) fn outcome(self) -> Result<T, RestError> {
        if let Some(error) = RestError::of_user(self.user_errors) {
            return Err(error);
        }
        self.changed.ok_or_else(|| {
            tracing::error!("a mutation returned neither a return nor an error");
            RestError::internal()
        })
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum LabelStatus {
    Ready,
    Pending,
    Unavailable,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    pub(super) id: String,
    #[serde(deserialize_with = "graph_enum::deserialize")]
    pub(super) status: ReturnStatus,
    pub(super) refund: Refund,
    pub(super) items: Vec<CreatedItem>,
    pub(super) next_step: Option<String>,
    pub(super) created_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct CreatedItem {
    pub(super) reason: Reason,
}

#[derive(Deserialize)]
pub(super) struct Reason {
    pub(super) code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refund {
    pub(super) total: Money,
    pub(super) includes_shipping: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Labelled {
    pub(super) id: String,
    #[serde(deserialize_with = "graph_enum::deserialize")]
    pub(super) status: ReturnStatus,
    pub(super) label: Option<Label>,
    pub(super) next_step: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Label {
    pub(super) url: String,
    pub(super) tracking_number: String,
    pub(super) carrier: String,
    pub(super) estimated_cost: Money,
    pub(super) return_address: String,
    pub(super) expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) id: String,
    pub(super) order: Entity,
    #[serde(deserialize_with = "graph_enum::deserialize")]
    pub(super) status: ReturnStatus,
    pub(super) items: Vec<Item>,
    pub(super) refund: Refund,
    pub(super) label: Option<ShownLabel>,
    pub(super) timeline: Vec<ReturnEvent>,
    pub(super) next_step: Option<String>,
    pub(super) fallback_deadline: Option<Timestamp>,
}

#[derive(Deserialize)]
pub(super) struct Entity {
    pub(super) id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) order_item: Entity,
    pub(super) product_name: String,
    pub(super) quantity: i32,
    #[serde(deserialize_with = "graph_enum::deserialize")]
    pub(super) condition: ItemCondition,
    pub(super) reason: Reason,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownLabel {
    pub(super) url: String,
    pub(super) tracking_number: String,
}
