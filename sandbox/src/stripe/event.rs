//! Events, which can be retrieved and are sent to endpoints.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::API_VERSION;
use super::error::StripeError;
use super::list::Page;
use super::params::Params;
use crate::faults::matches;
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::world::World;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v1/events", get(list))
        .route("/v1/events/{id}", get(retrieve))
}

impl World {
    /// Stores an event and sends it to subscribers.
    pub(super) fn emit_stripe_event(&mut self, kind: &str, object: Value, previous: Option<Value>) {
        let id = self.ids.mixed("evt");
        let mut data = json!({"object": object});
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        let event = json!({
            "id": id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now.timestamp(),
            "data": data,
            "livemode": false,
            "pending_webhooks": self.endpoints.of(Provider::Stripe, kind).len(),
            "request": {"id": null, "idempotency_key": null},
            "type": kind,
        });
        let body = event.to_string().into_bytes();
        self.stripe.events.insert(id.clone(), event);
        self.notify(Provider::Stripe, kind, id, body);
    }
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StripeError> {
    let event = sandbox.world(|world| world.stripe.events.get(&id).cloned());
    event.map(Json).ok_or(StripeError::NotFound {
        object: "event",
        id,
        param: "id",
    })
}

async fn list(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let page = Page::read(&mut params)?;
    let mut kinds = params.texts("types");
    kinds.extend(params.text("type")?);
    params.finish(&["delivery_success"])?;
    sandbox.world(|world| {
        Ok(Json(page.of(
            "/v1/events",
            &world.stripe.events,
            |event| event["created"].as_i64().unwrap_or_default(),
            |event| {
                let kind = event["type"].as_str().unwrap_or_default();
                kinds.is_empty() || kinds.iter().any(|wanted| matches(wanted, kind))
            },
            Value::clone,
        )))
    })
}
