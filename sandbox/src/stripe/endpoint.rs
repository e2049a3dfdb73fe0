//! Webhook endpoints: where Stripe sends events.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::API_VERSION;
use super::error::StripeError;
use super::params::Params;
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::webhooks::Endpoint;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v1/webhook_endpoints", get(list).post(create))
        .route("/v1/webhook_endpoints/{id}", get(retrieve).delete(delete))
}

async fn create(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let url = params.required("url")?;
    let events = params.texts("enabled_events");
    params.finish(&["api_version", "description", "metadata"])?;
    if events.is_empty() {
        return Err(StripeError::Missing("enabled_events"));
    }
    if url::Url::parse(&url).is_err() {
        return Err(StripeError::invalid("url_invalid", "url", "Invalid URL"));
    }
    sandbox.world(|world| {
        let endpoint = Endpoint {
            id: world.ids.mixed("we"),
            provider: Provider::Stripe,
            url,
            secret: format!("whsec_{}", world.ids.letters(32)),
            events,
        };
        let mut created = json(&endpoint);
        // Shown once, when it is created.
        created["secret"] = json!(endpoint.secret);
        world.endpoints.add(endpoint);
        Ok(Json(created))
    })
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StripeError> {
    let found = sandbox.world(|world| {
        world
            .endpoints
            .find(Provider::Stripe, &id)
            .map(|one| json(one))
    });
    found.map(Json).ok_or_else(|| missing(id))
}

async fn delete(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StripeError> {
    match sandbox.world(|world| world.endpoints.remove(Provider::Stripe, &id)) {
        Some(_) => Ok(Json(
            json!({"id": id, "object": "webhook_endpoint", "deleted": true}),
        )),
        None => Err(missing(id)),
    }
}

async fn list(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| {
        let data: Vec<_> = world.endpoints.all(Provider::Stripe).map(json).collect();
        Json(json!({"object": "list", "data": data, "has_more": false, "url": "/v1/webhook_endpoints"}))
    })
}

fn missing(id: String) -> StripeError {
    StripeError::NotFound {
        object: "webhook_endpoint",
        id,
        param: "id",
    }
}

fn json(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "enabled_events": endpoint.events,
        "livemode": false,
        "metadata": {},
        "status": "enabled",
        "url": endpoint.url,
    })
}
