//! `/webhooks/easypost`: the carriers' tracking updates for return packages.
//!
//! One transaction records the event and applies it, so that a repeated event has no effect and an event that failed is
//! applied when it is sent again.

use async_trait::async_trait;
use axum::Router;
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use metrics::counter;
use platform::config::Secret;
use platform::database::DatabaseTransaction;
use platform::inbox::consume_once;
use platform::json;
use platform::providers::easypost::tracker;
use platform::tasks::enqueue;
use platform::webhooks::{self, Applied, Webhook, WebhookError};
use resolvers::id::IdKind;
use serde_json::Value;

use crate::State;
use crate::refund_task::IssueRefund;
use crate::rules::carrier_scan::{self, Scan, ScanOutcome, ScanStatus, ScanSummary, TrackerScans};
use crate::support_alert::{self, AlertReason};
use crate::transitions::{self, Actor, ReviewReason, Transition, TransitionError};

/// The inbox's consumer name for these events.
const CONSUMER: &str = "returns.easypost";

/// The endpoint; no route without a webhook secret.
pub(crate) fn routes(state: State) -> Router {
    match state.easypost_webhook_secret.clone() {
        Some(secret) => webhooks::route("/webhooks/easypost", TrackerWebhook { state, secret }),
        None => Router::new(),
    }
}

struct TrackerWebhook {
    state: State,
    secret: Secret,
}

#[async_trait]
impl Webhook for TrackerWebhook {
    type Message = Value;

    fn provider(&self) -> &'static str {
        "easypost"
    }

    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, WebhookError> {
        webhooks::signed_json(&self.secret, headers, body)
    }

    async fn apply(&self, body: Value) -> Result<Applied, WebhookError> {
        let unreadable = |what: &str| WebhookError::Unreadable(what.to_owned());
        let event = Event::of(&body).ok_or_else(|| unreadable("not an event"))?;
        if !matches!(
            event.description.as_str(),
            "tracker.created" | "tracker.updated"
        ) {
            return Ok(Applied::Ignored);
        }
        let tracker = Tracker::of(event.result);
        let tracker = tracker.ok_or_else(|| unreadable("the event has no tracker"))?;
        let scans = tracker.scans(&self.state);
        if scans.is_empty() && tracker.reports_scans() {
            // The provider sends it again; with 200 it would be lost.
            let code = &tracker.tracking_code;
            return Err(unreadable(&format!("the tracker of {code:?}")));
        }
        ingest(&self.state, &event.id, &tracker.tracking_code, scans)
            .await
            .map_err(|error| WebhookError::Failed(format!("event {}: {error}", event.id)))
    }
}

/// The parts of EasyPost's event that are used here.
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

/// A tracker, parsed field by field: an invalid field only affects itself, and unused fields are ignored.
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

    fn scans(&self, state: &State) -> TrackerScans {
        let scan = |scan: &Value, time: &str| {
            let status = tracker::status(scan)?;
            Some(Scan {
                status: ScanStatus::of(&status).unwrap_or_else(|| {
                    note_unknown(state, &status);
                    ScanStatus::Other
                }),
                at: tracker::moment(scan, time),
            })
        };
        let details = json::list(&self.body["tracking_details"]).iter();
        TrackerScans {
            details: details
                .filter_map(|detail| scan(detail, "datetime"))
                .collect(),
            current: scan(self.body, "updated_at"),
        }
    }

    /// Whether it reports anything about the parcel, readable or not.
    fn reports_scans(&self) -> bool {
        let details = &self.body["tracking_details"];
        let has_details = match details.as_array() {
            Some(details) => !details.is_empty(),
            None => !details.is_null(),
        };
        has_details || !self.body["status"].is_null()
    }
}

/// Statuses come from EasyPost, so their length is bounded.
const LONGEST_STATUS: usize = 40;

/// Counts a status that is unknown here, and logs it once.
fn note_unknown(state: &State, status: &str) {
    counter!("vantage_returns_unknown_scans_total").increment(1);
    let status: String = status.chars().take(LONGEST_STATUS).collect();
    if state.unknown_statuses.is_new(status.clone()) {
        tracing::warn!(
            status,
            "scans with an unknown status ignored; logged once, see vantage_returns_unknown_scans_total"
        );
    }
}

async fn ingest(
    state: &State,
    event: &str,
    tracking_code: &str,
    scans: TrackerScans,
) -> Result<Applied, TransitionError> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    if !consume_once(&transaction, CONSUMER, event, now).await? {
        return Ok(Applied::Repeated);
    }
    // EasyPost also tracks outgoing parcels, which do not concern this domain.
    let row = customer_return::lock_tracked(&transaction, tracking_code).await?;
    let Some(row) = row else {
        transaction.commit().await?;
        return Ok(Applied::Ignored);
    };
    let reported = scans.details.len();
    let own = scans.of_parcel(row.created_at);
    if own.len() < reported {
        let return_id = IdKind::Return.format(row.id);
        tracing::info!(
            return_id,
            "scans of an earlier parcel with the same number ignored"
        );
    }
    let summary = ScanSummary::of(&own, now);
    let applied = if summary == ScanSummary::default() {
        Applied::Ignored
    } else {
        apply_scans(&transaction, row, &summary, now).await?;
        Applied::Done
    };
    transaction.commit().await?;
    Ok(applied)
}

/// Applies the scans in the transaction that has locked the row.
async fn apply_scans(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    summary: &ScanSummary,
    now: DateTime<Utc>,
) -> Result<(), TransitionError> {
    let status = row.status;
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
            enqueue(transaction, &IssueRefund { return_id: id }, now, now).await?;
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
