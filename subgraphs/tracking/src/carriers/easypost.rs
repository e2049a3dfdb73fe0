//! Parses EasyPost's `tracker.updated`, which covers USPS and any other carrier whose labels EasyPost sold.

use platform::carriers::Place;
use platform::json::{list, text};
use platform::providers::easypost::tracker;
use serde_json::Value;

use super::report::{ParseIssue, ReadScan, Report};
use crate::rules::status::{TrackingStatus, carrier_by_seller_name};
use crate::rules::status_codes;

/// The event's parcel; empty if it concerns something else. If EasyPost's name for the carrier account is unknown, the
/// parcel is found by its number alone.
pub(super) fn reports(event: &Value) -> Vec<Report> {
    let tracker = &event["result"];
    let is_tracker = match text(&event["description"]) {
        Some(description) => description.starts_with("tracker."),
        None => tracker["object"] == "Tracker",
    };
    if is_tracker {
        vec![report(tracker)]
    } else {
        Vec::new()
    }
}

fn report(tracker: &Value) -> Report {
    let mut report = Report {
        number: text(&tracker["tracking_code"]),
        carrier: text(&tracker["carrier"]).and_then(|name| carrier_by_seller_name(&name)),
        ..Report::default()
    };
    report.read_scans(list(&tracker["tracking_details"]), |detail| {
        scan(detail, "datetime")
    });
    if report.scans.is_empty() && !tracker["status"].is_null() {
        match scan(tracker, "updated_at") {
            Ok(scan) => report.push(scan),
            Err(loss) => report.issues.push(loss),
        }
    }
    let details = &tracker["carrier_detail"];
    let estimates = [
        &tracker["est_delivery_date"],
        &details["est_delivery_date_local"],
    ];
    report.read_estimate(&estimates, &Place::default());
    report
}

fn scan(detail: &Value, time: &str) -> Result<ReadScan, ParseIssue> {
    if !detail.is_object() {
        return Err(ParseIssue::Scan);
    }
    let place = tracker::place(&detail["tracking_location"]);
    let at = tracker::moment(detail, time);
    Ok(ReadScan::new(
        status(detail)?,
        &place,
        at,
        &description(detail),
    ))
}

fn status(detail: &Value) -> Result<TrackingStatus, ParseIssue> {
    let status = tracker::status(detail).ok_or(ParseIssue::Status)?;
    let more = text(&detail["status_detail"]).unwrap_or_default();
    status_codes::easypost(&status, &more).ok_or(ParseIssue::UnknownCode(status))
}

fn description(detail: &Value) -> String {
    text(&detail["message"]).unwrap_or_default()
}
