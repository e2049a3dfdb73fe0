//! The parcels that are followed.

use chrono::Utc;
use entities::tracking::shipment::{self, Carrier, TrackingStatus};
use uuid::Uuid;

/// A parcel in transit, with its own customer and order.
pub(crate) fn parcel(number: usize) -> shipment::Model {
    let now = Utc::now();
    shipment::Model {
        id: Uuid::now_v7(),
        order_id: Uuid::now_v7(),
        return_id: None,
        customer_id: Uuid::now_v7(),
        carrier: Carrier::Dhl,
        tracking_number: format!("DHL{number:010}"),
        status: TrackingStatus::InTransit,
        location: Some("Newark NJ".to_owned()),
        last_update: Some(now),
        estimated_delivery: Some(now),
        sequence: 0,
        consecutive_errors: 0,
        returned_to_sender: false,
        estimated_at: None,
        overdue_at: None,
        registered_at: None,
        last_polled_at: Some(now),
        last_answered_at: Some(now),
        created_at: now,
    }
}
