//! The names of order events, in timelines and as types of outbox events.

use chrono::{DateTime, Utc};
use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;
use serde::Serialize;

/// The topic of this domain's events.
pub const TOPIC: &str = "orders.events";

/// The customer placed it; the payment is not settled yet.
pub const PLACED: &str = "order.placed";
/// The payment succeeded.
pub const CONFIRMED: &str = "order.confirmed";
/// The carrier has the parcel.
pub const SHIPPED: &str = "order.shipped";
/// The carrier delivered it.
pub const DELIVERED: &str = "order.delivered";
/// It will not be sent.
pub const CANCELLED: &str = "order.cancelled";
/// The payment of a cancelled order was refunded, or support refunded an amount.
pub const REFUNDED: &str = "order.refunded";

/// The payment provider's amount differs from the order's: support should look at it.
pub const SUPPORT_ALERT: &str = "order.support_alert";

/// An order waits for a person for too long.
pub const REVIEW_OVERDUE: &str = "order.review_overdue";

/// An order was placed. Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Placed<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub status: &'a str,
    pub items: Vec<PlacedItem<'a>>,
    pub total: Amount,
    pub total_usd: Amount,
    /// The customer's language, if it is known, as a BCP 47 tag.
    pub language: Option<&'a str>,
    pub timestamp: DateTime<Utc>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlacedItem<'a> {
    pub order_item_id: String,
    pub product_id: String,
    pub product_name: &'a str,
    pub quantity: i32,
}

/// An amount with its currency's own decimals.
#[derive(Debug, Serialize)]
pub(crate) struct Amount {
    pub amount: Decimal,
    pub currency: CurrencyCode,
}

/// An order's status changed. Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusChanged<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub previous_status: &'a str,
    pub status: &'a str,
    /// Who did it: `customer`, `payment`, `carrier` or `system`.
    pub actor: &'a str,
    /// Why it was cancelled: the customer's reason or the payment provider's code.
    pub reason: Option<&'a str>,
    /// When it happened; the carrier's time for carrier events.
    pub timestamp: DateTime<Utc>,
}

/// The payment of a cancelled order was refunded, or support refunded an amount. Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refunded<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub refunded: Amount,
    pub timestamp: DateTime<Utc>,
}

/// An order waits for a person for too long. Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewOverdue<'a> {
    pub version: u32,
    pub order_id: &'a str,
    /// `payment_mismatch`, `refund_mismatch`, `refund_refused`, `payment_in_doubt`, `returned_to_sender` or
    /// `sent_after_cancellation`.
    pub reason: &'a str,
    pub since: DateTime<Utc>,
}

/// Support should look at an order's payment. Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SupportAlert<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    /// `payment_mismatch` or `refund_mismatch`.
    pub reason: &'a str,
    /// The order's amount.
    pub expected: Amount,
    /// The payment provider's amount, in its own units.
    pub received_minor_units: i64,
    /// In capital letters; may be a currency we do not sell in.
    pub received_currency: String,
    pub timestamp: DateTime<Utc>,
}
