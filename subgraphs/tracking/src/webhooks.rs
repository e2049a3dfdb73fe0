//! Carriers' webhooks at `/webhooks/tracking/{carrier}`: processed like the response to a poll. Repeated, late and
//! shuffled ones end in the same state.

use async_trait::async_trait;
use axum::Router;
use axum::http::HeaderMap;
use entities::tracking::shipment;
use platform::config::Secret;
use platform::webhooks::{self, Applied, Webhook, WebhookError};
use serde_json::Value;

use crate::State;
use crate::carrier_report::ingest;
use crate::carriers::{self, ParseIssue};
use crate::record_event::RecordError;
use crate::rules::status::Carrier;

/// A route for each carrier whose webhooks can be verified.
pub(crate) fn routes(state: State) -> Router {
    let known = Carrier::ALL.iter().copied().filter_map(|carrier| {
        let secret = state.carriers.webhook_secret(carrier)?.clone();
        let reports = CarrierWebhook {
            state: state.clone(),
            carrier,
            secret,
        };
        let path = format!("/webhooks/tracking/{}", carrier.as_str());
        Some(webhooks::route(&path, reports))
    });
    known.fold(Router::new(), Router::merge)
}

struct CarrierWebhook {
    state: State,
    carrier: Carrier,
    secret: Secret,
}

#[async_trait]
impl Webhook for CarrierWebhook {
    type Message = Value;

    fn provider(&self) -> &'static str {
        self.carrier.as_str()
    }

    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, WebhookError> {
        webhooks::signed_json(&self.secret, headers, body)
    }

    /// Anything unreadable or not recorded is answered with an error, so that it is sent again and never lost.
    async fn apply(&self, body: Value) -> Result<Applied, WebhookError> {
        let (state, carrier) = (&self.state, self.carrier);
        let unreadable = |what: String| WebhookError::Unreadable(what);
        let reports = carriers::webhook_reports(carrier, &body)
            .ok_or_else(|| unreadable("the body contains no reports".to_owned()))?;
        let mut outcome = Ok(Applied::Ignored);
        for mut report in reports {
            if report.number.is_none() {
                report.issues.push(ParseIssue::Number);
            }
            state.carriers.note_parse_issues(carrier, &report.issues);
            let Some(number) = report.number.clone().filter(|_| !report.is_unreadable()) else {
                // It is sent again and may be readable then; the other reports of this webhook are recorded now.
                let number = report.number.unwrap_or_default();
                outcome = Err(unreadable(format!("the report of {number:?}")));
                continue;
            };
            let recorded = record(state, &number, report).await;
            let is_ours = recorded
                .map_err(|error| WebhookError::Failed(format!("parcel {number}: {error}")))?;
            if is_ours && outcome.is_ok() {
                outcome = Ok(Applied::Done);
            }
        }
        outcome
    }
}

/// Records a report, and returns whether the parcel is ours. A foreign parcel is not an error: senders report
/// everything in an account.
async fn record(
    state: &State,
    number: &str,
    report: carriers::Report,
) -> Result<bool, RecordError> {
    let db = state.database.read();
    let parcel = match report.carrier {
        Some(carrier) => shipment::by_number(db, carrier, number).await?,
        // The sender's name for its carrier is unknown.
        None => shipment::by_number_alone(db, Carrier::ALL, number).await?,
    };
    match parcel {
        Some(parcel) => ingest(state, &parcel, report).await.map(|_| true),
        None => {
            let carrier = report.carrier.map_or("unknown", Carrier::as_str);
            tracing::info!(carrier, number, "webhook for an unknown parcel");
            Ok(false)
        }
    }
}
