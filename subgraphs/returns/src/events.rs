//! The events this domain publishes through its outbox. Money is a decimal string with its currency; ids are public.

use chrono::{DateTime, Utc};
use entities::returns::{customer_return, return_item};
use platform::event_type::EventType;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use crate::rules::status::ReturnStatus;

pub(crate) const TOPIC: &str = "returns.events";

/// The type of the event published when a return reaches this status.
pub(crate) const fn event_type(status: ReturnStatus) -> &'static str {
    match status {
        ReturnStatus::Initiated => "return.initiated",
        ReturnStatus::LabelGenerated => "return.label_generated",
        ReturnStatus::CarrierScanned => "return.carrier_scanned",
        ReturnStatus::RefundIssued => "return.refund_issued",
        ReturnStatus::Completed => "return.completed",
        ReturnStatus::ManualReview => "return.manual_review",
        ReturnStatus::Cancelled => "return.cancelled",
    }
}

/// Support should look at a return.
pub(crate) const SUPPORT_ALERT: &str = "return.support_alert";

/// The customer got store credit instead of money.
pub(crate) const STORE_CREDIT_ISSUED: &str = "return.store_credit_issued";

/// The orders domain is told of credit from before customers could spend it.
pub(crate) const STORE_CREDIT_RECORDED: &str = "return.store_credit_recorded";

/// The order's shipping was refunded after the rest of the refund.
pub(crate) const SHIPPING_REFUNDED: &str = "return.shipping_refunded";

/// Support wants another label for the return.
pub(crate) const LABEL_WANTED: &str = "return.label_wanted";
/// The same in a timeline.
pub(crate) const LABEL_WANTED_TIMELINE: &str = "label_wanted";

/// Support decided about a return.
pub(crate) const REVIEW_DECIDED: &str = "return.review_decided";
/// The same in a timeline.
pub(crate) const REVIEW_DECIDED_TIMELINE: &str = "review_decided";

/// A return waits for a person for too long.
pub(crate) const REVIEW_OVERDUE: &str = "return.review_overdue";

/// The carrier reported another status of the return's parcel.
pub(crate) const SHIPMENT_STATUS_CHANGED: &str = "return.shipment_status_changed";

/// The events this domain publishes.
pub const TYPES: &[EventType] = &[
    reached::<Initiated>(ReturnStatus::Initiated),
    reached::<LabelGenerated>(ReturnStatus::LabelGenerated),
    reached::<CarrierScanned>(ReturnStatus::CarrierScanned),
    reached::<RefundIssued>(ReturnStatus::RefundIssued),
    reached::<Completed>(ReturnStatus::Completed),
    reached::<ManualReview>(ReturnStatus::ManualReview),
    reached::<Cancelled>(ReturnStatus::Cancelled),
    EventType::new::<StatusReached<LabelRequested>>(TOPIC, LABEL_WANTED),
    EventType::new::<SupportAlert>(TOPIC, SUPPORT_ALERT),
    EventType::new::<StoreCreditIssued>(TOPIC, STORE_CREDIT_ISSUED),
    EventType::new::<StoreCreditRecorded>(TOPIC, STORE_CREDIT_RECORDED),
    EventType::new::<ShippingRefunded>(TOPIC, SHIPPING_REFUNDED),
    EventType::new::<ReviewDecided>(TOPIC, REVIEW_DECIDED),
    EventType::new::<ReviewOverdue>(TOPIC, REVIEW_OVERDUE),
    EventType::new::<ShipmentStatusChanged>(TOPIC, SHIPMENT_STATUS_CHANGED),
];

const fn reached<D: JsonSchema>(status: ReturnStatus) -> EventType {
    EventType::new::<StatusReached<D>>(TOPIC, event_type(status))
}

/// A return reached a status. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusReached<D = Details> {
    pub version: u32,
    pub return_id: String,
    pub order_id: String,
    pub customer_id: String,
    pub status: &'static str,
    /// Null when the return was created.
    pub previous_status: Option<&'static str>,
    pub actor: String,
    #[serde(flatten)]
    pub details: D,
}

/// Fields specific to one status.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Details {
    Initiated(Initiated),
    LabelGenerated(LabelGenerated),
    CarrierScanned(CarrierScanned),
    RefundIssued(RefundIssued),
    Completed(Completed),
    ManualReview(ManualReview),
    LabelRequested(LabelRequested),
    Cancelled(Cancelled),
}

/// A return was accepted.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Initiated {
    pub items: Vec<Item>,
    pub refund: Refund,
}

/// There is a label for the return.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LabelGenerated {
    pub carrier: String,
    pub tracking_number: String,
    pub expires_at: DateTime<Utc>,
    /// When the return goes to manual review unless the carrier has scanned the package.
    pub fallback_deadline: Option<DateTime<Utc>>,
}

/// The carrier has the package.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CarrierScanned {
    pub scanned_at: DateTime<Utc>,
    /// The return was in manual review because this scan was missing.
    pub late: bool,
}

