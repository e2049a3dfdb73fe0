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
use crate::carriers::{self, Loss};
use crate::record::RecordError;
use crate::report::take_in;

const SIGNATURE: &str = "x-hmac-signature";

pub(crate) fn routes(state: State) -> Router {
    Router::new()
        .route("/webhooks/tracking/{carrier}", post(told))
        .with_state(state)
}

/// 401 to those who cannot sign. What cannot be read at all, 400, or not be recorded, 500, is sent again: nothing
/// is answered with 200 and lost.
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
    let reports = serde_json::from_slice(body)
        .ok()
        .and_then(|body| carriers::webhook_reports(carrier, &body));
    let Some(reports) = reports else {
        tracing::warn!(carrier = carrier.as_str(), "webhook not readable");
        return (StatusCode::BAD_REQUEST, "unreadable");
    };
    let mut outcome = (StatusCode::OK, "taken");
    for mut report in reports {
        if report.number.is_none() {
            report.losses.push(Loss::Number);
        }
        state.carriers.note_losses(carrier, &report.losses);
        let Some(number) = report.number.clone().filter(|_| !report.is_unreadable()) else {
            // Sent again, it may be readable by then; the others of this webhook are recorded now.
            tracing::warn!(
                carrier = carrier.as_str(),
                number = report.number,
                "webhook not readable"
            );
            outcome = (StatusCode::BAD_REQUEST, "unreadable");
            continue;
        };
        if let Err(error) = take(state, &number, report).await {
            tracing::error!(%error, carrier = carrier.as_str(), number, "webhook not recorded");
            return (StatusCode::INTERNAL_SERVER_ERROR, "failed");
        }
    }
    outcome
}

/// The report of a parcel that is not ours is no error: senders tell of all that an account has.
async fn take(state: &State, number: &str, report: carriers::Report) -> Result<(), RecordError> {
    let db = state.database.read();
    let parcel = match report.carrier {
        Some(carrier) => shipment::by_number(db, carrier.as_str(), number).await?,
        // Its carrier has a name that is not known here.
        None => shipment::by_number_alone(db, &CARRIERS, number).await?,
    };
    match parcel {
        Some(parcel) => take_in(state, &parcel, report).await.map(drop),
        None => {
            let carrier = report.carrier.map_or("unknown", Carrier::as_str);
            tracing::info!(carrier, number, "webhook about a parcel that is not here");
            Ok(())
        }
    }
}

/// As they are stored.
const CARRIERS: [&str; 4] = {
    let [a, b, c, d] = Carrier::ALL;
    [a.as_str(), b.as_str(), c.as_str(), d.as_str()]
};

fn is_signed(secret: &Secret, headers: &HeaderMap, body: &[u8]) -> bool {
    headers
        .get(SIGNATURE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|header| is_body_signature(secret, header, body))
}
