//! Charges: what was captured from a card, and what was refunded.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::error::StripeError;
use super::expand::expand;
use super::list::Page;
use super::params::Params;
use super::payment_intent::AUTHORIZATION_DAYS;
use super::payment_method::Card;
use crate::sandbox::Sandbox;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v1/charges", get(list))
        .route("/v1/charges/{id}", get(retrieve))
}

#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) captured: i64,
    pub(super) refunded: i64,
    pub(super) currency: String,
    pub(super) payment_intent: String,
    pub(super) payment_method: String,
    pub(super) card: Card,
    /// Whether it can be captured in several parts, if it was only authorized at first.
    pub(super) authorized: Option<bool>,
    /// The code and the message, if the card was not charged.
    pub(super) failure: Option<(&'static str, &'static str)>,
    pub(super) metadata: Value,
    pub(super) created_at: DateTime<Utc>,
}

impl Charge {
    pub(super) fn json(&self) -> Value {
        let mut card = self.card.json(self.created_at);
        if let Some(is_available) = self.authorized {
            let until = self.created_at + TimeDelta::days(AUTHORIZATION_DAYS);
            let status = if is_available {
                "available"
            } else {
                "unavailable"
            };
            card["capture_before"] = json!(until.timestamp());
            card["multicapture"] = json!({"status": status});
        }
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.captured,
            "amount_refunded": self.refunded,
            "balance_transaction": self.failure.is_none().then(|| self.id.replacen("ch_", "txn_", 1)),
            "billing_details": {},
            "captured": self.captured > 0,
            "created": self.created_at.timestamp(),
            "currency": self.currency,
            "customer": null,
            "description": null,
            "disputed": false,
            "failure_code": self.failure.map(|(code, _)| code),
            "failure_message": self.failure.map(|(_, message)| message),
            "livemode": false,
            "metadata": self.metadata,
            "paid": self.failure.is_none(),
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method,
            "payment_method_details": {"card": card, "type": "card"},
            "receipt_email": null,
            "refunded": self.captured > 0 && self.refunded == self.captured,
            "status": if self.failure.is_some() { "failed" } else { "succeeded" },
        })
    }
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let paths = params.texts("expand");
    params.finish(&[])?;
    sandbox.world(|world| match world.stripe.charges.get(&id) {
        Some(charge) => Ok(Json(expand(world, charge.json(), &paths))),
        None => Err(StripeError::NotFound {
            object: "charge",
            id,
            param: "id",
        }),
    })
}

async fn list(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let page = Page::read(&mut params)?;
    let intent = params.text("payment_intent")?;
    let paths = params.texts("expand");
    params.finish(&["customer"])?;
    sandbox.world(|world| {
        let list = page.of(
            "/v1/charges",
            &world.stripe.charges,
            |charge| charge.created_at.timestamp(),
            |charge| (intent.as_ref()).is_none_or(|wanted| *wanted == charge.payment_intent),
            Charge::json,
        );
        Ok(Json(expand(world, list, &paths)))
    })
}
