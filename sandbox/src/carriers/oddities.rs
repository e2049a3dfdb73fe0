//! Irregularities of real carriers' responses, beyond their published samples: local times, missing codes, `null` and
//! numbers in place of text, invalid elements. A parcel has the oddities it was given, or some determined by the seed
//! and its number.

use chrono::Duration;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::Config;
use crate::parcels::{Carrier, Parcel, Scan, Status};

/// A way in which responses about a parcel differ from the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Oddity {
    /// Times without an offset, local to their place.
    LocalTimes,
    /// The first scan has a date without a time.
    DaysOnly,
    /// `null` for lists, text and places.
    Nulls,
    /// Numbers for text, text for numbers, a date for a time, in unimportant fields.
    Retyped,
    /// Scans without their most specific code.
    MissingCodes,
    /// UPS's three-digit codes in addition to the letters.
    NumericCodes,
    /// Invalid elements among the scans.
    UnreadableScan,
    /// The newest scan is five days in the future.
    FutureTimes,
    /// EasyPost's names of its own accounts.
    AccountNames,
}

/// Oddities a parcel may have by default: they do not change the meaning.
const RANDOM: [Oddity; 7] = [
    Oddity::LocalTimes,
    Oddity::Nulls,
    Oddity::Retyped,
    Oddity::MissingCodes,
    Oddity::NumericCodes,
    Oddity::UnreadableScan,
    Oddity::AccountNames,
];

/// Who writes a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Carrier(Carrier),
    Easypost,
}

/// This parcel's oddities.
pub(crate) fn of(config: &Config, parcel: &Parcel) -> Vec<Oddity> {
    if let Some(given) = &parcel.oddities {
        return given.clone();
    }
    let mut seed = [0; 32];
    for (position, byte) in parcel.number.bytes().enumerate() {
        seed[position % 24] ^= byte.rotate_left((position / 24) as u32);
    }
    seed[24..].copy_from_slice(&config.seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(seed);
    let share = config.oddities.min(100);
    RANDOM
        .into_iter()
        .filter(|_| random.random_ratio(share, 100))
        .collect()
}

/// Applies a parcel's oddities to a response.
pub(crate) fn apply(config: &Config, writer: Writer, parcel: &Parcel, mut answer: Value) -> Value {
    for oddity in of(config, parcel) {
        write(writer, oddity, parcel, &mut answer);
    }
    answer
}

fn write(writer: Writer, oddity: Oddity, parcel: &Parcel, answer: &mut Value) {
    let form = Form::of(writer);
    // The newest comes first, except at EasyPost.
    let mut scans: Vec<_> = parcel.scans().iter().collect();
    if writer != Writer::Easypost {
        scans.reverse();
    }
    let newest = if writer == Writer::Easypost {
        scans.len() - 1
    } else {
        0
    };
    match oddity {
        Oddity::UnreadableScan => {
            if let Some(Value::Array(elements)) = answer.pointer_mut(form.elements) {
                elements.push(Value::Null);
                elements.push(json!({form.time: "soon", "status": {"type": []}}));
                elements.push(json!("no scan"));
            }
        }
        Oddity::Retyped => retype(writer, answer),
        Oddity::AccountNames => {
            if let Some(name) = answer.pointer_mut("/result/carrier") {
                *name = json!(account(parcel.carrier));
            }
        }
        _ => {}
    }
    if oddity == Oddity::NumericCodes && writer == Writer::Carrier(Carrier::Ups) {
        current_ups(parcel.last().status, answer);
    }
    let Some(Value::Array(elements)) = answer.pointer_mut(form.elements) else {
        return;
    };
    for (position, (element, scan)) in elements.iter_mut().zip(scans.iter().copied()).enumerate() {
        let is_oldest = scan.at == parcel.scans()[0].at;
        match oddity {
            Oddity::LocalTimes => local_time(writer, position, element, scan),
            Oddity::DaysOnly if is_oldest && parcel.scans().len() > 1 => {
                element[form.time] = json!(scan.at.format(form.day).to_string());
                if writer == Writer::Carrier(Carrier::Ups) {
                    clear(element, &["time", "gmtDate", "gmtTime", "gmtOffset"]);
                }
            }
            Oddity::Nulls => null(element, form.texts, form.place, is_oldest),
            Oddity::MissingCodes => drop_code(writer, element),
            Oddity::NumericCodes if writer == Writer::Carrier(Carrier::Ups) => {
                let (kind, code, package, said) = ups_codes(scan.status);
                element["status"] =
                    json!({"type": kind, "code": code, "statusCode": package, "description": said});
            }
            Oddity::FutureTimes if position == newest => ahead(writer, element, scan),
            _ => {}
        }
    }
    if oddity == Oddity::LocalTimes && writer == Writer::Carrier(Carrier::Dhl) {
        let last = parcel.last();
        if let Some(status) = answer.pointer_mut("/shipments/0/status") {
            local_time(writer, 0, status, last);
        }
    }
    if oddity == Oddity::FutureTimes && writer == Writer::Carrier(Carrier::Dhl) {
        let last = parcel.last();
        if let Some(status) = answer.pointer_mut("/shipments/0/status") {
            ahead(writer, status, last);
        }
    }
}

/// The structure of a response.
struct Form {
    elements: &'static str,
    time: &'static str,
    day: &'static str,
    place: &'static str,
    texts: &'static [&'static str],
}

