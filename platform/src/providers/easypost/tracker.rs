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

/// A scan's time, if it has one that can be read: `datetime` of a detail, `updated_at` of the tracker itself.
pub fn moment(scan: &Value, field: &str) -> Option<Moment> {
    let zone = place(&scan["tracking_location"]).zone();
    Moment::read(&text(&scan[field])?, zone)
}
