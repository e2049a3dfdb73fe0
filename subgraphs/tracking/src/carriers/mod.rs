//! The carriers' tracking APIs: each in its own format, all answering the same.

mod dhl;
mod easypost;
mod fedex;
mod oauth;
mod ups;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use platform::clock::Clock;
use platform::config::Secret;
use platform::http::{Breaker, ClientError, HttpClient, HttpError, Policy};
use url::Url;

use crate::carrier::Carrier;
use crate::config::CarrierConfig;
use crate::status::TrackingStatus;

/// What a carrier knows of a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub number: String,
    /// In any order.
    pub scans: Vec<Scan>,
    pub estimated_delivery: Option<DateTime<Utc>>,
}

/// One thing that a carrier tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// `None` when the carrier's code means nothing to us.
    pub status: Option<TrackingStatus>,
    pub location: Option<String>,
    /// `None` when the carrier does not say, and it is how things stand now.
    pub at: Option<DateTime<Utc>>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CarrierError {
    #[error("the carrier does not know the number")]
    Unknown,
    #[error("the carrier refused: {0}")]
    Refused(String),
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// A carrier that can be asked.
#[async_trait]
pub(crate) trait TrackingApi: fmt::Debug + Send + Sync {
    async fn track(&self, number: &str) -> Result<Report, CarrierError>;
}

/// Where a carrier is, what proves that it is us, and what it signs its webhooks with.
#[derive(Clone, Debug)]
pub struct CarrierAccess {
    /// Start of its API's addresses, without a path.
    pub url: Url,
    /// The client id, for carriers that give tokens.
    pub account: String,
    pub key: Secret,
}

/// The carriers of this process: those that can be asked, and those whose webhooks are believed.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    apis: HashMap<Carrier, Arc<dyn TrackingApi>>,
    secrets: HashMap<Carrier, Secret>,
}

/// Attempts in a row without an answer, after which a carrier is left alone for a while.
const FAILURES: u32 = 5;
const LONGEST_REST: Duration = Duration::from_secs(30);

impl Carriers {
    /// With this carrier to ask. Nobody asks USPS: EasyPost tells of it.
    pub fn ask(
        mut self,
        carrier: Carrier,
        access: CarrierAccess,
        config: &CarrierConfig,
        clock: &Clock,
    ) -> Result<Self, ClientError> {
        let CarrierAccess { url, account, key } = access;
        let policy = Policy {
            attempt_timeout: config.timeout,
            // A call that fails is not repeated: the parcel is asked about again in its next turn, and a
            // carrier in trouble gets no more calls than one that is well.
            deadline: config.timeout,
            attempts: 1,
            breaker: Breaker {
                failures: FAILURES,
                open_for: config
                    .poll_interval
                    .map_or(LONGEST_REST, |interval| interval.min(LONGEST_REST)),
            },
            ..Policy::default()
        };
        let http = |name| HttpClient::new(name, url, policy, clock.clone());
        let clock = clock.clone();
        let api: Arc<dyn TrackingApi> = match carrier {
            Carrier::Dhl => Arc::new(dhl::Dhl::new(http("dhl")?, key)),
            Carrier::Fedex => Arc::new(fedex::Fedex::new(http("fedex")?, account, key, clock)),
            Carrier::Ups => Arc::new(ups::Ups::new(http("ups")?, &account, &key, clock)),
            Carrier::Usps => return Ok(self),
        };
        self.apis.insert(carrier, api);
        Ok(self)
    }

    /// With webhooks about this carrier's parcels that are signed so; those of USPS are EasyPost's.
    pub fn believe(mut self, carrier: Carrier, webhook_secret: Secret) -> Self {
        self.secrets.insert(carrier, webhook_secret);
        self
    }

    pub(crate) fn api(&self, carrier: Carrier) -> Option<&Arc<dyn TrackingApi>> {
        self.apis.get(&carrier)
    }

    pub(crate) fn webhook_secret(&self, carrier: Carrier) -> Option<&Secret> {
        self.secrets.get(&carrier)
    }
}

/// The reports in the body of a webhook: what the carrier's API would answer, or EasyPost's event. The
/// carrier of each is said where the sender tells of several.
pub(crate) fn told(carrier: Carrier, body: &[u8]) -> serde_json::Result<Vec<(Carrier, Report)>> {
    let of = |reports: Vec<Report>| {
        reports
            .into_iter()
            .map(|report| (carrier, report))
            .collect()
    };
    Ok(match carrier {
        Carrier::Dhl => of(dhl::reports(serde_json::from_slice(body)?)),
        Carrier::Fedex => of(fedex::reports(serde_json::from_slice(body)?)
            .into_iter()
            .filter_map(Result::ok)
            .collect()),
        Carrier::Ups => of(ups::reports(serde_json::from_slice(body)?)),
        Carrier::Usps => easypost::report(serde_json::from_slice(body)?)
            .into_iter()
            .collect(),
    })
}

/// `NEWARK` and `NJ`: `Newark NJ`.
fn town(city: Option<&str>, state: Option<&str>) -> Option<String> {
    let words = city.unwrap_or_default().split_whitespace().map(|word| {
        let mut letters = word.chars();
        let first: String = letters
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .collect();
        first + &letters.as_str().to_lowercase()
    });
    let parts: Vec<_> = words
        .chain(state.map(|state| state.trim().to_owned()))
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The last moment of a day for which a carrier promises no hour.
fn end_of(day: chrono::NaiveDate) -> Option<DateTime<Utc>> {
    day.and_hms_opt(23, 59, 59).map(|time| time.and_utc())
}

/// A code that is in no table: whoever maintains them should know.
fn unknown_code(carrier: &'static str, code: &str) {
    // The carrier's text, so not at any length.
    let code: String = code.chars().take(40).collect();
    tracing::warn!(carrier, code, "the carrier told a status that is not known");
    metrics::counter!("vantage_tracking_unknown_codes_total", "carrier" => carrier).increment(1);
}