impl Form {
    fn of(writer: Writer) -> Self {
        let (elements, time, day, place, texts): (_, _, _, _, &[_]) = match writer {
            Writer::Easypost => (
                "/result/tracking_details",
                "datetime",
                "%Y-%m-%d",
                "tracking_location",
                &["message", "description", "source", "carrier_code"],
            ),
            Writer::Carrier(Carrier::Dhl | Carrier::Usps) => (
                "/shipments/0/events",
                "timestamp",
                "%Y-%m-%d",
                "location",
                &["status", "remark", "nextSteps"],
            ),
            Writer::Carrier(Carrier::Fedex) => (
                "/output/completeTrackResults/0/trackResults/0/scanEvents",
                "date",
                "%Y-%m-%d",
                "scanLocation",
                &["derivedStatus", "exceptionDescription"],
            ),
            Writer::Carrier(Carrier::Ups) => (
                "/trackResponse/shipment/0/package/0/activity",
                "date",
                "%Y%m%d",
                "location",
                &["gmtDate", "gmtTime"],
            ),
        };
        Self {
            elements,
            time,
            day,
            place,
            texts,
        }
    }
}

fn null(element: &mut Value, texts: &[&str], place: &str, is_oldest: bool) {
    for text in texts {
        if !element[*text].is_null() {
            element[*text] = Value::Null;
        }
    }
    if is_oldest {
        element[place] = Value::Null;
    }
}

fn clear(element: &mut Value, fields: &[&str]) {
    if let Some(element) = element.as_object_mut() {
        for field in fields {
            element.remove(*field);
        }
    }
}

/// A local time, with what identifies its zone: a country and a postal code, or UPS's offset.
fn local_time(writer: Writer, position: usize, element: &mut Value, scan: &Scan) {
    let Some(clock) = scan.place.clock() else {
        return;
    };
    let local = scan.at.with_timezone(&clock.zone);
    let written = local.format("%Y-%m-%dT%H:%M:%S").to_string();
    match writer {
        Writer::Carrier(Carrier::Dhl | Carrier::Usps) => {
            element["timestamp"] = json!(written);
            element["location"]["address"]["countryCode"] = json!(clock.country);
            element["location"]["address"]["postalCode"] = json!(clock.postal_code);
        }
        Writer::Carrier(Carrier::Fedex) => {
            element["date"] = json!(written);
            element["scanLocation"]["countryCode"] = json!(clock.country);
            element["scanLocation"]["postalCode"] = json!(clock.postal_code);
        }
        Writer::Carrier(Carrier::Ups) => {
            element["date"] = json!(local.format("%Y%m%d").to_string());
            element["time"] = json!(local.format("%H%M%S").to_string());
            clear(element, &["gmtDate", "gmtTime", "gmtOffset"]);
            if position.is_multiple_of(2) {
                element["gmtOffset"] = json!(local.format("%:z").to_string());
            } else {
                element["location"]["address"]["countryCode"] = json!(clock.country);
                element["location"]["address"]["postalCode"] = json!(clock.postal_code);
            }
        }
        // EasyPost's times are always in UTC.
        Writer::Easypost => {}
    }
}

