//! Parses UPS's responses, whose times are split into several fields.
//!
//! A status has a type of one or two letters, its activity's code, and the package's status as three digits
//! (`statusCode`, or the package's own `code`); any of them may be missing.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use platform::carriers::{Moment, Place};
use platform::json::{list, text};
use serde_json::Value;

use super::report::{ParseIssue, ReadScan, Report};
use crate::rules::status::{Carrier, TrackingStatus};
use crate::rules::status_codes;

pub(super) fn reports(answer: &Value) -> Vec<Report> {
    let shipments = list(&answer["trackResponse"]["shipment"]).iter();
    shipments
        .flat_map(|shipment| {
            let packages = list(&shipment["package"]).iter();
            packages.map(|package| report(shipment, package))
        })
        .collect()
}

fn report(shipment: &Value, package: &Value) -> Report {
    let mut report = Report {
        number: text(&package["trackingNumber"]).or_else(|| text(&shipment["inquiryNumber"])),
        carrier: Some(Carrier::Ups),
        ..Report::default()
    };
    let current = &package["currentStatus"];
    let activities = list(&package["activity"]);
    // The newest comes first, and may take its status from the package.
    let newest = activities.first();
    report.read_scans(activities, |activity| {
        let is_newest = newest.is_some_and(|newest| std::ptr::eq(newest, activity));
        let status = match &activity["status"] {
            Value::Null if is_newest => current,
            status => status,
        };
        scan(activity, status)
    });
    if report.scans.is_empty() && !current.is_null() {
        match status(current) {
            Ok(status) => {
                report.push(ReadScan::new(
                    status,
                    &Place::default(),
                    None,
                    &description(current),
                ));
            }
            Err(loss) => report.issues.push(loss),
        }
    }
    read_estimate(&mut report, package);
    report
}

fn scan(activity: &Value, status: &Value) -> Result<ReadScan, ParseIssue> {
    if !activity.is_object() {
        return Err(ParseIssue::Scan);
    }
    let place = place(&activity["location"]["address"]);
    let at = moment(activity, &place);
    let description = description(status);
    Ok(ReadScan::new(
        self::status(status)?,
        &place,
        at,
        &description,
    ))
}

fn status(status: &Value) -> Result<TrackingStatus, ParseIssue> {
    let [kind, code, package] = ["type", "code", "statusCode"].map(|field| text(&status[field]));
    let description = description(status);
    let known = status_codes::ups(
        kind.as_deref(),
        &[package.as_deref(), code.as_deref()],
        &description,
    );
    known.ok_or_else(|| match kind.or(code).or(package) {
        Some(code) => ParseIssue::UnknownCode(code),
        None => ParseIssue::Status,
    })
}

fn description(status: &Value) -> String {
    text(&status["description"])
        .or_else(|| text(&status["simplifiedTextDescription"]))
        .unwrap_or_default()
}

/// In UTC if given so; otherwise the local time, by the given offset or the place's time zone.
fn moment(activity: &Value, place: &Place) -> Option<Moment> {
    let gmt = date_time(&activity["gmtDate"], &activity["gmtTime"]);
    if let Some(utc) = gmt {
        return Moment::exact(utc.and_utc());
    }
    let day = day(&activity["date"])?;
    match (time(&activity["time"]), offset(&activity["gmtOffset"])) {
        (Some(time), Some(offset)) => {
            let local = day.and_time(time).and_local_timezone(offset);
            Moment::exact(local.earliest()?.to_utc())
        }
        (Some(time), None) => Moment::local(day.and_time(time), place.zone()),
        (None, _) => Moment::day(day, place.zone()),
    }
}

fn read_estimate(report: &mut Report, package: &Value) {
    let dates = list(&package["deliveryDate"]);
    // Rescheduled has priority over scheduled; `DEL` is the delivery itself.
    let mut kinds = ["RDD", "SDD"].into_iter();
    let Some(date) = kinds.find_map(|kind| {
        dates
            .iter()
            .find(|date| text(&date["type"]).as_deref() == Some(kind))
    }) else {
        return;
    };
    let addresses = list(&package["packageAddress"]).iter();
    let destination = addresses
        .filter(|address| text(&address["type"]).as_deref() == Some("DESTINATION"))
        .map(|address| place(&address["address"]))
        .next()
        .unwrap_or_default();
    let Some(day) = day(&date["date"]) else {
        report.issues.push(ParseIssue::Estimate);
        return;
    };
    let hours = &package["deliveryTime"];
    let end = time(&hours["endTime"]).filter(|_| text(&hours["type"]).as_deref() != Some("DEL"));
    let moment = match end {
        Some(end) => Moment::local(day.and_time(end), destination.zone()),
        None => Moment::day(day, destination.zone()),
    };
    match moment {
        Some(moment) => report.estimated_delivery = Some(moment.latest()),
        None => report.issues.push(ParseIssue::Estimate),
    }
}

fn date_time(date: &Value, time: &Value) -> Option<NaiveDateTime> {
    Some(day(date)?.and_time(self::time(time)?))
}

/// `20251003`, or with dashes.
fn day(date: &Value) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(&digits(date)?, "%Y%m%d").ok()
}

/// `093000`, `93000` if it is a number, or with colons.
fn time(time: &Value) -> Option<NaiveTime> {
    let digits = digits(time)?;
    let has_colons = time.as_str().is_some_and(|text| text.contains(':'));
    let digits = if has_colons && digits.len() == 4 {
        digits + "00"
    } else {
        format!("{digits:0>6}")
    };
    NaiveTime::parse_from_str(&digits, "%H%M%S").ok()
}

fn digits(field: &Value) -> Option<String> {
    let text = text(field)?;
    let is_readable = |letter: char| letter.is_ascii_digit() || matches!(letter, '-' | ':');
    text.chars()
        .all(is_readable)
        .then(|| text.chars().filter(char::is_ascii_digit).collect())
}

/// `-08:00`, `-0800` or `-8`.
fn offset(field: &Value) -> Option<FixedOffset> {
    let text = text(field)?;
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(pair) => pair,
        None if rest.len() > 2 => rest.split_at_checked(rest.len() - 2)?,
        None => (rest, "0"),
    };
    let part = |digits: &str| digits.parse::<u16>().ok().map(i32::from);
    FixedOffset::east_opt(sign * (part(hours)? * 3_600 + part(minutes)? * 60))
}

fn place(address: &Value) -> Place {
    Place {
        city: text(&address["city"]),
        state: text(&address["stateProvince"]),
        country: text(&address["countryCode"]).or_else(|| text(&address["country"])),
        postal_code: text(&address["postalCode"]),
    }
}
