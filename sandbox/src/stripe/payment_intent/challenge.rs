//! 3-D Secure as in Stripe's test mode: a page on which the customer confirms a payment with their bank, or not. It leads
//! back to the shop with the outcome.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use url::Url;
use url::form_urlencoded::Serializer;

use super::{PaymentIntent, Status};
use crate::html::{escape, page};
use crate::sandbox::Sandbox;
use crate::world::World;

/// The path of Stripe's page. Like there, whoever knows the payment's secret may decide.
pub(super) fn routes() -> Router<Sandbox> {
    Router::new().route("/redirect/authenticate/{intent}", get(show).post(decide))
}

/// What the address of the page contains.
#[derive(Clone, Debug, Deserialize)]
struct Challenge {
    client_secret: String,
    /// Where the page leads afterwards.
    return_url: Option<Url>,
    /// Of the button that was pressed.
    outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Succeeded,
    Failed,
}

impl Outcome {
    /// In addresses.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Challenge {
    /// Whether it leads back to a web page, if anywhere.
    fn is_safe(&self) -> bool {
        let target = self.return_url.as_ref();
        target.is_none_or(|url| matches!(url.scheme(), "http" | "https"))
    }

    /// The form with the button for this outcome.
    fn button(&self, outcome: Outcome, label: &str) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("client_secret", &self.client_secret);
        if let Some(url) = &self.return_url {
            query.append_pair("return_url", url.as_str());
        }
        query.append_pair("outcome", outcome.as_str());
        let action = escape(&query.finish());
        format!("<form method=\"post\" action=\"?{action}\"><button>{label}</button></form>")
    }
}

async fn show(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(asked): Query<Challenge>,
) -> Response {
    if !asked.is_safe() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    if !sandbox.world(|world| world.challenged(&id, &asked.client_secret).is_some()) {
        return nothing_to_confirm(&asked);
    }
    let body = format!(
        "<h1>3D Secure 2 Test Page</h1>\
         <p>The bank wants the owner of the card to confirm the payment <code>{}</code>. In test mode, you are the owner.</p>\
         {}{}",
        escape(&id),
        asked.button(Outcome::Succeeded, "Complete"),
        asked.button(Outcome::Failed, "Fail"),
    );
    page("3D Secure 2 Test Page", &body).into_response()
}

async fn decide(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(asked): Query<Challenge>,
) -> Response {
    let (Some(outcome), true) = (asked.outcome, asked.is_safe()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let outcome = sandbox.world(|world| {
        world.challenged(&id, &asked.client_secret)?;
        let is_charged = outcome == Outcome::Succeeded && world.charge(&id).is_ok();
        if outcome == Outcome::Failed {
            world.fail_authentication(&id);
        }
        Some(if is_charged {
            Outcome::Succeeded
        } else {
            Outcome::Failed
        })
    });
    let Some(outcome) = outcome else {
        return nothing_to_confirm(&asked);
    };
    let Some(mut url) = asked.return_url else {
        return page("Thank you", "<p>You can close this window.</p>").into_response();
    };
    url.query_pairs_mut()
        .append_pair("payment_intent", &id)
        .append_pair("payment_intent_client_secret", &asked.client_secret)
        .append_pair("redirect_status", outcome.as_str());
    Redirect::to(url.as_str()).into_response()
}

fn nothing_to_confirm(asked: &Challenge) -> Response {
    let back = asked.return_url.as_ref().map_or(String::new(), |url| {
        format!(
            "<p><a href=\"{}\">Back to the shop</a></p>",
            escape(url.as_str())
        )
    });
    let body =
        format!("<h1>Nothing to confirm</h1><p>No such payment waits for its owner.</p>{back}");
    let shown: Html<String> = page("Nothing to confirm", &body);
    (StatusCode::NOT_FOUND, shown).into_response()
}

impl World {
    /// The payment with this secret, if it waits for the customer.
    fn challenged(&mut self, id: &str, secret: &str) -> Option<&mut PaymentIntent> {
        let intent = self.stripe.payment_intents.get_mut(id)?;
        let waits = intent.client_secret == secret && intent.status == Status::RequiresAction;
        waits.then_some(intent)
    }

    /// The customer has not confirmed the payment, which needs another payment method.
    fn fail_authentication(&mut self, id: &str) {
        let Some(intent) = self.stripe.payment_intents.get_mut(id) else {
            return;
        };
        intent.status = Status::RequiresPaymentMethod;
        let method = intent.payment_method.take();
        intent.last_error = Some(json!({
            "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new \
                        PaymentMethod to attempt to fulfill this PaymentIntent again.",
            "payment_method": method.map(|id| json!({"id": id, "object": "payment_method", "type": "card"})),
            "type": "invalid_request_error",
        }));
        let json = intent.json();
        self.emit_stripe_event("payment_intent.payment_failed", json, None);
    }
}
