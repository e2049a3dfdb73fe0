//! `/webhooks/easypost`: what the carriers tell of packages on their way back.
//!
//! One transaction records the event and has its effect, so that a repeated one has none and a lost
//! answer brings it again.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, Utc};
use entities::returns::{customer_return, return_task};
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::http::is_body_signature;
use platform::inbox::consume_once;
use platform::json;
use serde_json::Value;

use crate::State;
use crate::rules::carrier_scan::{self, Scan, ScanOutcome, ScanSummary};
use crate::rules::status::ReturnStatus;
use crate::support_alert::{self, AlertReason};
use crate::tasks::Kind;
use crate::transitions::{self, Actor, ReviewReason, Transition, TransitionError};

/// The name under which the inbox knows what was told here.
const CONSUMER: &str = "returns.easypost";

const SIGNATURE: &str = "x-hmac-signature";

pub(crate) fn routes(state: State) -> Router {
    Router::new()
        .route("/webhooks/easypost", post(receive))
        .with_state(state)
}

/// EasyPost's event, as far as it is read here.
struct Event<'a> {
    id: String,
    description: String,
    result: &'a Value,
}

impl<'a> Event<'a> {
    fn of(body: &'a Value) -> Option<Self> {
        Some(Self {
            id: json::text(&body["id"])?,
            description: json::text(&body["description"])?,
            result: &body["result"],
        })
    }
}

/// A tracker, read field by field: what cannot be read costs itself, and what nobody reads decides nothing.
struct Tracker<'a> {
    tracking_code: String,
    body: &'a Value,
}

impl<'a> Tracker<'a> {
    fn of(body: &'a Value) -> Option<Self> {
        Some(Self {
            tracking_code: json::text(&body["tracking_code"])?,
            body,
        })
    }

    fn summary(&self, now: DateTime<Utc>) -> ScanSummary {
        let details = json::list(&self.body["tracking_details"]);
        let details = details.iter().filter_map(|detail| {
            Some(Scan {
                status: detail["status"].as_str()?,
                at: json::time(&detail["datetime"])?,
            })
        });
        // The status itself, for carriers that tell no details.
        let current = self.body["status"].as_str().map(|status| Scan {
            status,
            at: json::time(&self.body["updated_at"]).unwrap_or(now),
        });
        ScanSummary::of(details.chain(current), now)
    }
}

async fn receive(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let (status, body) = respond(&state, &headers, &body).await;
    counter!("vantage_webhooks_total", "provider" => "easypost", "status" => status.as_u16().to_string())
        .increment(1);
    (status, body)
}

async fn respond(state: &State, headers: &HeaderMap, body: &[u8]) -> (StatusCode, &'static str) {
    let Some(secret) = &state.easypost_webhook_secret else {
        tracing::error!("EasyPost's webhooks are refused: set providers.easypost.webhook_secret");
        return (StatusCode::SERVICE_UNAVAILABLE, "not configured\n");
    };
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    if !signature.is_some_and(|signature| is_body_signature(secret, signature, body)) {
        return (
            StatusCode::UNAUTHORIZED,
            "the signature is missing or not valid\n",
        );
    }
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return (StatusCode::BAD_REQUEST, "the body is no JSON\n");
    };
    let Some(event) = Event::of(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is no event\n");
    };
    if !matches!(
        event.description.as_str(),
        "tracker.created" | "tracker.updated"
    ) {
        return (StatusCode::OK, "of no interest\n");
    }
    let Some(tracker) = Tracker::of(event.result) else {
        return (StatusCode::BAD_REQUEST, "the event has no tracker\n");
    };
    match ingest(state, &event.id, &tracker).await {
        Ok(()) => (StatusCode::OK, "taken\n"),
        Err(error) => {
            tracing::error!(%error, event = event.id, "a webhook had no effect");
            (StatusCode::SERVICE_UNAVAILABLE, "try again later\n")
        }
    }
}

async fn ingest(state: &State, event: &str, tracker: &Tracker<'_>) -> Result<(), TransitionError> {
    let now = state.clock.now();
    let summary = tracker.summary(now);
    if summary == ScanSummary::default() {
        return Ok(());
    }
    let transaction = state.database.begin().await?;
    if !consume_once(&transaction, CONSUMER, event, now).await? {
        return Ok(());
    }
    // Parcels that go out are tracked by EasyPost too: they are no business of this domain.
    if let Some(row) = customer_return::lock_tracked(&transaction, &tracker.tracking_code).await? {
        apply_scans(&transaction, row, &summary, now).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Has the effect of a sighting, in the transaction that has locked the row.
async fn apply_scans(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    summary: &ScanSummary,
    now: DateTime<Utc>,
) -> Result<(), TransitionError> {
    let status = ReturnStatus::parse(&row.status).ok_or(TransitionError::UnknownValue(row.id))?;
    let summary = summary.turned_back(row.turned_back_at);
    let is_first = row.carrier_scanned_at.is_none();
    let turned_back = row.turned_back_at.is_none() && summary.turned_back_at.is_some();
    let delivered = row.delivered_at.is_none() && summary.delivered_at.is_some();
    let is_news = delivered || turned_back;
    row.delivered_at = row.delivered_at.or(summary.delivered_at);
    row.turned_back_at = summary.turned_back_at;
    let outcome = carrier_scan::outcome(status, &summary);
    if turned_back && outcome == ScanOutcome::Nothing {
        support_alert::alert(transaction, &row, AlertReason::ReturnedToCustomer, now).await?;
    }
    match outcome {
        ScanOutcome::Scanned(at) => {
            let id = row.id;
            transitions::advance(
                transaction,
                row,
                &Transition::CarrierScanned(at),
                Actor::Carrier,
                now,
            )
            .await?;
            return_task::enqueue(transaction, id, Kind::Refund.as_str(), now).await?;
        }
        ScanOutcome::Completed => {
            transitions::advance(
                transaction,
                row,
                &Transition::Completed,
                Actor::Warehouse,
                now,
            )
            .await?;
        }
        ScanOutcome::TurnedBack => {
            row.carrier_scanned_at = row.carrier_scanned_at.or(summary.scanned_at);
            let review = Transition::ManualReview(ReviewReason::ReturnedToCustomer);
            transitions::advance(transaction, row, &review, Actor::Carrier, now).await?;
        }
        ScanOutcome::Unexpected if is_first => {
            row.carrier_scanned_at = summary.scanned_at;
            transitions::update(transaction, &row).await?;
            support_alert::alert(
                transaction,
                &row,
                AlertReason::ScannedAfterCancellation,
                now,
            )
            .await?;
        }
        ScanOutcome::Nothing | ScanOutcome::Unexpected if is_news => {
            transitions::update(transaction, &row).await?
        }
        ScanOutcome::Nothing | ScanOutcome::Unexpected => {}
    }
    Ok(())
}
