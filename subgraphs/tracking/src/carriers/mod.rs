//! The carriers to poll, and parsers that turn each carrier's format into the same report.

mod dhl;
mod easypost;
mod fedex;
mod parse_issues;
mod report;
mod ups;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use entities::tracking_number::normalized;
use platform::clock::Clock;
use platform::config::Secret;
use platform::http::{Breaker, ClientError, HttpError, Policy};
use platform::providers::dhl::Dhl;
use platform::providers::fedex::Fedex;
use platform::providers::ups::Ups;
use serde_json::Value;
use url::Url;

pub(crate) use report::{ParseIssue, Report};

use self::parse_issues::ParseIssues;
use crate::config::CarrierConfig;
use crate::rules::status::Carrier;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CarrierError {
    #[error("the carrier does not know the number")]
    Unknown,
    #[error("the carrier refused: {0}")]
    Refused(String),
    #[error("the response cannot be parsed")]
    Unreadable,
    #[error(transparent)]
    Http(#[from] HttpError),
}

/// A carrier that can be polled.
#[derive(Debug)]
pub(crate) enum TrackingApi {
    Dhl(Dhl),
    Fedex(Fedex),
    Ups(Ups),
}

impl TrackingApi {
    /// Fetches the carrier's report of a parcel.
    pub(crate) async fn track(&self, number: &str) -> Result<Report, CarrierError> {
        let answer = match self {
            Self::Dhl(dhl) => dhl.track(number).await,
            Self::Fedex(fedex) => fedex.track(number).await,
            Self::Ups(ups) => ups.track(number).await,
        };
        let answer = answer.map_err(not_found)?;
        let reports = match self {
            Self::Dhl(_) => dhl::reports(&answer),
            Self::Fedex(_) => fedex::results(&answer).collect::<Result<_, _>>()?,
            Self::Ups(_) => ups::reports(&answer),
        };
        report_of(number, reports)
    }
}

/// Carriers answer 404 for a number they have not scanned yet.
fn not_found(error: HttpError) -> CarrierError {
    match error.rejection() {
        Some(rejection) if rejection.status == 404 => CarrierError::Unknown,
        _ => CarrierError::Http(error),
    }
}

/// A carrier's address and our credentials.
#[derive(Clone, Debug)]
pub struct CarrierAccess {
    /// The API's base URL, without a path.
    pub url: Url,
    /// The client id, for carriers with OAuth.
    pub account: String,
    pub key: Secret,
}

/// This process's carriers: those that can be polled, and those whose webhooks can be verified.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    apis: HashMap<Carrier, Arc<TrackingApi>>,
    secrets: HashMap<Carrier, Secret>,
    issues: ParseIssues,
}

/// Consecutive unanswered attempts that open the circuit breaker.
const FAILURES: u32 = 5;
const MAX_IDLE: Duration = Duration::from_secs(30);

impl Carriers {
    /// Adds a carrier to poll. USPS is not polled: EasyPost's webhooks report its parcels.
    pub fn with_api(
        mut self,
        carrier: Carrier,
        access: CarrierAccess,
        config: &CarrierConfig,
        clock: &Clock,
    ) -> Result<Self, ClientError> {
        let CarrierAccess { url, account, key } = access;
        let rest = config
            .poll_interval
            .map_or(MAX_IDLE, |interval| interval.min(MAX_IDLE));
        let policy = Policy {
            attempt_timeout: config.timeout,
            // Failed calls are not retried: the parcel is polled again after its interval, so a carrier in trouble gets
            // no more calls than a healthy one.
            deadline: config.timeout,
            attempts: 1,
            breaker: Breaker {
                failures: FAILURES,
                hangs: 3,
                open_for: rest,
                longest: rest,
            },
            ..Policy::default()
        };
        let clock = clock.clone();
        let api = match carrier {
            Carrier::Dhl => TrackingApi::Dhl(Dhl::new(url, key, policy, clock)?),
            Carrier::Fedex => TrackingApi::Fedex(Fedex::new(url, &account, &key, policy, clock)?),
            Carrier::Ups => TrackingApi::Ups(Ups::new(url, &account, &key, policy, clock)?),
            Carrier::Usps => return Ok(self),
        };
        self.apis.insert(carrier, Arc::new(api));
        Ok(self)
    }

    /// Adds verification of webhooks about this carrier's parcels; USPS webhooks come from EasyPost.
    pub fn with_webhook_secret(mut self, carrier: Carrier, webhook_secret: Secret) -> Self {
        self.secrets.insert(carrier, webhook_secret);
        self
    }

    pub(crate) fn api(&self, carrier: Carrier) -> Option<&TrackingApi> {
        self.apis.get(&carrier).map(Arc::as_ref)
    }

    /// Counts the unreadable parts of a report from this carrier, and logs each kind once.
    pub(crate) fn note_parse_issues(&self, sender: Carrier, issues: &[ParseIssue]) {
        self.issues.note(sender, issues);
    }

    pub(crate) fn webhook_secret(&self, carrier: Carrier) -> Option<&Secret> {
        self.secrets.get(&carrier)
    }
}

/// The reports in a webhook's body, which is either the format of the carrier's API or an EasyPost event; `None`
/// otherwise.
pub(crate) fn webhook_reports(carrier: Carrier, body: &Value) -> Option<Vec<Report>> {
    let (envelope, reports) = match carrier {
        Carrier::Dhl => (&body["shipments"], dhl::reports(body)),
        Carrier::Fedex => (
            &body["output"]["completeTrackResults"],
            fedex::reports(body),
        ),
        Carrier::Ups => (&body["trackResponse"]["shipment"], ups::reports(body)),
        Carrier::Usps => (&body["result"], easypost::reports(body)),
    };
    (envelope.is_array() || envelope.is_object()).then_some(reports)
}

/// The report about this number. A response about a single parcel may omit the number.
fn report_of(number: &str, reports: Vec<Report>) -> Result<Report, CarrierError> {
    let is_one = reports.len() == 1;
    let is_it = |report: &Report| match &report.number {
        Some(known) => normalized(known) == normalized(number),
        None => is_one,
    };
    reports.into_iter().find(is_it).ok_or(CarrierError::Unknown)
}
