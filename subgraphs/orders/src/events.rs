//! The names of order events, in timelines and as types of outbox events.

use chrono::{DateTime, Utc};
use platform::database::DatabaseTransaction;
use platform::event_type::EventType;
use platform::outbox::{self, NewEvent};
use resolvers::erasure;
use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use sea_orm::DbErr;
use serde::Serialize;

use crate::inventory_events;

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
/// A part of the authorized payment was captured, because it was sent.
pub const CAPTURED: &str = "order.payment_captured";
/// The authorized payment of a cancelled order was given up: nothing was charged.
pub const PAYMENT_RELEASED: &str = "order.payment_released";
/// The payment of a cancelled order was refunded, or support refunded an amount.
pub const REFUNDED: &str = "order.refunded";
/// The bank or the payment provider refused a refund, perhaps after it was issued.
pub const REFUND_REFUSED: &str = "order.refund_refused";

/// The warehouse registered a parcel of it.
pub const SHIPMENT_REGISTERED: &str = "shipment.registered";

/// The carrier reported another status of a parcel of it.
pub const SHIPMENT_STATUS_CHANGED: &str = "shipment.status_changed";

/// The payment provider's amount differs from the order's: support should look at it.
pub const SUPPORT_ALERT: &str = "order.support_alert";

/// An order waits for a person for too long.
pub const REVIEW_OVERDUE: &str = "order.review_overdue";

/// Support should look at a parcel.
pub const PARCEL_ALERT: &str = "order.parcel_alert";

/// Support should look at an authorized payment.
pub const AUTHORIZATION_ALERT: &str = "order.authorization_alert";

/// A customer was deleted: whoever stores something of them erases it.
pub const CUSTOMER_DELETED: &str = erasure::CUSTOMER_DELETED;

/// The events this domain publishes.
pub const TYPES: &[EventType] = &[
    EventType::new::<Placed<'_>>(TOPIC, PLACED),
    EventType::new::<StatusChanged<'_>>(TOPIC, CONFIRMED),
    EventType::new::<StatusChanged<'_>>(TOPIC, SHIPPED),
    EventType::new::<StatusChanged<'_>>(TOPIC, DELIVERED),
    EventType::new::<StatusChanged<'_>>(TOPIC, CANCELLED),
    EventType::new::<Captured<'_>>(TOPIC, CAPTURED),
    EventType::new::<PaymentReleased<'_>>(TOPIC, PAYMENT_RELEASED),
    EventType::new::<Refunded<'_>>(TOPIC, REFUNDED),
    EventType::new::<RefundRefused<'_>>(TOPIC, REFUND_REFUSED),
    EventType::new::<ShipmentRegistered<'_>>(TOPIC, SHIPMENT_REGISTERED),
    EventType::new::<ShipmentStatusChanged<'_>>(TOPIC, SHIPMENT_STATUS_CHANGED),
    EventType::new::<SupportAlert<'_>>(TOPIC, SUPPORT_ALERT),
    EventType::new::<ParcelAlert<'_>>(TOPIC, PARCEL_ALERT),
    EventType::new::<AuthorizationAlert<'_>>(TOPIC, AUTHORIZATION_ALERT),
    EventType::new::<ReviewOverdue<'_>>(TOPIC, REVIEW_OVERDUE),
    EventType::new::<CustomerDeleted<'_>>(erasure::TOPIC, CUSTOMER_DELETED),
    inventory_events::TYPE,
];

/// A customer was deleted. Whoever stores something of them from before then erases it. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CustomerDeleted<'a> {
    pub version: u32,
    pub customer_id: &'a str,
    /// What was stored up to then is to be erased.
    pub timestamp: DateTime<Utc>,
}

/// An order was placed. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
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

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlacedItem<'a> {
    pub order_item_id: String,
    pub product_id: String,
    pub product_name: &'a str,
    pub quantity: i32,
}

/// An amount with its currency's own decimals.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Amount {
    #[schemars(with = "String")]
    pub amount: Decimal,
    #[schemars(with = "String")]
    pub currency: CurrencyCode,
}

/// An order's status changed. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
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

/// The authorized payment of a cancelled order was given up: nothing was charged. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentReleased<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub timestamp: DateTime<Utc>,
}

/// The payment of a cancelled order was refunded, or support refunded an amount. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Refunded<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub refunded: Amount,
    pub timestamp: DateTime<Utc>,
}

/// The bank or the payment provider refused a refund, perhaps after it was issued: the customer does not have the money.
/// Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundRefused<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub refused: Amount,
    pub timestamp: DateTime<Utc>,
}

/// An order waits for a person for too long. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewOverdue<'a> {
    pub version: u32,
    pub order_id: &'a str,
    /// `payment_mismatch`, `refund_mismatch`, `refund_refused`, `payment_in_doubt`, `capture_failed`,
    /// `returned_to_sender` or `sent_after_cancellation`.
    pub reason: &'a str,
    pub since: DateTime<Utc>,
}

/// Support should look at an order's payment. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
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

/// The warehouse registered a parcel of an order. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShipmentRegistered<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    pub shipment_id: String,
    /// `dhl`, `fedex`, `ups` or `usps`.
    pub carrier: &'a str,
    pub tracking_number: &'a str,
    pub lines: Vec<ShippedLine>,
    /// Whether everything that was ordered is in a parcel now that has not come back.
    pub is_complete: bool,
    pub timestamp: DateTime<Utc>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShippedLine {
    pub order_item_id: String,
    pub quantity: i32,
}

/// The carrier reported another status of a parcel of an order. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShipmentStatusChanged<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    /// `dhl`, `fedex`, `ups` or `usps`.
    pub carrier: &'a str,
    pub tracking_number: &'a str,
    /// As in `tracking.status_changed`.
    pub status: &'a str,
    /// When it happened; the carrier's time.
    pub timestamp: DateTime<Utc>,
}

/// Support should look at a parcel of an order. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParcelAlert<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    /// `returned_to_sender`, or `sent_after_cancellation`.
    pub reason: &'a str,
    pub carrier: &'a str,
    pub tracking_number: &'a str,
    pub timestamp: DateTime<Utc>,
}

/// A part of an order's payment was captured. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Captured<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    /// This part.
    pub captured: Amount,
    /// All parts so far.
    pub total_captured: Amount,
    pub timestamp: DateTime<Utc>,
}

/// Support should look at an order's authorized payment. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizationAlert<'a> {
    pub version: u32,
    pub order_id: &'a str,
    pub customer_id: &'a str,
    /// `authorization_ending`: something is still to be sent, and the authorization ends soon. `capture_failed`:
    /// something was sent, and the authorization ended before everything was captured.
    pub reason: &'a str,
    /// When the authorization ends.
    pub authorized_until: Option<DateTime<Utc>>,
    pub timestamp: DateTime<Utc>,
}

/// Publishes an event of an order.
pub(crate) async fn publish(
    transaction: &DatabaseTransaction,
    order_id: &str,
    event_type: &str,
    data: impl Serialize,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let event = NewEvent {
        topic: TOPIC,
        event_type,
        aggregate_id: order_id,
        data,
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}
