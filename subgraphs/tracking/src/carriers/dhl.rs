//! DHL's Shipment Tracking, Unified: the key in a header, one number a call.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use platform::config::Secret;
use platform::http::{HttpClient, HttpError, Request};
use serde::Deserialize;

use super::{CarrierError, Report, Scan, TrackingApi, end_of};
use crate::rules::codes;

#[derive(Debug)]
pub(super) struct Dhl {
    http: HttpClient,
    key: Secret,
}

impl Dhl {
    pub(super) fn new(http: HttpClient, key: Secret) -> Self {
        Self { http, key }
    }
}

#[async_trait]
impl TrackingApi for Dhl {
    async fn track(&self, number: &str) -> Result<Report, CarrierError> {
        let request = Request::get("track", &["track", "shipments"])
            .query("trackingNumber", number)
            .header("dhl-api-key", self.key.expose());
        let answer = self.http.send(&request).await.map_err(not_found)?;
        reports(answer.json()?)
            .into_iter()
            .find(|report| report.number == number)
            .ok_or(CarrierError::Unknown)
    }
}

/// Carriers say with 404 that they have not seen a number.
pub(super) fn not_found(error: HttpError) -> CarrierError {
    match error.rejection() {
        Some(rejection) if rejection.status == 404 => CarrierError::Unknown,
        _ => CarrierError::Http(error),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    shipments: Vec<Shipment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shipment {
    id: String,
    status: Event,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    details: Details,
    estimated_time_of_delivery: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    estimated_delivery_date: Option<NaiveDate>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    status_code: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    description: String,
    location: Option<Location>,
    timestamp: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
struct Location {
    address: Address,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    address_locality: Option<String>,
}

pub(super) fn reports(answer: Answer) -> Vec<Report> {
    answer
        .shipments
        .into_iter()
        .map(|shipment| {
            let events = if shipment.events.is_empty() {
                vec![shipment.status]
            } else {
                shipment.events
            };
            let day = shipment.details.estimated_delivery_date;
            Report {
                number: shipment.id,
                scans: events.into_iter().map(scan).collect(),
                estimated_delivery: shipment
                    .estimated_time_of_delivery
                    .or_else(|| day.and_then(end_of)),
            }
        })
        .collect()
}

fn scan(event: Event) -> Scan {
    let said = format!("{} {}", event.status, event.description);
    let status = codes::dhl(&event.status_code, &said);
    if status.is_none() {
        super::unknown_code("dhl", &event.status_code);
    }
    Scan {
        status,
        location: event
            .location
            .and_then(|location| location.address.address_locality),
        at: Some(event.timestamp),
    }
}
