//! The events this domain publishes, through its outbox and directly to watchers.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entities::tracking::shipment;
use platform::event_type::EventType;
use resolvers::id::IdKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rules::status::{Carrier, TrackingStatus};

pub(crate) const TOPIC: &str = "tracking.events";
pub(crate) const STATUS_CHANGED: &str = "tracking.status_changed";
/// A parcel was returned to its sender. Has the fields of a status change.
pub(crate) const RETURNED_TO_SENDER: &str = "tracking.returned_to_sender";
pub(crate) const SHIPMENT_FLAGGED: &str = "tracking.shipment_flagged";

/// The events this domain publishes.
pub const TYPES: &[EventType] = &[
    EventType::new::<StatusChanged<'_>>(TOPIC, STATUS_CHANGED),
    EventType::new::<StatusChanged<'_>>(TOPIC, RETURNED_TO_SENDER),
    EventType::new::<ShipmentFlagged<'_>>(TOPIC, SHIPMENT_FLAGGED),
];

/// A parcel's status changed. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusChanged<'a> {
    pub version: u32,
    pub order_id: &'a str,
    /// Set for a return's parcel.
    pub return_id: Option<&'a str>,
    pub customer_id: String,
    pub shipment_id: String,
    pub carrier: &'a str,
    pub tracking_number: &'a str,
    pub previous_status: &'a str,
    pub status: &'a str,
    /// Whether it and all other parcels of the order or return are now delivered.
    pub all_delivered: bool,
    /// When the last of them was delivered, if all are; never in the future.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Whether it was returned to its sender.
    pub returned_to_sender: bool,
    pub location: Option<&'a str>,
    /// When it happened, by the carrier's clock.
    pub timestamp: Option<DateTime<Utc>>,
    pub estimated_delivery: Option<DateTime<Utc>>,
    /// The number of the change among all of the order's or return's.
    pub sequence: i32,
}

/// Support should look for a parcel. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShipmentFlagged<'a> {
    pub version: u32,
    pub order_id: &'a str,
    /// Set for a return's parcel.
    pub return_id: Option<&'a str>,
    pub shipment_id: String,
    pub carrier: &'a str,
    pub tracking_number: &'a str,
    /// `no_answer`: too many consecutive failures. `overdue`: not delivered within the age limit.
    pub reason: &'a str,
    pub failures: i32,
}

/// The channel on which an order's changes are published as [`Change`]s.
pub(crate) fn channel(order: Uuid) -> String {
    format!("order:tracking:{}", IdKind::Order.format(order))
}

/// A numbered change of a parcel, complete enough that watchers need not read anything. Version 1; processes of
/// adjacent versions understand each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    version: u32,
    pub sequence: i32,
    shipment_id: Uuid,
    order_id: Uuid,
    return_id: Option<Uuid>,
    customer_id: Uuid,
    carrier: Carrier,
    tracking_number: String,
    status: TrackingStatus,
    location: Option<String>,
    timestamp: Option<DateTime<Utc>>,
    estimated_delivery: Option<DateTime<Utc>>,
    answered_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    #[serde(default)]
    returned_to_sender: bool,
    /// When it was published; only in published messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<DateTime<Utc>>,
}

impl Change {
    /// The parcel's last change.
    pub(crate) fn of(row: &shipment::Model) -> Self {
        Self {
            version: 1,
            sequence: row.sequence,
            shipment_id: row.id,
            order_id: row.order_id,
            return_id: row.return_id,
            customer_id: row.customer_id,
            carrier: row.carrier,
            tracking_number: row.tracking_number.clone(),
            status: row.status,
            location: row.location.clone(),
            timestamp: row.last_update,
            estimated_delivery: row.estimated_delivery,
            answered_at: row.last_answered_at,
            created_at: row.created_at,
            returned_to_sender: row.returned_to_sender,
            published_at: None,
        }
    }

    /// The parcel as of this change.
    pub(crate) fn into_shipment(self) -> shipment::Model {
        shipment::Model {
            id: self.shipment_id,
            order_id: self.order_id,
            return_id: self.return_id,
            customer_id: self.customer_id,
            carrier: self.carrier,
            tracking_number: self.tracking_number,
            status: self.status,
            location: self.location,
            last_update: self.timestamp,
            estimated_delivery: self.estimated_delivery,
            sequence: self.sequence,
            consecutive_errors: 0,
            last_polled_at: self.answered_at,
            last_answered_at: self.answered_at,
            created_at: self.created_at,
            returned_to_sender: self.returned_to_sender,
            estimated_at: None,
            overdue_at: None,
            registered_at: None,
        }
    }

    pub(crate) fn to_message(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }
}
