//! Open Exchange Rates: all rates from US dollars, and whether they have changed since they were last asked for.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{Breaker, ClientError, HttpClient, HttpError, Policy, Request, Response};
use crate::json;

/// What rates are stored and shown under.
pub const SOURCE: &str = "openexchangerates";

/// The currency that all rates are from.
const BASE: &str = "USD";

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(15);

/// Calls Open Exchange Rates.
#[derive(Clone, Debug)]
pub struct OpenExchangeRates {
    http: HttpClient,
    app_id: Secret,
}

/// What names an answer, so that the next request asks for changes only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// The entity tag, with its quotes.
    pub etag: String,
    /// The `Date` header.
    pub date: Option<String>,
}

/// What is known after a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Latest {
    /// The same as in the answer that the validator names.
    Unchanged,
    Rates(LatestRates),
}

/// All rates of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct LatestRates {
    /// When the provider put them together.
    pub as_of: DateTime<Utc>,
    /// Units of each currency for one US dollar, by ISO 4217 code. What is no positive decimal of up to 28 digits is
    /// left out.
    pub rates: BTreeMap<String, Decimal>,
    pub validator: Option<Validator>,
}

/// Why there are no rates.
#[derive(Debug, thiserror::Error)]
pub enum RatesError {
    #[error("Open Exchange Rates answered with rates from {0:?}: only those from USD can be used")]
    Base(String),
    #[error("Open Exchange Rates answered with rates as of {0}, which is no time")]
    Timestamp(i64),
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl RatesError {
    /// How long the provider asks to be left alone.
    pub fn retry_in(&self) -> Option<Duration> {
        match self {
            Self::Http(HttpError::Unavailable { retry_in, .. }) => *retry_in,
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(deserialize_with = "json::deserialize_integer")]
    timestamp: i64,
    base: String,
    rates: BTreeMap<String, Box<RawValue>>,
}

impl OpenExchangeRates {
    /// `base` is where the API is without a path: `https://openexchangerates.org`.
    pub fn new(base: Url, app_id: Secret, clock: Clock) -> Result<Self, ClientError> {
        Self::with_timeouts(base, app_id, clock, ATTEMPT_TIMEOUT, DEADLINE)
    }

    /// Like [`Self::new`], with these times for an attempt and for all of a call.
    pub fn with_timeouts(
        base: Url,
        app_id: Secret,
        clock: Clock,
        attempt_timeout: Duration,
        deadline: Duration,
    ) -> Result<Self, ClientError> {
        let policy = Policy {
            attempt_timeout,
            deadline,
            // Nobody waits for an answer but the one who keeps the rates fresh.
            breaker: Breaker {
                longest: Duration::from_secs(2),
                ..Policy::default().breaker
            },
            // Some 170 currencies are 4 KB.
            max_response_bytes: 256 << 10,
            ..Policy::default()
        };
        let http = HttpClient::new("exchange_rates", base, policy, clock)?;
        Ok(Self { http, app_id })
    }

    /// The rates of now. With the validator of an earlier answer: those, if they have changed since.
    pub async fn latest(&self, since: Option<&Validator>) -> Result<Latest, RatesError> {
        let mut request =
            Request::get("latest", &["api", "latest.json"]).query("app_id", self.app_id.expose());
        if let Some(Validator { etag, date }) = since {
            request = request.if_none_match(etag);
            if let Some(date) = date {
                request = request.header("if-modified-since", date);
            }
        }
        let response = self.http.send(&request).await?;
        if response.status() == 304 {
            return Ok(Latest::Unchanged);
        }
        LatestRates::read(&response).map(Latest::Rates)
    }
}

impl LatestRates {
    fn read(response: &Response) -> Result<Self, RatesError> {
        let body: Body = response.json()?;
        if body.base != BASE {
            return Err(RatesError::Base(body.base));
        }
        let as_of = DateTime::from_timestamp(body.timestamp, 0)
            .ok_or(RatesError::Timestamp(body.timestamp))?;
        let rates = body.rates.into_iter();
        let header = |name| response.header(name).map(str::to_owned);
        Ok(Self {
            as_of,
            rates: rates
                .filter_map(|(currency, rate)| Some((currency, decimal(rate.get())?)))
                .collect(),
            validator: header("etag").map(|etag| Validator {
                etag,
                date: header("date"),
            }),
        })
    }
}

/// A JSON number with all of its digits, if it can be a rate.
fn decimal(number: &str) -> Option<Decimal> {
    let (digits, exponent) = match number.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let decimal = Decimal::from_str_exact(digits).ok()?;
    if decimal <= Decimal::ZERO {
        return None;
    }
    let scale = i64::from(decimal.scale()) - i64::from(exponent);
    let mut mantissa = decimal.mantissa();
    // An integer of 128 bits ends these soon.
    for _ in scale..0 {
        mantissa = mantissa.checked_mul(10)?;
    }
    let scale = u32::try_from(scale.max(0)).ok()?;
    Decimal::try_from_i128_with_scale(mantissa, scale).ok()
}
