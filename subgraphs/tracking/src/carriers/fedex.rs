//! Parses FedEx's responses.
//!
//! A scan has an event code and a status derived from it by FedEx, which is more specific for some events and less for
//! others. Its time may have the offset of its place.

use platform::carriers::{Moment, Place};
use platform::json::{list, text};
use serde_json::Value;

use super::CarrierError;
use super::report::{self, ParseIssue, ReadScan, Report};
use crate::rules::status::{Carrier, TrackingStatus};
use crate::rules::status_codes;

const NOT_FOUND: &str = "TRACKING.TRACKINGNUMBER.NOTFOUND";

/// FedEx's reports, without the numbers it does not know.
pub(super) fn reports(answer: &Value) -> Vec<Report> {
    results(answer).filter_map(Result::ok).collect()
}

/// FedEx's report or the error for each number.
pub(super) fn results(answer: &Value) -> impl Iterator<Item = Result<Report, CarrierError>> {
    let complete = list(&answer["output"]["completeTrackResults"]);
    complete.iter().map(|complete| {
        // For a reused number, the newest parcel comes first.
        let results = list(&complete["trackResults"]);
        let known = results.iter().find(|result| !is_error(result));
        match known.or_else(|| results.first()) {
            Some(result) if !is_error(result) => Ok(report(complete, result)),
            Some(result) => Err(match text(&result["error"]["code"]) {
                Some(code) if code != NOT_FOUND => CarrierError::Refused(code),
                _ => CarrierError::Unknown,
            }),
            None => Err(CarrierError::Unknown),
        }
    })
}

fn is_error(result: &Value) -> bool {
    text(&result["error"]["code"]).is_some()
}

fn report(complete: &Value, result: &Value) -> Report {
    let asked = &result["trackingNumberInfo"]["trackingNumber"];
    let mut report = Report {
        number: text(&complete["trackingNumber"]).or_else(|| text(asked)),
        carrier: Some(Carrier::Fedex),
        ..Report::default()
    };
    report.read_scans(list(&result["scanEvents"]), scan);
    let latest = &result["latestStatusDetail"];
    if report.scans.is_empty() && !latest.is_null() {
        match latest_status(latest) {
            Ok(status) => {
                let place = place(&latest["scanLocation"]);
                let at = latest_time(result, status, &place);
                report.push(ReadScan::new(
                    status,
                    &place,
                    at,
                    &latest_description(latest),
                ));
            }
            Err(loss) => report.issues.push(loss),
        }
    }
    let estimated = list(&result["dateAndTimes"]).iter();
    let estimated = estimated.filter(|time| time["type"] == "ESTIMATED_DELIVERY");
    let window = &result["estimatedDeliveryTimeWindow"]["window"];
    let mut estimates: Vec<_> = estimated.map(|time| &time["dateTime"]).collect();
    estimates.extend([&window["ends"], &window["begins"]]);
    let recipient = &result["recipientInformation"]["address"];
    report.read_estimate(&estimates, &place(recipient));
    report
}

fn scan(event: &Value) -> Result<ReadScan, ParseIssue> {
    if !event.is_object() {
        return Err(ParseIssue::Scan);
    }
    let place = place(&event["scanLocation"]);
    let at = report::moment(&event["date"], &place);
    let description = text(&event["eventDescription"])
        .or_else(|| text(&event["derivedStatus"]))
        .unwrap_or_default();
    let status = status(
        text(&event["derivedStatusCode"]),
        text(&event["eventType"]),
        &description,
    )?;
    let description = format!(
        "{description} {}",
        text(&event["exceptionDescription"]).unwrap_or_default()
    );
    Ok(ReadScan::new(status, &place, at, &description))
}

/// The derived status, unless it is only "in transit", where the event says more.
fn status(
    derived: Option<String>,
    event: Option<String>,
    description: &str,
) -> Result<TrackingStatus, ParseIssue> {
    let by_derived = derived.as_deref().and_then(status_codes::fedex);
    let by_event = event.as_deref().and_then(status_codes::fedex);
    let by_code = match (by_derived, by_event) {
        (Some(TrackingStatus::InTransit), Some(event)) => Some(event),
        (derived, event) => derived.or(event),
    };
    match (by_code, derived.or(event)) {
        (Some(status), _) => Ok(status),
        (None, Some(code)) => Err(ParseIssue::UnknownCode(code)),
        // Short responses only have text.
        (None, None) => status_codes::fedex_words(description).ok_or(ParseIssue::Status),
    }
}

fn latest_status(latest: &Value) -> Result<TrackingStatus, ParseIssue> {
    status(
        text(&latest["derivedCode"]),
        text(&latest["code"]),
        &latest_description(latest),
    )
}

fn latest_description(latest: &Value) -> String {
    text(&latest["statusByLocale"])
        .or_else(|| text(&latest["description"]))
        .unwrap_or_default()
}

/// When it was delivered or picked up, if that is the current status.
fn latest_time(result: &Value, status: TrackingStatus, place: &Place) -> Option<Moment> {
    let kind = match status {
        TrackingStatus::Delivered => "ACTUAL_DELIVERY",
        TrackingStatus::Shipped => "ACTUAL_PICKUP",
        _ => return None,
    };
    let mut times = list(&result["dateAndTimes"]).iter();
    let time = times.find(|time| time["type"] == kind)?;
    report::moment(&time["dateTime"], place)
}

fn place(location: &Value) -> Place {
    Place {
        city: text(&location["city"]),
        state: text(&location["stateOrProvinceCode"]),
        country: text(&location["countryCode"]),
        postal_code: text(&location["postalCode"]),
    }
}
