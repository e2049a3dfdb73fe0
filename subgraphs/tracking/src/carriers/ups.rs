//! UPS's Tracking API: a token for client credentials, one number a call, times in pieces.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use platform::clock::Clock;
use platform::config::Secret;
use platform::http::{HttpClient, Request};
use serde::Deserialize;
use uuid::Uuid;

use super::oauth::Tokens;
use super::{CarrierError, Report, Scan, TrackingApi, dhl, end_of, town};
use crate::rules::codes;

#[derive(Debug)]
pub(super) struct Ups {
    http: HttpClient,
    tokens: Tokens,
}

impl Ups {
    pub(super) fn new(http: HttpClient, client: &str, secret: &Secret, clock: Clock) -> Self {
        let pair = STANDARD.encode(format!("{client}:{}", secret.expose()));
        let grant = Request::post("token", &["security", "v1", "oauth", "token"])
            .header("authorization", format!("Basic {pair}"))
            .form([("grant_type", "client_credentials")]);
        Self {
            http,
            tokens: Tokens::new(grant, clock),
        }
    }
}

#[async_trait]
impl TrackingApi for Ups {
    async fn track(&self, number: &str) -> Result<Report, CarrierError> {
        let call = Uuid::now_v7().simple().to_string();
        let request = |token: &Secret| {
            Request::get("track", &["api", "track", "v1", "details", number])
                .bearer(token)
                // UPS asks for both, and shows them in its own logs.
                .header("transid", call.clone())
                .header("transactionsrc", "vantage")
        };
        let answer = self.tokens.send(&self.http, request).await;
        reports(answer.map_err(dhl::not_found)?.json()?)
            .into_iter()
            .find(|report| report.number == number)
            .ok_or(CarrierError::Unknown)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    track_response: TrackResponse,
}

#[derive(Debug, Deserialize)]
struct TrackResponse {
    shipment: Vec<Shipment>,
}

#[derive(Debug, Deserialize)]
struct Shipment {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    tracking_number: String,
    current_status: Option<Status>,
    #[serde(default)]
    activity: Vec<Activity>,
    #[serde(default)]
    delivery_date: Vec<DeliveryDate>,
}

/// Of a package it has `code`; of an activity, `type` and `statusCode`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(alias = "statusCode")]
    code: Option<String>,
    #[serde(default)]
    description: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    location: Option<Location>,
    status: Option<Status>,
    date: Option<String>,
    time: Option<String>,
    gmt_date: Option<String>,
    gmt_time: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Location {
    address: Option<Address>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    city: Option<String>,
    state_province: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DeliveryDate {
    #[serde(rename = "type")]
    kind: String,
    date: String,
}

pub(super) fn reports(answer: Answer) -> Vec<Report> {
    let shipments = answer.track_response.shipment.into_iter();
    shipments
        .flat_map(|shipment| shipment.package)
        .map(report)
        .collect()
}

fn report(package: Package) -> Report {
    let mut current = package.current_status;
    // The newest comes first, and may have left its status to the package.
    let scans = package
        .activity
        .into_iter()
        .filter_map(|activity| {
            let status = activity.status.clone().or_else(|| current.take())?;
            current = None;
            Some(scan(&status, activity))
        })
        .collect();
    let estimate = package
        .delivery_date
        .iter()
        .find(|date| matches!(date.kind.as_str(), "SDD" | "RDD"));
    Report {
        number: package.tracking_number,
        scans,
        estimated_delivery: estimate.and_then(|date| end_of(day(&date.date)?)),
    }
}

fn scan(status: &Status, activity: Activity) -> Scan {
    let code = status.code.as_deref().unwrap_or_default();
    let kind = status.kind.as_deref().unwrap_or(code);
    let known = codes::ups(kind, code, &status.description);
    if known.is_none() {
        super::unknown_code("ups", kind);
    }
    let at = activity.at();
    Scan {
        status: known,
        location: activity.location.and_then(|location| {
            let address = location.address?;
            town(address.city.as_deref(), address.state_province.as_deref())
        }),
        at,
    }
}

impl Activity {
    /// In UTC if UPS says so; what it tells in local time is taken for UTC, for want of a zone.
    fn at(&self) -> Option<DateTime<Utc>> {
        let pair = self.gmt_date.as_deref().zip(self.gmt_time.as_deref());
        let (date, time) = pair.or_else(|| self.date.as_deref().zip(self.time.as_deref()))?;
        let digits: String = time.chars().filter(char::is_ascii_digit).collect();
        let time = NaiveTime::parse_from_str(&digits, "%H%M%S").ok()?;
        Some(NaiveDateTime::new(day(date)?, time).and_utc())
    }
}

fn day(digits: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(digits, "%Y%m%d").ok()
}
