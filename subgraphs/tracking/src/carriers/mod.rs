//! The carriers' tracking APIs: each in its own format, all answering the same.

mod dhl;
mod easypost;
mod fedex;
mod oauth;
mod parse_issues;
mod report;
mod ups;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use platform::clock::Clock;
use platform::config::Secret;
use platform::http::{Breaker, ClientError, HttpClient, HttpError, Policy};
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
    #[error("nothing of the answer can be read")]
    Unreadable,
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
    issues: ParseIssues,
}

/// Attempts in a row without an answer, after which a carrier is left alone for a while.
const FAILURES: u32 = 5;
const MAX_IDLE: Duration = Duration::from_secs(30);

impl Carriers {
    /// With this carrier to ask. Nobody asks USPS: EasyPost tells of it.
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
            // A call that fails is not repeated: the parcel is asked about again in its next turn, and a
            // carrier in trouble gets no more calls than one that is well.
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
    pub fn with_webhook_secret(mut self, carrier: Carrier, webhook_secret: Secret) -> Self {
        self.secrets.insert(carrier, webhook_secret);
        self
    }

    pub(crate) fn api(&self, carrier: Carrier) -> Option<&Arc<dyn TrackingApi>> {
        self.apis.get(&carrier)
    }

    /// Counts what could not be read of a report that this carrier sent, and logs each kind of it once.
    pub(crate) fn note_parse_issues(&self, sender: Carrier, issues: &[ParseIssue]) {
        self.issues.note(sender, issues);
    }

    pub(crate) fn webhook_secret(&self, carrier: Carrier) -> Option<&Secret> {
        self.secrets.get(&carrier)
    }
}

/// The reports in the body of a webhook: what the carrier's API would answer, or EasyPost's event. None when the
/// body is neither.
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

/// The report about this number. An answer about one parcel may leave out which.
fn report_of(number: &str, reports: Vec<Report>) -> Result<Report, CarrierError> {
    let is_one = reports.len() == 1;
    let is_it = |report: &Report| match &report.number {
        Some(known) => known.eq_ignore_ascii_case(number),
        None => is_one,
    };
    reports.into_iter().find(is_it).ok_or(CarrierError::Unknown)
}
