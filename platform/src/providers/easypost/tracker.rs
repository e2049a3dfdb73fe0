//! EasyPost's trackers, as its webhooks report them.

use serde_json::Value;

use crate::carriers::{Moment, Place};
use crate::json::text;

/// Where a scan was, from its `tracking_location`.
pub fn place(location: &Value) -> Place {
    Place {
        city: text(&location["city"]),
        state: text(&location["state"]),
        country: text(&location["country"]),
        postal_code: text(&location["zip"]),
    }
}

/// The status of a scan or of the tracker, in EasyPost's spelling: `in_transit`, however it is written.
pub fn status(scan: &Value) -> Option<String> {
    // A number is no status.
    let status = text(&scan["status"]).filter(|_| scan["status"].is_string())?;
    Some(status.to_lowercase().replace([' ', '-'], "_"))
}

/// A scan's time, if it has one that can be read: `datetime` of a detail, `updated_at` of the tracker itself.
pub fn moment(scan: &Value, field: &str) -> Option<Moment> {
    let zone = place(&scan["tracking_location"]).zone();
    Moment::read(&text(&scan[field])?, zone)
}