fn ahead(writer: Writer, element: &mut Value, scan: &Scan) {
    let at = scan.at + Duration::days(5);
    match writer {
        Writer::Carrier(Carrier::Ups) => {
            for field in ["date", "gmtDate"] {
                element[field] = json!(at.format("%Y%m%d").to_string());
            }
        }
        _ => {
            let field = Form::of(writer).time;
            element[field] = json!(at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
}

fn drop_code(writer: Writer, element: &mut Value) {
    match writer {
        Writer::Carrier(Carrier::Dhl | Carrier::Usps) => clear(element, &["statusCode"]),
        Writer::Carrier(Carrier::Fedex) => clear(element, &["derivedStatusCode", "derivedStatus"]),
        // Only the type is left.
        Writer::Carrier(Carrier::Ups) => clear(&mut element["status"], &["statusCode"]),
        Writer::Easypost => clear(element, &["carrier_code"]),
    }
}

fn retype(writer: Writer, answer: &mut Value) {
    let fields: &[(&str, Value)] = match writer {
        Writer::Carrier(Carrier::Dhl | Carrier::Usps) => &[
            ("/shipments/0/service", json!(7)),
            ("/shipments/0/origin", json!("Bonn")),
        ],
        Writer::Carrier(Carrier::Fedex) => &[
            ("/transactionId", json!(624)),
            (
                "/output/completeTrackResults/0/trackResults/0/trackingNumberInfo/carrierCode",
                json!(null),
            ),
        ],
        Writer::Carrier(Carrier::Ups) => &[],
        Writer::Easypost => &[
            ("/result/weight", json!("40.0")),
            ("/result/fees", json!(null)),
            ("/result/updated_at", json!(false)),
        ],
    };
    for (path, value) in fields {
        if let Some(field) = answer.pointer_mut(path) {
            *field = value.clone();
        }
    }
    if writer == Writer::Carrier(Carrier::Ups)
        && let Some(Value::Array(activities)) =
            answer.pointer_mut("/trackResponse/shipment/0/package/0/activity")
    {
        for activity in activities {
            for field in ["date", "time"] {
                let number = activity[field]
                    .as_str()
                    .and_then(|digits| digits.parse::<u64>().ok());
                if let Some(number) = number {
                    activity[field] = json!(number);
                }
            }
        }
    }
}

/// EasyPost's name of its account with this carrier.
fn account(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Dhl => "DhlEcs",
        Carrier::Fedex => "FedExDefault",
        Carrier::Ups => "UPSDAP",
        Carrier::Usps => "USPS",
    }
}

fn current_ups(status: Status, answer: &mut Value) {
    let (kind, code, package, said) = ups_codes(status);
    if let Some(current) = answer.pointer_mut("/trackResponse/shipment/0/package/0/currentStatus") {
        *current = json!({"type": kind, "code": package, "statusCode": code, "description": said,
            "simplifiedTextDescription": said});
    }
}

/// UPS's type, activity code, package status and description.
const fn ups_codes(status: Status) -> (&'static str, &'static str, &'static str, &'static str) {
    match status {
        Status::LabelCreated => ("M", "MP", "003", "Shipment Ready for UPS"),
        Status::Shipped => ("P", "PU", "038", "Picked Up"),
        Status::InTransit => ("I", "DP", "005", "Departed from Facility"),
        Status::OutForDelivery => ("I", "OT", "021", "Out For Delivery Today"),
        Status::DeliveryAttempted => ("X", "DA", "022", "First Attempt Made"),
        Status::AvailableForPickup => ("D", "2Q", "040", "Delivered to UPS Access Point"),
        Status::Delivered => ("D", "FS", "011", "DELIVERED"),
        Status::Returning => ("RS", "RS", "036", "Returning to Sender: In Transit"),
        Status::Exception => ("X", "X", "013", "Exception"),
    }
}
