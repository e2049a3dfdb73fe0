//! What carriers tell by themselves, at `/webhooks/tracking/{carrier}`: the path of a poll's answer, begun
//! from the other side. Repeated, late and shuffled ones end in the same state.

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
        let reports = Reports {
            state: state.clone(),
            carrier,
            secret,
        };
        let path = format!("/webhooks/tracking/{}", carrier.as_str());
        Some(webhooks::route(&path, reports))
    });
    known.fold(Router::new(), Router::merge)
}

struct Reports {
    state: State,
    carrier: Carrier,
    secret: Secret,
}

#[async_trait]
impl Webhook for Reports {
    type Message = Value;

    fn provider(&self) -> &'static str {
        self.carrier.as_str()
    }

    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, WebhookError> {
        webhooks::signed_json(&self.secret, headers, body)
    }

    /// What cannot be read at all, or not be recorded, is sent again: nothing is answered with 200 and lost.
    async fn apply(&self, body: Value) -> Result<Applied, WebhookError> {
        let (state, carrier) = (&self.state, self.carrier);
        let unreadable = |what: String| WebhookError::Unreadable(what);
        let reports = carriers::webhook_reports(carrier, &body)
            .ok_or_else(|| unreadable("it has no reports".to_owned()))?;
        let mut outcome = Ok(Applied::Ignored);
        for mut report in reports {
            if report.number.is_none() {
                report.issues.push(ParseIssue::Number);
            }
            state.carriers.note_parse_issues(carrier, &report.issues);
            let Some(number) = report.number.clone().filter(|_| !report.is_unreadable()) else {
                // Sent again, it may be readable by then; the others of this webhook are recorded now.
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

/// Records a report, and says whether the parcel is ours. One that is not is no error: senders tell of all that an account
/// has.
async fn record(
    state: &State,
    number: &str,
    report: carriers::Report,
) -> Result<bool, RecordError> {
    let db = state.database.read();
    let parcel = match report.carrier {
        Some(carrier) => shipment::by_number(db, carrier, number).await?,
        // Its carrier has a name that is not known here.
        None => shipment::by_number_alone(db, Carrier::ALL, number).await?,
    };
    match parcel {
        Some(parcel) => ingest(state, &parcel, report).await.map(|_| true),
        None => {
            let carrier = report.carrier.map_or("unknown", Carrier::as_str);
            tracing::info!(carrier, number, "webhook about a parcel that is not here");
            Ok(false)
        }
    }
}
