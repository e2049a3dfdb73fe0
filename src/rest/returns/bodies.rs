//! Request and response bodies.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::fields::{Amount, Timestamp, graph_enum};

/// A return's status.
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

/// The condition of a returned item.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ItemCondition {
    Unopened,
    OpenedUnused,
    OpenedUsed,
    Defective,
    Damaged,
}

/// A return to create.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(serialize = "camelCase"))]
pub(super) struct NewReturn {
    pub(super) order_id: String,
    pub(super) items: Vec<NewReturnItem>,
}

/// Units of an order item to return.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(serialize = "camelCase"))]
pub(super) struct NewReturnItem {
    pub(super) order_item_id: String,
    pub(super) quantity: i32,
    #[serde(serialize_with = "graph_enum::serialize")]
    pub(super) condition: ItemCondition,
    /// One of the 18 reason codes listed by the query `returnReasons`: `defective_on_arrival`, `changed_mind` …
    pub(super) reason_code: String,
    /// The customer's own description.
    pub(super) reason_text: Option<String>,
}

/// A created return.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedReturn {
    pub(super) return_id: String,
    pub(super) status: ReturnStatus,
    /// Always true: ineligible requests are rejected.
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

/// A return's shipping label.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LabelledReturn {
    pub(super) return_id: String,
    pub(super) status: ReturnStatus,
    /// A PDF; the link is valid until `label_expires_at`.
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

/// A return's current state.
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
    /// Null until the label exists.
    #[schema(required)]
    pub(super) shipping_label_url: Option<String>,
    #[schema(required)]
    pub(super) tracking_number: Option<String>,
    /// What has happened so far, oldest first.
    pub(super) timeline: Vec<ReturnEvent>,
    /// The customer's next step; null when nothing more will happen.
    #[schema(required)]
    pub(super) next_step: Option<String>,
    /// When the return goes to manual review unless the carrier has scanned the package. Null while no scan is expected.
    #[schema(required)]
    pub(super) fallback_deadline: Option<Timestamp>,
}

/// Units of a returned order item.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownItem {
    pub(super) order_item_id: String,
    pub(super) product_name: String,
    pub(super) quantity: i32,
    pub(super) condition: ItemCondition,
    pub(super) reason_code: String,
}

/// An event of a return.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct ReturnEvent {
    /// `return_initiated`, `label_generated`, `carrier_scanned`, `refund_issued`, `completed`, `manual_review` or
    /// `cancelled`; also `shipping_refunded` and `store_credit_issued` in between.
    pub(super) event: String,
    pub(super) timestamp: Timestamp,
}
