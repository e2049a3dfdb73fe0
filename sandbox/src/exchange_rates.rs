//! Open Exchange Rates: `GET /api/latest.json?app_id=…`. Rates change slightly every quarter of an hour.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::middleware::text;
use crate::provider::reason;
use crate::sandbox::Sandbox;

/// Millionths of each currency's unit per US dollar.
const RATES: [(&str, i64); 17] = [
    ("AUD", 1_524_300),
    ("BRL", 5_341_200),
    ("CAD", 1_394_800),
    ("CHF", 797_300),
    ("CNY", 7_119_500),
    ("EUR", 853_200),
    ("GBP", 743_600),
    ("HKD", 7_781_900),
    ("INR", 88_742_000),
    ("JPY", 149_870_000),
    ("KRW", 1_407_300_000),
    ("MXN", 18_374_500),
    ("NOK", 9_981_700),
    ("NZD", 1_716_400),
    ("SEK", 9_402_600),
    ("SGD", 1_291_100),
    ("USD", 1_000_000),
];

/// How often the provider updates its rates.
const PERIOD_SECONDS: i64 = 900;
/// How far a rate varies, in hundred-thousandths.
const WANDER: i64 = 300;

#[derive(Debug)]
pub(crate) struct ExchangeRates {
    seed: u64,
    /// Rates that were set explicitly, in millionths.
    set: BTreeMap<String, i64>,
}

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new().route("/api/latest.json", get(latest))
}

#[derive(Debug, Deserialize)]
struct LatestQuery {
    base: Option<String>,
    symbols: Option<String>,
}

async fn latest(
    State(sandbox): State<Sandbox>,
    Query(asked): Query<LatestQuery>,
    headers: HeaderMap,
) -> Response {
    if asked.base.as_deref().is_some_and(|base| base != "USD") {
        return problem(
            StatusCode::FORBIDDEN,
            "not_allowed",
            "Changing the API `base` currency is available for Developer, Enterprise and Unlimited plan clients. The sandbox has base USD only.",
        );
    }
    let wanted: Option<Vec<_>> = asked
        .symbols
        .as_deref()
        .map(|symbols| symbols.split(',').map(str::trim).collect());
    let (rates, timestamp) = sandbox.world(|world| world.exchange_rates.at(world.now));
    let rates: Map<String, Value> = rates
        .into_iter()
        .filter(|(currency, _)| {
            (wanted.as_ref()).is_none_or(|wanted| wanted.contains(&currency.as_str()))
        })
        .map(|(currency, millionths)| (currency, number(millionths)))
        .collect();
    let body = json!({
        "disclaimer": "Usage subject to terms: https://openexchangerates.org/terms",
        "license": "https://openexchangerates.org/license",
        "timestamp": timestamp,
        "base": "USD",
        "rates": rates,
    });
    let body = body.to_string();
    let etag = etag(&body);
    // The provider's `Date` is that of its data.
    let date = DateTime::from_timestamp(timestamp, 0).unwrap_or_default();
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let known = text(&headers, "if-none-match").unwrap_or_default();
    let known = known
        .split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"));
    let validators = [(header::ETAG, etag.clone()), (header::DATE, date)];
    if known.into_iter().any(|tag| tag == etag) {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (validators, json, body).into_response()
}

/// The same for the same body.
fn etag(body: &str) -> String {
    let hash = Sha256::digest(body.as_bytes());
    let digits: String = hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{digits}\"")
}

/// The key is a query parameter.
pub(crate) fn authorize(query: Option<&str>) -> Result<(), Box<Response>> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut keys = pairs.filter(|(name, value)| name == "app_id" && !value.is_empty());
    match keys.next() {
        Some(_) => Ok(()),
        None => Err(Box::new(problem(
            StatusCode::UNAUTHORIZED,
            "missing_app_id",
            "No App ID provided. Please sign up at https://openexchangerates.org/signup, or contact support@openexchangerates.org.",
        ))),
    }
}

pub(crate) fn failure(status: u16) -> Value {
    json!({
        "error": true,
        "status": status,
        "message": if status == 429 { "too_many_requests" } else { "internal_error" },
        "description": reason(status),
    })
}

fn problem(status: StatusCode, message: &str, description: &str) -> Response {
    let body = json!({
        "error": true,
        "status": status.as_u16(),
        "message": message,
        "description": description,
    });
    (status, Json(body)).into_response()
}

impl ExchangeRates {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            set: BTreeMap::new(),
        }
    }

    /// Fixes a currency's rate, in millionths per dollar, or restores the usual one.
    pub(crate) fn set(&mut self, currency: String, millionths: Option<i64>) {
        match millionths {
            Some(millionths) => self.set.insert(currency, millionths),
            None => self.set.remove(&currency),
        };
    }

    /// Every rate at this time, and when it was last updated.
    fn at(&self, now: DateTime<Utc>) -> (BTreeMap<String, i64>, i64) {
        let period = now.timestamp().div_euclid(PERIOD_SECONDS);
        let mut rates: BTreeMap<_, _> = (0..)
            .zip(RATES)
            .map(|(stream, (currency, rate))| {
                let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ period.unsigned_abs());
                random.set_stream(stream);
                let wander = match currency {
                    "USD" => 0,
                    _ => random.random_range(-WANDER..=WANDER),
                };
                (currency.to_owned(), rate + rate / 100_000 * wander)
            })
            .collect();
        rates.extend(self.set.clone());
        (rates, period * PERIOD_SECONDS)
    }
}

/// Millionths as a JSON number in the provider's format.
fn number(millionths: i64) -> Value {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// Parses a decimal rate such as `0.9345` into millionths.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (units, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if units.is_empty() || !digits(units) || fraction.len() > 6 || !digits(fraction) {
        return None;
    }
    let units: i64 = units.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    units.checked_mul(1_000_000)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_stay_for_a_quarter_of_an_hour_and_wander_little() {
        let rates = ExchangeRates::new(1);
        let start = DateTime::from_timestamp(1_760_000_400, 0).unwrap();
        let (first, since) = rates.at(start);
        assert_eq!(since, 1_760_000_400);
        assert_eq!(rates.at(start + chrono::Duration::seconds(899)).0, first);
        let (second, _) = rates.at(start + chrono::Duration::seconds(900));
        assert_ne!(second, first);
        for (currency, middle) in RATES {
            for moved in [first[currency], second[currency]] {
                assert!((moved - middle).abs() * 300 <= middle, "{currency} {moved}");
            }
        }
        assert_eq!(second["USD"], 1_000_000);
        assert_ne!(ExchangeRates::new(2).at(start).0, first);
    }

    #[test]
    fn rates_are_read_and_written_exactly() {
        for (text, millionths) in [
            ("0.9345", Some(934_500)),
            ("149.87", Some(149_870_000)),
            ("1", Some(1_000_000)),
            ("0.001234", Some(1_234)),
            ("0.0000001", None),
            ("-1", None),
            (".5", None),
            ("a", None),
        ] {
            assert_eq!(parse(text), millionths, "{text}");
            if let Some(millionths) = millionths {
                assert_eq!(
                    parse(&number(millionths).to_string()),
                    Some(millionths),
                    "{text}"
                );
            }
        }
    }
}
