//! Webhook endpoints: where EasyPost sends events.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::EasyPostError;
use super::request::read;
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::webhooks::Endpoint;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v2/webhooks", get(list).post(create))
        .route(
            "/v2/webhooks/{id}",
            get(retrieve).patch(update).put(update).delete(delete),
        )
}

/// SDKs send it inside `webhook` to create, and directly to update.
#[derive(Debug, Deserialize)]
struct WebhookBody {
    webhook: Option<NewWebhook>,
    #[serde(flatten)]
    bare: NewWebhook,
}

#[derive(Debug, Default, Deserialize)]
struct NewWebhook {
    url: Option<String>,
    webhook_secret: Option<String>,
}

async fn create(
    State(sandbox): State<Sandbox>,
    body: Bytes,
) -> Result<impl IntoResponse, EasyPostError> {
    let asked: WebhookBody = read(&body)?;
    let new = asked.webhook.unwrap_or(asked.bare);
    let url = new.url.ok_or(EasyPostError::Missing("url"))?;
    if url::Url::parse(&url).is_err() {
        return Err(EasyPostError::invalid(
            "WEBHOOK.URL.INVALID",
            "The URL is invalid.",
        ));
    }
    sandbox.world(|world| {
        let endpoint = Endpoint {
            id: world.ids.hex("hook"),
            provider: Provider::Easypost,
            url,
            secret: new.webhook_secret.unwrap_or_default(),
            events: vec!["*".to_owned()],
        };
        let created = json(&endpoint);
        world.endpoints.add(endpoint);
        Ok((StatusCode::CREATED, Json(created)))
    })
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, EasyPostError> {
    sandbox.world(|world| {
        let endpoint = world.endpoints.find(Provider::Easypost, &id);
        Ok(Json(json(endpoint.ok_or(EasyPostError::NotFound)?)))
    })
}

async fn update(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, EasyPostError> {
    let asked: WebhookBody = read(&body)?;
    let new = asked.webhook.unwrap_or(asked.bare);
    sandbox.world(|world| {
        let endpoint = world.endpoints.find(Provider::Easypost, &id);
        let endpoint = endpoint.ok_or(EasyPostError::NotFound)?;
        if let Some(secret) = new.webhook_secret {
            endpoint.secret = secret;
        }
        if let Some(url) = new.url {
            endpoint.url = url;
        }
        Ok(Json(json(endpoint)))
    })
}

async fn delete(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, EasyPostError> {
    let removed = sandbox.world(|world| world.endpoints.remove(Provider::Easypost, &id));
    removed.ok_or(EasyPostError::NotFound)?;
    Ok(Json(json!({})))
}

async fn list(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| {
        let webhooks: Vec<_> = world.endpoints.all(Provider::Easypost).map(json).collect();
        Json(json!({"webhooks": webhooks}))
    })
}

fn json(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id,
        "object": "Webhook",
        "mode": "test",
        "url": endpoint.url,
        "disabled_at": null,
    })
}
