//! The bodies of requests and answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::fields::{Amount, Timestamp, graph_enum};

/// How far a return is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReturnStatus {
    Initiated,
    LabelGenerated,
    CarrierScanned,
    RefundIssued,
    Completed,
    ManualReview,
    Cancelled,
}

/// What state an item comes back in.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ItemCondition {
    Unopened,
    OpenedUnused,
    OpenedUsed,
    Defective,
    Damaged,
}

/// What is to come back.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(serialize = "camelCase"))]
pub(super) struct NewReturn {
    pub(super) order_id: String,
    pub(super) items: Vec<NewReturnItem>,
}

/// Units of an order item that are to come back.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(serialize = "camelCase"))]
pub(super) struct NewReturnItem {
    pub(super) order_item_id: String,
    pub(super) quantity: i32,
    #[serde(serialize_with = "graph_enum::serialize")]
    pub(super) condition: ItemCondition,
    /// One of the 18 reasons, which the query `returnReasons` lists: `defective_on_arrival`, `changed_mind` …
    pub(super) reason_code: String,
    /// In the customer's own words.
    pub(super) reason_text: Option<String>,
}

/// A return that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedReturn {
    pub(super) return_id: String,
    pub(super) status: ReturnStatus,
    /// Always true: what may not come back is refused.
    pub(super) eligible: bool,
    pub(super) refund_amount: Amount,
    /// ISO 4217; absent for USD.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) refund_currency: Option<String>,
    pub(super) refund_includes_shipping: bool,
    /// Of the first item.
    pub(super) reason: String,
    #[schema(required)]
    pub(super) next_step: Option<String>,
    pub(super) created_at: Timestamp,
}

/// The label of a return.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LabelledReturn {
    pub(super) return_id: String,
    pub(super) status: ReturnStatus,
    /// A PDF; the link is good until `label_expires_at`.
    pub(super) shipping_label_url: String,
    pub(super) tracking_number: String,
    pub(super) carrier: String,
    pub(super) estimated_cost: Amount,
    /// ISO 4217; absent for USD.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) estimated_cost_currency: Option<String>,
    pub(super) return_address: String,
    pub(super) label_expires_at: Timestamp,
}

/// A return as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownReturn {
    pub(super) return_id: String,
    pub(super) order_id: String,
    pub(super) status: ReturnStatus,
    pub(super) items: Vec<ShownItem>,
    pub(super) refund_amount: Amount,
    /// ISO 4217; absent for USD.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) refund_currency: Option<String>,
    pub(super) refund_includes_shipping: bool,
    /// Null until there is a label.
    #[schema(required)]
    pub(super) shipping_label_url: Option<String>,
    #[schema(required)]
    pub(super) tracking_number: Option<String>,
    /// What happened so far, in order.
    pub(super) timeline: Vec<ReturnEvent>,
    /// What the customer does or waits for; null when nothing more will happen.
    #[schema(required)]
    pub(super) next_step: Option<String>,
    /// Without a carrier scan until then, support looks at the return. Null while no scan is awaited.
    #[schema(required)]
    pub(super) fallback_deadline: Option<Timestamp>,
}

/// Units of an order item that come back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownItem {
    pub(super) order_item_id: String,
    pub(super) product_name: String,
    pub(super) quantity: i32,
    pub(super) condition: ItemCondition,
    pub(super) reason_code: String,
}

/// A step on a return's way.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct ReturnEvent {
    /// `return_initiated`, `label_generated`, `carrier_scanned`, `refund_issued`, `completed`, `manual_review` or
    /// `cancelled`; `shipping_refunded` and `store_credit_issued` between them.
    pub(super) event: String,
    pub(super) timestamp: Timestamp,
}
