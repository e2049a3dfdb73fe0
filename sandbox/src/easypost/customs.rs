//! What carriers need to know of a shipment that crosses a border. Without it, they offer no rates.

use serde_json::{Map, Value};

use super::request::filled;

/// Why carriers offer no rates for an international shipment; empty if they do.
pub(super) fn problems(
    customs: Option<&Value>,
    addresses: [&Map<String, Value>; 2],
) -> Vec<String> {
    let mut problems = Vec::new();
    if addresses
        .iter()
        .any(|address| filled(address, "phone").is_none())
    {
        problems.push("A phone number is required for both addresses.".to_owned());
    }
    let Some(customs) = customs.and_then(Value::as_object) else {
        problems.push("customs_info is required for international shipments.".to_owned());
        return problems;
    };
    if customs.get("customs_certify") != Some(&Value::Bool(true))
        || filled(customs, "customs_signer").is_none()
    {
        problems.push("customs_info must be certified by customs_signer.".to_owned());
    }
    let items = customs.get("customs_items").and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        problems.push("customs_info needs customs_items.".to_owned());
    }
    for item in items {
        problems.extend(missing(item));
    }
    problems
}

/// The first thing that an item lacks.
fn missing(item: &Value) -> Option<String> {
    let empty = Map::new();
    let item = item.as_object().unwrap_or(&empty);
    let is_positive = |name: &str| {
        item.get(name)
            .and_then(Value::as_f64)
            .is_some_and(|it| it > 0.0)
    };
    let country = filled(item, "origin_country");
    let name = if filled(item, "description").is_none() {
        "description"
    } else if !is_positive("quantity") {
        "quantity"
    } else if !is_positive("value") {
        "value"
    } else if !is_positive("weight") {
        "weight"
    } else if country.is_none_or(|country| country.len() != 2) {
        "origin_country"
    } else {
        return None;
    };
    Some(format!("A customs item has no valid {name}."))
}
