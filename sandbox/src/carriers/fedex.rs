//! FedEx's Track API: `POST /oauth/token`, then `POST /track/v1/trackingnumbers` for up to thirty numbers.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Form, Json, Router};
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::oddities::{self, Writer};
use crate::parcels::{Carrier, Parcel, Place, Status};
use crate::provider::{Provider, coded_errors, reason};
use crate::sandbox::Sandbox;

const TOKEN_SECONDS: i64 = 3_600;
const MOST_NUMBERS: usize = 30;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/oauth/token", post(token))
        .route("/track/v1/trackingnumbers", post(track))
}

#[derive(Debug, Deserialize)]
struct Credentials {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

async fn token(State(sandbox): State<Sandbox>, Form(credentials): Form<Credentials>) -> Response {
    let given = |text: Option<String>| text.is_some_and(|text| !text.is_empty());
    if credentials.grant_type.as_deref() != Some("client_credentials")
        || !given(credentials.client_id)
        || !given(credentials.client_secret)
    {
        let body = error(
            "NOT.AUTHORIZED.ERROR",
            "The given client credentials were not valid. Please modify your request and try again.",
        );
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    }
    let token =
        sandbox.world(|world| world.grant(Provider::Fedex, Duration::seconds(TOKEN_SECONDS)));
    Json(json!({
        "access_token": token,
        "token_type": "bearer",
        "expires_in": TOKEN_SECONDS,
        "scope": "CXS",
    }))
    .into_response()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrackingRequest {
    tracking_info: Vec<TrackingInfo>,
    #[serde(default)]
    include_detailed_scans: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrackingInfo {
    tracking_number_info: TrackingNumberInfo,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrackingNumberInfo {
    tracking_number: String,
}

async fn track(
    State(sandbox): State<Sandbox>,
    asked: Result<Json<TrackingRequest>, JsonRejection>,
) -> Response {
    let bad = |code: &str, message: &str| {
        (StatusCode::BAD_REQUEST, Json(error(code, message))).into_response()
    };
    let Ok(Json(asked)) = asked else {
        return bad(
            "INVALID.INPUT.EXCEPTION",
            "Invalid field value in the input",
        );
    };
    if asked.tracking_info.is_empty() {
        return bad(
            "TRACKING.TRACKINGNUMBER.EMPTY",
            "Please provide tracking number.",
        );
    }
    if asked.tracking_info.len() > MOST_NUMBERS {
        return bad(
            "TRACKING.TRACKINGNUMBER.MAXIMUM",
            "The maximum number of packages to be tracked is thirty.",
        );
    }
    let results = sandbox.world(|world| {
        let now = world.now;
        asked
            .tracking_info
            .iter()
            .map(|info| {
                let number = &info.tracking_number_info.tracking_number;
                match world.parcels.of_carrier(Carrier::Fedex, number, now) {
                    Some(parcel) => {
                        let writer = Writer::Carrier(Carrier::Fedex);
                        let told = answer([result(parcel)]);
                        let mut told = oddities::apply(&world.config, writer, parcel, told);
                        let mut found = told["output"]["completeTrackResults"][0].take();
                        if !asked.include_detailed_scans
                            && let Some(results) = found["trackResults"][0].as_object_mut()
                        {
                            results.remove("scanEvents");
                        }
                        found
                    }
                    None => not_found(number),
                }
            })
            .collect::<Vec<_>>()
    });
    Json(answer(results)).into_response()
}

pub(crate) fn failure(status: u16) -> Value {
    let code = match status {
        404 => "NOT.FOUND.ERROR",
        429 => "TOO.MANY.REQUESTS",
        503 => "SERVICE.UNAVAILABLE.ERROR",
        _ => "INTERNAL.SERVER.ERROR",
    };
    error(code, reason(status))
}

pub(super) fn error(code: &str, message: &str) -> Value {
    json!({
        "transactionId": "624deea6-b709-470c-8c39-4b5511281492",
        "errors": coded_errors(code, message),
    })
}

pub(super) fn answer(results: impl IntoIterator<Item = Value>) -> Value {
    json!({
        "transactionId": "624deea6-b709-470c-8c39-4b5511281492",
        "output": {"completeTrackResults": results.into_iter().collect::<Vec<_>>()},
    })
}

fn not_found(number: &str) -> Value {
    json!({
        "trackingNumber": number,
        "trackResults": [{
            "trackingNumberInfo": {"trackingNumber": number},
            "error": {
                "code": "TRACKING.TRACKINGNUMBER.NOTFOUND",
                "message": "Tracking number cannot be found. Please correct the tracking number and try again.",
            },
        }],
    })
}

pub(super) fn result(parcel: &Parcel) -> Value {
    let last = parcel.last();
    let (code, text) = code(last.status);
    let mut times = Vec::new();
    if let Some(estimate) = parcel.estimated_delivery {
        times.push(json!({"type": "ESTIMATED_DELIVERY", "dateTime": time(estimate)}));
    }
    for (status, kind) in [
        (Status::Shipped, "ACTUAL_PICKUP"),
        (Status::Delivered, "ACTUAL_DELIVERY"),
    ] {
        if let Some(scan) = parcel.scans().iter().rfind(|scan| scan.status == status) {
            times.push(json!({"type": kind, "dateTime": time(scan.at)}));
        }
    }
    let scans: Vec<_> = parcel
        .scans()
        .iter()
        .rev()
        .map(|scan| {
            let (code, text) = self::code(scan.status);
            json!({
                "date": time(scan.at),
                "eventType": code,
                "eventDescription": text,
                "derivedStatusCode": code,
                "derivedStatus": text,
                "scanLocation": location(&scan.place),
            })
        })
        .collect();
    json!({
        "trackingNumber": parcel.number,
        "trackResults": [{
            "trackingNumberInfo": {"trackingNumber": parcel.number, "carrierCode": "FDXE"},
            "latestStatusDetail": {
                "code": code,
                "derivedCode": code,
                "statusByLocale": text,
                "description": text,
                "scanLocation": location(&last.place),
            },
            "dateAndTimes": times,
            "scanEvents": scans,
        }],
    })
}

fn location(place: &Place) -> Value {
    json!({
        "city": place.city.to_uppercase(),
        "stateOrProvinceCode": place.state,
        "countryCode": "US",
    })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// FedEx's code and English description.
fn code(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::LabelCreated => ("OC", "Label created"),
        Status::Shipped => ("PU", "Picked up"),
        Status::InTransit => ("IT", "In Transit"),
        Status::OutForDelivery => ("OD", "On FedEx vehicle for delivery"),
        Status::DeliveryAttempted => ("DE", "Delivery exception"),
        Status::AvailableForPickup => ("HL", "Ready for pickup"),
        Status::Delivered => ("DL", "Delivered"),
        Status::Returning => ("RS", "Returning package to shipper"),
        Status::Exception => ("SE", "Shipment exception"),
    }
}
