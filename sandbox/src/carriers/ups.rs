//! UPS's Tracking API: `POST /security/v1/oauth/token`, then `GET /api/track/v1/details/{number}`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use chrono::Duration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::oddities::{self, Writer};
use crate::middleware::basic;
use crate::parcels::{Carrier, Parcel, Scan, Status};
use crate::provider::{Provider, coded_errors, reason};
use crate::sandbox::Sandbox;

const TOKEN_SECONDS: i64 = 14_399;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/security/v1/oauth/token", post(token))
        .route("/api/track/v1/details/{number}", get(track))
}

#[derive(Debug, Deserialize)]
struct Grant {
    grant_type: Option<String>,
}

async fn token(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    Form(grant): Form<Grant>,
) -> Response {
    let client = basic(&headers).filter(|(id, secret)| !id.is_empty() && !secret.is_empty());
    let Some((client, _)) = client else {
        let body = error("10401", "ClientId is Invalid");
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    };
    if grant.grant_type.as_deref() != Some("client_credentials") {
        let body = error("10400", "Invalid/Missing grant_type");
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    let (token, now) = sandbox.world(|world| {
        let token = world.grant(Provider::Ups, Duration::seconds(TOKEN_SECONDS));
        (token, world.now)
    });
    Json(json!({
        "token_type": "Bearer",
        "issued_at": now.timestamp_millis().to_string(),
        "client_id": client,
        "access_token": token,
        "expires_in": TOKEN_SECONDS.to_string(),
        "status": "approved",
    }))
    .into_response()
}

async fn track(State(sandbox): State<Sandbox>, Path(number): Path<String>) -> Response {
    let found = sandbox.world(|world| {
        let now = world.now;
        world
            .parcels
            .of_carrier(Carrier::Ups, &number, now)
            .map(|parcel| {
                let writer = Writer::Carrier(Carrier::Ups);
                oddities::apply(&world.config, writer, parcel, answer(parcel))
            })
    });
    match found {
        Some(answer) => Json(answer).into_response(),
        None => {
            let body = error("TW0001", "Tracking Information Not Found");
            (StatusCode::NOT_FOUND, Json(body)).into_response()
        }
    }
}

pub(crate) fn failure(status: u16) -> Value {
    let code = match status {
        404 => "TW0001",
        429 => "10429",
        503 => "10503",
        _ => "10500",
    };
    error(code, reason(status))
}

pub(super) fn error(code: &str, message: &str) -> Value {
    json!({"response": {"errors": coded_errors(code, message)}})
}

pub(super) fn answer(parcel: &Parcel) -> Value {
    let (_, code, description) = code(parcel.last().status);
    let mut dates = Vec::new();
    if let Some(estimate) = parcel.estimated_delivery {
        dates.push(json!({"type": "SDD", "date": estimate.format("%Y%m%d").to_string()}));
    }
    let delivered = parcel
        .scans()
        .iter()
        .rfind(|scan| scan.status == Status::Delivered);
    if let Some(scan) = delivered {
        dates.push(json!({"type": "DEL", "date": scan.at.format("%Y%m%d").to_string()}));
    }
    json!({
        "trackResponse": {
            "shipment": [{
                "inquiryNumber": parcel.number,
                "package": [{
                    "trackingNumber": parcel.number,
                    "currentStatus": {"description": description, "code": code},
                    "activity": parcel.scans().iter().rev().map(activity).collect::<Vec<_>>(),
                    "deliveryDate": dates,
                }],
            }],
        },
    })
}

fn activity(scan: &Scan) -> Value {
    let (kind, code, description) = code(scan.status);
    json!({
        "location": {
            "address": {
                "city": scan.place.city.to_uppercase(),
                "stateProvince": scan.place.state,
                "countryCode": "US",
            },
        },
        "status": {"type": kind, "description": description, "statusCode": code},
        "date": scan.at.format("%Y%m%d").to_string(),
        "time": scan.at.format("%H%M%S").to_string(),
        "gmtDate": scan.at.format("%Y%m%d").to_string(),
        "gmtTime": scan.at.format("%H:%M:%S").to_string(),
        "gmtOffset": "+00:00",
    })
}

/// UPS's activity type, code and description.
fn code(status: Status) -> (&'static str, &'static str, &'static str) {
    match status {
        Status::LabelCreated => (
            "M",
            "M",
            "Shipper created a label, UPS has not received the package yet",
        ),
        Status::Shipped => ("P", "P", "Pickup Scan"),
        Status::InTransit => ("I", "I", "On The Way"),
        Status::OutForDelivery => ("O", "O", "Out For Delivery Today"),
        Status::DeliveryAttempted => ("X", "DA", "Delivery Attempted"),
        Status::AvailableForPickup => ("W", "W", "Ready for Customer Pickup"),
        Status::Delivered => ("D", "D", "Delivered"),
        Status::Returning => ("RS", "RS", "Returning to Sender"),
        Status::Exception => ("X", "X", "Exception"),
    }
}
