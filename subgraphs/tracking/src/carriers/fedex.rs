//! FedEx's Track API: a token for client credentials, then POSTed numbers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use platform::clock::Clock;
use platform::config::Secret;
use platform::http::{HttpClient, Request};
use serde::Deserialize;
use serde_json::json;

use super::oauth::Tokens;
use super::{CarrierError, Report, Scan, TrackingApi, dhl, town};
use crate::rules::codes;

#[derive(Debug)]
pub(super) struct Fedex {
    http: HttpClient,
    tokens: Tokens,
}

impl Fedex {
    pub(super) fn new(http: HttpClient, client: String, secret: Secret, clock: Clock) -> Self {
        let grant = Request::post("token", &["oauth", "token"]).form([
            ("grant_type", "client_credentials"),
            ("client_id", &client),
            ("client_secret", secret.expose()),
        ]);
        Self {
            http,
            tokens: Tokens::new(grant, clock),
        }
    }
}

#[async_trait]
impl TrackingApi for Fedex {
    async fn track(&self, number: &str) -> Result<Report, CarrierError> {
        let body = json!({
            "trackingInfo": [{"trackingNumberInfo": {"trackingNumber": number}}],
            "includeDetailedScans": true,
        });
        let request = |token: &Secret| {
            Request::post("track", &["track", "v1", "trackingnumbers"])
                .bearer(token)
                .header("x-locale", "en_US")
                .json(&body)
                // It only reads.
                .repeatable()
        };
        let answer = self.tokens.send(&self.http, request).await;
        let answer = answer.map_err(dhl::not_found)?.json()?;
        let mut report = reports(answer)
            .into_iter()
            .next()
            .unwrap_or(Err(CarrierError::Unknown))?;
        if report.number.is_empty() {
            // Short answers leave out what was asked for.
            number.clone_into(&mut report.number);
        }
        Ok(report)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    output: Output,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    complete_track_results: Vec<Complete>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complete {
    #[serde(default)]
    tracking_number: String,
    track_results: Vec<TrackResult>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TrackResult {
    latest_status_detail: Option<Latest>,
    #[serde(default)]
    date_and_times: Vec<DateAndTime>,
    #[serde(default)]
    scan_events: Vec<ScanEvent>,
    error: Option<Problem>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Latest {
    derived_code: Option<String>,
    #[serde(default)]
    status_by_locale: String,
    scan_location: Option<Location>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScanEvent {
    date: DateTime<Utc>,
    derived_status_code: Option<String>,
    #[serde(default)]
    event_description: String,
    scan_location: Option<Location>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    city: Option<String>,
    state_or_province_code: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DateAndTime {
    #[serde(rename = "type")]
    kind: String,
    date_time: DateTime<Utc>,
}

const NOT_FOUND: &str = "TRACKING.TRACKINGNUMBER.NOTFOUND";

pub(super) fn reports(answer: Answer) -> Vec<Result<Report, CarrierError>> {
    let complete = answer.output.complete_track_results.into_iter();
    complete
        .map(|complete| {
            let result = complete.track_results.into_iter().next();
            report(
                complete.tracking_number,
                result.ok_or(CarrierError::Unknown)?,
            )
        })
        .collect()
}

fn report(number: String, result: TrackResult) -> Result<Report, CarrierError> {
    match result.error {
        Some(error) if error.code == NOT_FOUND => return Err(CarrierError::Unknown),
        Some(error) => return Err(CarrierError::Refused(error.code)),
        None => {}
    }
    let mut scans: Vec<_> = result
        .scan_events
        .into_iter()
        .map(|event| {
            let code = event.derived_status_code.as_deref();
            scan(
                code,
                &event.event_description,
                event.scan_location,
                Some(event.date),
            )
        })
        .collect();
    if scans.is_empty()
        && let Some(latest) = result.latest_status_detail
    {
        let code = latest.derived_code.as_deref();
        scans.push(scan(
            code,
            &latest.status_by_locale,
            latest.scan_location,
            None,
        ));
    }
    let estimate = |time: &DateAndTime| time.kind == "ESTIMATED_DELIVERY";
    Ok(Report {
        number,
        scans,
        estimated_delivery: result
            .date_and_times
            .into_iter()
            .find(estimate)
            .map(|time| time.date_time),
    })
}

fn scan(
    code: Option<&str>,
    said: &str,
    location: Option<Location>,
    at: Option<DateTime<Utc>>,
) -> Scan {
    let status = codes::fedex(code, said);
    if status.is_none() {
        super::unknown_code("fedex", code.unwrap_or(said));
    }
    Scan {
        status,
        location: location.and_then(|place| {
            town(
                place.city.as_deref(),
                place.state_or_province_code.as_deref(),
            )
        }),
        at,
    }
}
