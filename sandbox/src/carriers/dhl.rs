//! DHL's Shipment Tracking Unified API: `GET /track/shipments?trackingNumber=…`, key in `DHL-API-Key`.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::oddities::{self, Writer};
use crate::middleware::text;
use crate::parcels::{Carrier, Parcel, Place, Scan, Status};
use crate::provider::reason;
use crate::sandbox::Sandbox;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new().route("/track/shipments", get(track))
}

#[derive(Debug, Deserialize)]
struct TrackingQuery {
    #[serde(rename = "trackingNumber")]
    number: Option<String>,
}

async fn track(State(sandbox): State<Sandbox>, Query(asked): Query<TrackingQuery>) -> Response {
    let Some(number) = asked.number else {
        return problem(400, "Missing parameter trackingNumber").into_response();
    };
    let found = sandbox.world(|world| {
        let now = world.now;
        world
            .parcels
            .of_carrier(Carrier::Dhl, &number, now)
            .map(|parcel| {
                let writer = Writer::Carrier(Carrier::Dhl);
                oddities::apply(&world.config, writer, parcel, answer(parcel))
            })
    });
    match found {
        Some(answer) => Json(answer).into_response(),
        None => problem(404, "No shipment with given tracking number found.").into_response(),
    }
}

pub(crate) fn authorize(headers: &HeaderMap) -> Result<(), Box<Response>> {
    match text(headers, "dhl-api-key") {
        Some(key) if !key.is_empty() => Ok(()),
        _ => Err(Box::new(
            problem(401, "Unauthorized for given resource.").into_response(),
        )),
    }
}

pub(crate) fn failure(status: u16) -> Value {
    json!({"title": reason(status), "detail": reason(status), "status": status})
}

fn problem(status: u16, detail: &str) -> (StatusCode, Json<Value>) {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = if status == 404 {
        "No result found"
    } else {
        reason(status)
    };
    (
        code,
        Json(json!({"title": title, "detail": detail, "status": status})),
    )
}

pub(super) fn answer(parcel: &Parcel) -> Value {
    let mut details = json!({});
    if let Some(estimate) = parcel.estimated_delivery {
        details["estimatedDeliveryDate"] = json!(estimate.date_naive());
    }
    let mut shipment = json!({
        "id": parcel.number,
        "service": "express",
        "origin": location(&parcel.from),
        "destination": location(&parcel.to),
        "status": event(parcel.last()),
        "details": details,
        "events": parcel.scans().iter().rev().map(event).collect::<Vec<_>>(),
    });
    if let Some(estimate) = parcel.estimated_delivery {
        shipment["estimatedTimeOfDelivery"] = json!(time(estimate));
    }
    json!({"shipments": [shipment]})
}

fn event(scan: &Scan) -> Value {
    let (code, status, description) = code(scan.status);
    json!({
        "statusCode": code,
        "status": status,
        "description": description,
        "location": location(&scan.place),
        "timestamp": time(scan.at),
    })
}

fn location(place: &Place) -> Value {
    json!({"address": {"addressLocality": place.to_string()}})
}

fn time(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// DHL's status code, its name and description.
fn code(status: Status) -> (&'static str, &'static str, &'static str) {
    match status {
        Status::LabelCreated => (
            "pre-transit",
            "Label created",
            "Shipment information received",
        ),
        Status::Shipped => ("transit", "Picked up", "Shipment picked up"),
        Status::InTransit => (
            "transit",
            "In transit",
            "Shipment is in transit to destination",
        ),
        Status::OutForDelivery => ("transit", "Out for delivery", "With delivery courier"),
        Status::DeliveryAttempted => (
            "failure",
            "Delivery attempted",
            "Delivery attempt unsuccessful",
        ),
        Status::AvailableForPickup => (
            "transit",
            "Available for pickup",
            "Ready for collection by the recipient",
        ),
        Status::Delivered => ("delivered", "Delivered", "Delivered"),
        Status::Returning => (
            "transit",
            "Returning",
            "Shipment is being returned to the sender",
        ),
        Status::Exception => ("failure", "Exception", "Shipment is on hold"),
    }
}
