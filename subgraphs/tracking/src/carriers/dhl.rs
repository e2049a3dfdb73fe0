//! Parses DHL's responses.
//!
//! Events have a `statusCode`, only a `status`, or only a description. Times have an offset or are local to their
//! place, which may be given by country, postal code or name.

use platform::carriers::Place;
use platform::json::{flag, list, text};
use serde_json::Value;

use super::report::{self, ParseIssue, ReadScan, Report};
use crate::rules::status::{Carrier, TrackingStatus};
use crate::rules::status_codes;

pub(super) fn reports(answer: &Value) -> Vec<Report> {
    list(&answer["shipments"]).iter().map(report).collect()
}

fn report(shipment: &Value) -> Report {
    let mut report = Report {
        number: text(&shipment["id"]),
        carrier: Some(Carrier::Dhl),
        ..Report::default()
    };
    let current = &shipment["status"];
    report.read_scans(list(&shipment["events"]), |event| scan(event, current));
    // Used if the newest event is unreadable or there are no events.
    match scan(current, current) {
        Ok(read) => match read.scan.at {
            Some(at) if report.newest().is_none_or(|newest| at.at > newest) => report.push(read),
            None if report.scans.is_empty() => {
                report.push(read);
                if !current["timestamp"].is_null() {
                    report.issues.push(ParseIssue::Time);
                }
            }
            _ => {}
        },
        Err(loss) if report.scans.is_empty() && !current.is_null() => report.issues.push(loss),
        Err(_) => {}
    }
    let frame = &shipment["estimatedDeliveryTimeFrame"];
    let estimates = [
        &shipment["estimatedTimeOfDelivery"],
        &frame["estimatedThrough"],
        &frame["estimatedFrom"],
        &shipment["details"]["estimatedDeliveryDate"],
    ];
    report.read_estimate(&estimates, &address(&shipment["destination"]["address"]));
    if flag(&shipment["returnFlag"]) == Some(true) {
        returned(&mut report);
    }
    report
}

/// With this flag, a delivery is to the sender.
fn returned(report: &mut Report) {
    let mut delivered = report.scans.iter();
    let delivered = delivered.find(|scan| scan.status == TrackingStatus::Delivered);
    if let Some(mut scan) = delivered.cloned() {
        scan.status = TrackingStatus::Returning;
        report.scans.push(scan);
    }
}

fn scan(event: &Value, current: &Value) -> Result<ReadScan, ParseIssue> {
    if !event.is_object() {
        return Err(ParseIssue::Scan);
    }
    let place = place(event);
    let at = report::moment(&event["timestamp"], &place);
    let status = status(event, current)?;
    Ok(ReadScan::new(status, &place, at, &description(event)))
}

/// From the event's code or text; an event without either, if it is the current status, takes that.
fn status(event: &Value, current: &Value) -> Result<TrackingStatus, ParseIssue> {
    let code = |element: &Value| text(&element["statusCode"]);
    let description = description(event);
    if let Some(code) = code(event) {
        return status_codes::dhl(&code, &description).ok_or(ParseIssue::UnknownCode(code));
    }
    let named = text(&event["status"]).and_then(|name| status_codes::dhl(&name, &description));
    named
        .or_else(|| status_codes::dhl_words(&description))
        .or_else(|| {
            let same = !event["timestamp"].is_null() && event["timestamp"] == current["timestamp"];
            status_codes::dhl(&code(current).filter(|_| same)?, &description)
        })
        .ok_or(ParseIssue::Status)
}

fn description(event: &Value) -> String {
    let words = ["status", "description", "remark"].map(|field| text(&event[field]));
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn place(event: &Value) -> Place {
    match text(&event["location"]) {
        Some(name) => named(name),
        None => address(&event["location"]["address"]),
    }
}

fn address(address: &Value) -> Place {
    let locality = text(&address["addressLocality"]).or_else(|| text(address));
    Place {
        country: text(&address["countryCode"]),
        postal_code: text(&address["postalCode"]),
        ..locality.map(named).unwrap_or_default()
    }
}

/// DHL appends states to towns: `Newark NJ`. A country code is not a state.
fn named(name: String) -> Place {
    let state = name.rsplit(' ').next().unwrap_or_default();
    let is_state = state.len() == 2
        && Place {
            country: Some("US".to_owned()),
            state: Some(state.to_owned()),
            ..Place::default()
        }
        .zone()
        .is_some()
        && Place {
            country: Some(state.to_owned()),
            ..Place::default()
        }
        .zone()
        .is_none();
    match name.rsplit_once(' ') {
        Some((city, state)) if is_state => Place {
            city: Some(city.to_owned()),
            state: Some(state.to_owned()),
            ..Place::default()
        },
        _ => Place {
            city: Some(name),
            ..Place::default()
        },
    }
}
