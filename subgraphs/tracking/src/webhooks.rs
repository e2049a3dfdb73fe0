//! What carriers tell by themselves, at `/webhooks/tracking/{carrier}`: the path of a poll's answer, begun
//! from the other side. Repeated, late and shuffled ones end in the same state.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use entities::tracking::shipment;
use metrics::counter;
use platform::config::Secret;
use platform::http::is_body_signature;

use crate::State;
use crate::carrier::Carrier;
use crate::carriers;
use crate::record::RecordError;
use crate::report::take_in;

const SIGNATURE: &str = "x-hmac-signature";

pub(crate) fn routes(state: State) -> Router {
    Router::new()
        .route("/webhooks/tracking/{carrier}", post(told))
        .with_state(state)
}

/// 401 to those who cannot sign, 400 to what nobody can read, and 500, so that it is sent again, when it could
/// not be recorded.
async fn told(
    Shared(state): Shared<State>,
    Path(sender): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Some(carrier) = Carrier::parse(&sender) else {
        return StatusCode::NOT_FOUND;
    };
    let (status, outcome) = judge(&state, carrier, &headers, &body).await;
    counter!("vantage_tracking_webhooks_total", "carrier" => carrier.as_str(), "outcome" => outcome)
        .increment(1);
    status
}

async fn judge(
    state: &State,
    carrier: Carrier,
    headers: &HeaderMap,
    body: &[u8],
) -> (StatusCode, &'static str) {
    let secret = state.carriers.webhook_secret(carrier);
    if !secret.is_some_and(|secret| is_signed(secret, headers, body)) {
        tracing::warn!(carrier = carrier.as_str(), "a webhook is not the carrier's");
        return (StatusCode::UNAUTHORIZED, "forged");
    }
    let reports = match carriers::told(carrier, body) {
        Ok(reports) => reports,
        Err(error) => {
            tracing::warn!(%error, carrier = carrier.as_str(), "a webhook cannot be read");
            return (StatusCode::BAD_REQUEST, "unreadable");
        }
    };
    for (carrier, report) in reports {
        if let Err(error) = take(state, carrier, report).await {
            tracing::error!(%error, carrier = carrier.as_str(), "a webhook was not recorded");
            return (StatusCode::INTERNAL_SERVER_ERROR, "failed");
        }
    }
    (StatusCode::OK, "taken")
}

/// The report of a parcel that is not ours is no error: senders tell of all that an account has.
async fn take(
    state: &State,
    carrier: Carrier,
    report: carriers::Report,
) -> Result<(), RecordError> {
    let db = state.database.read();
    match shipment::by_number(db, carrier.as_str(), &report.number).await? {
        Some(parcel) => take_in(state, &parcel, report).await.map(drop),
        None => {
            tracing::info!(
                carrier = carrier.as_str(),
                "a webhook is about a parcel that is not here"
            );
            Ok(())
        }
    }
}

fn is_signed(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> bool {
    headers
        .get(SIGNATURE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|header| is_body_signature(secret, header, body))
}
