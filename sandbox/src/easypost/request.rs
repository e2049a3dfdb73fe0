//! Parses and validates shipment requests.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::EasyPostError;
use super::time;
use crate::parcels::Place;
use crate::world::World;

/// Parses the body as JSON; an empty body is an empty object.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, EasyPostError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        EasyPostError::invalid(
            "REQUEST.BODY.MALFORMED",
            format!("The request body is malformed: {error}"),
        )
    })
}

/// The object as given, with EasyPost's additions.
pub(super) fn object(
    world: &mut World,
    prefix: &str,
    name: &str,
    given: Map<String, Value>,
) -> Value {
    let now = time(world.now);
    let mut object = json!({
        "id": world.ids.hex(prefix),
        "object": name,
        "mode": "test",
        "created_at": now,
        "updated_at": now,
    });
    if let Value::Object(object) = &mut object {
        for (key, value) in given {
            object.entry(key).or_insert(value);
        }
    }
    object
}

/// Ounces, rounded up.
pub(super) fn weight(parcel: &Map<String, Value>) -> Result<i64, EasyPostError> {
    let weight = match parcel.get("weight") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => return Err(EasyPostError::Missing("parcel.weight")),
    };
    match weight {
        Some(ounces) if ounces > 0.0 && ounces <= 2_400.0 => {
            #[expect(clippy::cast_possible_truncation, reason = "at most 2,400")]
            let ounces = ounces.ceil() as i64;
            Ok(ounces)
        }
        _ => Err(EasyPostError::invalid(
            "PARCEL.WEIGHT.INVALID",
            "Parcel weight must be more than 0 and at most 2400 ounces.",
        )),
    }
}

pub(super) fn check_label_options(options: &Map<String, Value>) -> Result<(), EasyPostError> {
    if let Some(format) = filled(options, "label_format") {
        check_format(format)?;
    }
    match filled(options, "label_size") {
        None | Some("4x6" | "4X6") => Ok(()),
        Some(size) => Err(EasyPostError::invalid(
            "SHIPMENT.OPTIONS.INVALID",
            format!("The sandbox prints labels of 4x6 inches, not of {size}."),
        )),
    }
}

pub(super) fn check_format(format: &str) -> Result<(), EasyPostError> {
    if format.eq_ignore_ascii_case("pdf") {
        Ok(())
    } else {
        Err(EasyPostError::invalid(
            "SHIPMENT.LABEL.FORMAT",
            format!("The sandbox prints labels as PDF, not as {format}."),
        ))
    }
}

pub(super) fn filled<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
}

pub(super) fn place(address: &Value) -> Place {
    let part = |key: &str| address[key].as_str().unwrap_or_default();
    Place::new("", part("city"), part("state"))
}

pub(super) fn address_lines(address: &Value) -> Vec<String> {
    let part = |key: &str| address[key].as_str().unwrap_or_default();
    let town = format!("{} {} {}", part("city"), part("state"), part("zip"));
    [
        part("name"),
        part("company"),
        part("street1"),
        part("street2"),
        &town,
    ]
    .into_iter()
    .map(str::trim)
    .filter(|line| !line.is_empty())
    .map(str::to_owned)
    .collect()
}
