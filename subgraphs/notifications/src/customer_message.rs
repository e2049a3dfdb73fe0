//! Which events customers are told of, and what their messages show.

use serde_json::{Map, Value, json};

/// A message about an event, before its language and its channels are known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CustomerMessage {
    pub template: &'static str,
    /// The values that the template shows, without the order's number.
    pub data: Value,
    /// The place that it opens.
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Order,
    Return,
}

/// The topics whose events customers may be told of.
pub(crate) const TOPICS: &[&str] = &["orders.events", "returns.events", "tracking.events"];

/// The message about an event of this type; `None` if the customer is not told of it. A value that is missing is left
/// out.
pub(crate) fn message(event_type: &str, event: &Value) -> Option<CustomerMessage> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let order = |template, data| {
        Some(CustomerMessage {
            template,
            data,
            place: Place::Order,
        })
    };
    let of_return = |template, data| {
        Some(CustomerMessage {
            template,
            data,
            place: Place::Return,
        })
    };
    match event_type {
        "order.confirmed" => order("order.confirmed", json!({})),
        "order.shipped" => order("order.shipped", json!({})),
        "order.delivered" => order("order.delivered", json!({})),
        "order.cancelled" => order("order.cancelled", json!({ "actor": text("actor") })),
        "order.refunded" => order(
            "order.refunded",
            json!({ "refunded": event.get("refunded") }),
        ),
        "return.initiated" => of_return("return.initiated", json!({ "refund": refund(event) })),
        "return.label_generated" => of_return(
            "return.label_generated",
            json!({
                "carrier": text("carrier").map(carrier),
                "deadline": event.get("fallbackDeadline"),
            }),
        ),
        "return.carrier_scanned" => of_return("return.carrier_scanned", json!({})),
        "return.refund_issued" => {
            of_return("return.refund_issued", json!({ "refund": refund(event) }))
        }
        "return.completed" => of_return("return.completed", json!({})),
        "return.manual_review" => of_return("return.manual_review", json!({})),
        "return.cancelled" => of_return(
            "return.cancelled",
            json!({ "label": text("trackingNumber").is_some() }),
        ),
        "return.store_credit_issued" => of_return(
            "return.store_credit_issued",
            json!({ "amount": amount(event) }),
        ),
        "return.shipping_refunded" => of_return(
            "return.shipping_refunded",
            json!({ "amount": amount(event) }),
        ),
        // Of a return's parcel, the return's own events tell.
        "tracking.status_changed" | "tracking.returned_to_sender" if text("returnId").is_none() => {
            let template = match (event_type, text("status")?.to_ascii_lowercase().as_str()) {
                ("tracking.returned_to_sender", _) => "parcel.returned_to_sender",
                (_, "out_for_delivery") => "parcel.out_for_delivery",
                (_, "delivery_attempted") => "parcel.delivery_attempted",
                (_, "available_for_pickup") => "parcel.available_for_pickup",
                (_, "exception") => "parcel.exception",
                // The order's own events tell of the others.
                _ => return None,
            };
            let data = json!({
                "carrier": text("carrier").map(carrier),
                "location": text("location"),
            });
            order(template, data)
        }
        _ => None,
    }
    .map(|message| CustomerMessage {
        data: without_nulls(message.data),
        ..message
    })
}

fn without_nulls(data: Value) -> Value {
    let known: Map<_, _> = match data {
        Value::Object(values) => values
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ => Map::new(),
    };
    Value::Object(known)
}

fn amount(event: &Value) -> Option<Value> {
    Some(json!({ "amount": event.get("amount")?, "currency": event.get("currency")? }))
}

fn refund(event: &Value) -> Option<Value> {
    let refund = event.get("refund")?;
    Some(json!({ "amount": refund.get("total")?, "currency": refund.get("currency")? }))
}