/// The customer's money or credit is on its way.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundIssued {
    pub refund: Refund,
}

/// The return has ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Completed {
    /// The items that arrived, of which unused ones are in stock again.
    pub items: Vec<Item>,
}

/// A person has to look at the return.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ManualReview {
    pub reason: &'static str,
}

/// Support wants another label for the return.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LabelRequested {
    pub decision: &'static str,
}

/// The return will not happen.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cancelled {
    /// The tracking number of the voided label, if there was one.
    pub tracking_number: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub order_item_id: String,
    pub product_id: Option<String>,
    pub product_name: String,
    pub quantity: i32,
    pub condition: &'static str,
    pub reason_code: String,
}

impl From<&return_item::Model> for Item {
    fn from(row: &return_item::Model) -> Self {
        Self {
            order_item_id: IdKind::OrderItem.format(row.order_item_id),
            product_id: row.product_id.map(|id| IdKind::Product.format(id)),
            product_name: row.product_name.clone(),
            quantity: row.quantity,
            condition: row.condition.as_str(),
            reason_code: row.reason_code.clone(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refund {
    pub currency: &'static str,
    #[schemars(with = "String")]
    pub items: Decimal,
    #[schemars(with = "String")]
    pub tax: Decimal,
    /// Negative when deducted.
    #[schemars(with = "String")]
    pub shipping: Decimal,
    #[schemars(with = "String")]
    pub total: Decimal,
    pub includes_shipping: bool,
    pub method: &'static str,
}

impl Refund {
    /// The row's refund, if its currency is valid.
    pub(crate) fn of(row: &customer_return::Model) -> Option<Self> {
        let currency = CurrencyCode::from_code(&row.currency)?;
        let decimal = |minor| Money::new(minor, currency).decimal();
        Some(Self {
            currency: currency.as_str(),
            items: decimal(row.refund_items),
            tax: decimal(row.refund_tax),
            shipping: decimal(row.refund_shipping),
            total: decimal(row.refund_total),
            includes_shipping: row.shipping_refunded,
            method: row.refund_method.as_str(),
        })
    }
}

/// Support should look at a return. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SupportAlert {
    pub version: u32,
    pub return_id: String,
    pub order_id: String,
    pub customer_id: String,
    /// `no_label`, `refund_refused`, `refund_mismatch`, `label_used`, `label_unknown`, `scanned_after_cancellation`
    /// or `returned_to_customer`.
    pub reason: &'static str,
    pub created_at: DateTime<Utc>,
}

/// Tells the customer about store credit instead of money, and why. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreCreditIssued {
    pub version: u32,
    pub return_id: String,
    pub order_id: String,
    pub customer_id: String,
    pub store_credit_id: String,
    #[schemars(with = "String")]
    pub amount: Decimal,
    /// All credit for this return so far, including this.
    #[schemars(with = "String")]
    pub total_amount: Decimal,
    pub currency: &'static str,
    /// `payment_unusable`, `refund_failed`, `paid_by_credit` or `support_decision`.
    pub reason: &'static str,
}

/// The credit that there is for a return. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreCreditRecorded {
    pub version: u32,
    pub return_id: String,
    pub customer_id: String,
    #[schemars(with = "String")]
    pub total_amount: Decimal,
    pub currency: &'static str,
}

/// The order's shipping was refunded after the rest of the refund, because the return that was to refund it was
/// cancelled. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShippingRefunded {
    pub version: u32,
    pub return_id: String,
    pub order_id: String,
    pub customer_id: String,
    #[schemars(with = "String")]
    pub amount: Decimal,
    pub currency: &'static str,
    /// The return's whole refund, including this.
    pub refund: Refund,
}

/// Support decided about a return that waited for a person. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewDecided {
    pub version: u32,
    pub return_id: String,
    pub order_id: String,
    pub customer_id: String,
    /// `no_scan`, `rate_out_of_bounds`, `no_label`, `refund_refused`, `returned_to_customer`, `cancelled_but_scanned` or
    /// `label_not_voided`.
    pub reason: &'static str,
    /// `retry_label`, `retry_void`, `refund`, `refund_to_store_credit`, `reject` or `wait`.
    pub decision: &'static str,
    pub actor: String,
    pub previous_status: &'static str,
    pub status: &'static str,
}

/// A return waits for a person for too long. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewOverdue {
    pub version: u32,
    pub return_id: String,
    pub reason: &'static str,
    pub since: DateTime<Utc>,
}

/// The carrier reported another status of a return's parcel. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShipmentStatusChanged {
    pub version: u32,
    pub return_id: String,
    pub order_id: String,
    pub customer_id: String,
    pub carrier: String,
    pub tracking_number: String,
    /// As in `tracking.status_changed`.
    pub status: String,
    /// Whether the customer has it back.
    pub returned_to_sender: bool,
    /// When it happened; the carrier's time.
    pub timestamp: DateTime<Utc>,
}
