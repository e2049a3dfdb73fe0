//! What happens to an order, by name: in its timeline, and as the types of the events told of it
//! through the outbox.

use chrono::{DateTime, Utc};
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

/// An order's status changed. Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusChanged<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub previous_status: &'a str,
    pub status: &'a str,
    /// When it happened: by the carrier's time, if it was the carrier.
    pub timestamp: DateTime<Utc>,
}