/// The carrier's name, from its code here or at EasyPost, such as `UPSDAP`.
fn carrier(code: &str) -> String {
    let upper = code.to_ascii_uppercase();
    for name in ["USPS", "UPS", "FedEx", "DHL"] {
        if upper.starts_with(&name.to_ascii_uppercase()) {
            return name.to_owned();
        }
    }
    code.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::Templates;

    #[test]
    fn customers_are_told_of_every_step_and_of_nothing_twice() {
        let check = |event_type: &str, event: Value, expected: Option<&str>| {
            let found = message(event_type, &event).map(|message| message.template);
            assert_eq!(found, expected, "{event_type} {event}");
        };
        check("order.placed", json!({}), None);
        check("order.support_alert", json!({}), None);
        check("return.support_alert", json!({}), None);
        check("price.changed", json!({}), None);
        for event in [
            "order.confirmed",
            "order.shipped",
            "order.delivered",
            "order.cancelled",
        ] {
            check(event, json!({}), Some(event));
        }
        let parcel = |status: &str, of_return: Option<&str>| json!({ "status": status, "returnId": of_return });
        let changed = "tracking.status_changed";
        for (status, expected) in [
            ("label_created", None),
            ("shipped", None),
            ("in_transit", None),
            ("delivered", None),
            ("returning", None),
            ("out_for_delivery", Some("parcel.out_for_delivery")),
            ("OUT_FOR_DELIVERY", Some("parcel.out_for_delivery")),
            ("delivery_attempted", Some("parcel.delivery_attempted")),
            ("available_for_pickup", Some("parcel.available_for_pickup")),
            ("exception", Some("parcel.exception")),
        ] {
            check(changed, parcel(status, None), expected);
            check(changed, parcel(status, Some("ret_1")), None);
        }
        let returned = "tracking.returned_to_sender";
        check(
            returned,
            parcel("delivered", None),
            Some("parcel.returned_to_sender"),
        );
        check(returned, parcel("delivered", Some("ret_1")), None);
    }

    #[test]
    fn what_an_event_says_is_enough_for_its_template() {
        let templates = Templates::new("Vantage").unwrap();
        let refund = json!({ "currency": "EUR", "total": "29.45" });
        for (event_type, event) in [
            ("order.confirmed", json!({})),
            (
                "order.cancelled",
                json!({ "actor": "payment", "reason": "insufficient_funds" }),
            ),
            (
                "order.refunded",
                json!({ "refunded": { "amount": "29.45", "currency": "EUR" } }),
            ),
            ("return.initiated", json!({ "refund": refund })),
            (
                "return.label_generated",
                json!({ "carrier": "UPSDAP", "fallbackDeadline": null }),
            ),
            (
                "return.label_generated",
                json!({ "carrier": "USPS", "fallbackDeadline": "2025-10-12T09:00:00Z" }),
            ),
            (
                "return.carrier_scanned",
                json!({ "scannedAt": "2025-10-12T09:00:00Z", "late": false }),
            ),
            ("return.refund_issued", json!({ "refund": refund })),
            ("return.cancelled", json!({ "trackingNumber": null })),
            (
                "return.store_credit_issued",
                json!({ "amount": "29.45", "currency": "EUR" }),
            ),
            (
                "return.shipping_refunded",
                json!({ "amount": "29.45", "currency": "EUR" }),
            ),
            (
                "tracking.status_changed",
                json!({ "status": "available_for_pickup", "carrier": "dhl" }),
            ),
            (
                "tracking.returned_to_sender",
                json!({ "status": "delivered", "carrier": "fedex" }),
            ),
        ] {
            let message = message(event_type, &event).unwrap();
            let mut data = message.data;
            data["number"] = json!("7K2M-9QXD");
            for locale in crate::templates::LOCALES {
                templates.text(message.template, locale, &data).unwrap();
            }
        }
    }

    #[test]
    fn a_carrier_is_called_by_its_name() {
        for (code, name) in [
            ("dhl", "DHL"),
            ("DhlEcs", "DHL"),
            ("fedex", "FedEx"),
            ("FedExDefault", "FedEx"),
            ("UPSDAP", "UPS"),
            ("usps", "USPS"),
            ("Evri", "Evri"),
        ] {
            assert_eq!(carrier(code), name);
        }
    }
}
