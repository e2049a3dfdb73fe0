//! EasyPost's `tracker.updated`: how USPS is followed, and any other carrier whose labels EasyPost sold.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Report, Scan, town};
use crate::carrier::Carrier;
use crate::rules::codes;

/// An event; those about something else than a tracker have another result.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    description: String,
    result: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Tracker {
    tracking_code: String,
    carrier: String,
    est_delivery_date: Option<DateTime<Utc>>,
    #[serde(default)]
    tracking_details: Vec<Detail>,
}

#[derive(Debug, Deserialize)]
struct Detail {
    #[serde(default)]
    status: String,
    status_detail: Option<String>,
    datetime: DateTime<Utc>,
    tracking_location: Option<Location>,
}

#[derive(Debug, Deserialize)]
struct Location {
    city: Option<String>,
    state: Option<String>,
}

/// The parcel that the event is about, if it is about one of a carrier we know.
pub(super) fn report(event: Event) -> Option<(Carrier, Report)> {
    if !event.description.starts_with("tracker.") {
        return None;
    }
    let tracker: Tracker = serde_json::from_value(event.result)
        .inspect_err(|error| tracing::warn!(%error, "a tracker of EasyPost cannot be read"))
        .ok()?;
    let carrier = match tracker.carrier.to_ascii_lowercase().as_str() {
        "usps" => Carrier::Usps,
        "ups" => Carrier::Ups,
        "fedex" => Carrier::Fedex,
        "dhlexpress" => Carrier::Dhl,
        _ => return None,
    };
    let report = Report {
        number: tracker.tracking_code,
        scans: tracker.tracking_details.into_iter().map(scan).collect(),
        estimated_delivery: tracker.est_delivery_date,
    };
    Some((carrier, report))
}

fn scan(detail: Detail) -> Scan {
    let status = codes::easypost(
        &detail.status,
        detail.status_detail.as_deref().unwrap_or_default(),
    );
    if status.is_none() {
        super::unknown_code("easypost", &detail.status);
    }
    Scan {
        status,
        location: detail
            .tracking_location
            .and_then(|place| town(place.city.as_deref(), place.state.as_deref())),
        at: Some(detail.datetime),
    }
}
