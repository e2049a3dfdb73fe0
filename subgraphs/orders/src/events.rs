//! What happens to an order, by name: in its timeline, and as the types of the events told of it
//! through the outbox.

use chrono::{DateTime, Utc};
use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;
use serde::Serialize;

/// Where orders tell the other domains what happened to them.
pub const TOPIC: &str = "orders.events";

/// The customer placed it; the payment is not settled yet.
pub const PLACED: &str = "order.placed";
/// The payment went through.
pub const CONFIRMED: &str = "order.confirmed";
/// The carrier has it.
pub const SHIPPED: &str = "order.shipped";
/// The carrier handed it over.
pub const DELIVERED: &str = "order.delivered";
/// It will not be sent.
pub const CANCELLED: &str = "order.cancelled";
/// What was paid for a cancelled order was given back.
pub const REFUNDED: &str = "order.refunded";

/// The provider's books and the order differ: support should look at it.
pub const SUPPORT_ALERT: &str = "order.support_alert";

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

/// Money, with the currency's own decimals.
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
    /// Why it was cancelled: in the customer's words, or the payment provider's code.
    pub reason: Option<&'a str>,
    /// When it happened: by the carrier's time, if it was the carrier.
    pub timestamp: DateTime<Utc>,
}

/// What was paid for a cancelled order was given back. Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refunded<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub refunded: Amount,
    pub timestamp: DateTime<Utc>,
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
    /// What the order is of.
    pub expected: Amount,
    /// What the payment provider says, in its own units.
    pub received_minor_units: i64,
    /// In capital letters; it may be one that is not sold in.
    pub received_currency: String,
    pub timestamp: DateTime<Utc>,
}
