//! Firebase Cloud Messaging: messages to tokens and topics, and topic subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::middleware::bearer;
use crate::provider::reason;
use crate::sandbox::Sandbox;

/// Maximum number of tokens in one subscription request.
const MOST_TOKENS: usize = 1_000;

/// FCM's state.
#[derive(Debug, Default)]
pub(crate) struct Fcm {
    topics: BTreeMap<String, BTreeSet<String>>,
    /// Tokens of uninstalled apps.
    unregistered: BTreeSet<String>,
    sent: Vec<Sent>,
}

/// An accepted message.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sent {
    at: DateTime<Utc>,
    name: String,
    message: Value,
    /// The devices it was sent to.
    tokens: Vec<String>,
}

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/token", post(token))
        .route("/v1/projects/{project}/messages:send", post(send))
        .route("/iid/v1:batchAdd", post(batch_add))
        .route("/iid/v1:batchRemove", post(batch_remove))
}

/// Google's token endpoint for service accounts. Accepts any assertion.
async fn token(State(sandbox): State<Sandbox>) -> Json<Value> {
    let token = sandbox.world(|world| world.ids.letters(64));
    Json(json!({"access_token": token, "expires_in": 3_599, "token_type": "Bearer"}))
}

#[derive(Debug, Deserialize)]
struct Send {
    message: Value,
    #[serde(default)]
    validate_only: bool,
}

async fn send(
    State(sandbox): State<Sandbox>,
    Path(project): Path<String>,
    asked: Result<Json<Send>, JsonRejection>,
) -> Response {
    let Ok(Json(asked)) = asked else {
        return invalid("Invalid JSON payload received.");
    };
    let target = |name: &str| asked.message[name].as_str().map(str::to_owned);
    let (to_token, to_topic) = (target("token"), target("topic"));
    sandbox.world(|world| {
        let tokens = match (&to_token, &to_topic) {
            (Some(token), None) if world.fcm.unregistered.contains(token) => {
                return error(
                    StatusCode::NOT_FOUND,
                    "NOT_FOUND",
                    "Requested entity was not found.",
                    Some("UNREGISTERED"),
                );
            }
            (Some(token), None) => vec![token.clone()],
            (None, Some(topic)) => {
                let subscribed = world.fcm.topics.get(topic).into_iter().flatten();
                subscribed
                    .filter(|token| !world.fcm.unregistered.contains(*token))
                    .cloned()
                    .collect()
            }
            _ => return invalid("Exactly one of token or topic must be set in the message."),
        };
        let name = format!("projects/{project}/messages/0:{}", world.ids.digits(16));
        if !asked.validate_only {
            world.fcm.sent.push(Sent {
                at: world.now,
                name: name.clone(),
                message: asked.message,
                tokens,
            });
        }
        Json(json!({"name": name})).into_response()
    })
}

#[derive(Debug, Deserialize)]
struct Batch {
    to: String,
    registration_tokens: Vec<String>,
}

async fn batch_add(
    State(sandbox): State<Sandbox>,
    asked: Result<Json<Batch>, JsonRejection>,
) -> Response {
    subscribe(&sandbox, asked, |topic, token| {
        topic.insert(token);
    })
}

async fn batch_remove(
    State(sandbox): State<Sandbox>,
    asked: Result<Json<Batch>, JsonRejection>,
) -> Response {
    subscribe(&sandbox, asked, |topic, token| {
        topic.remove(&token);
    })
}

fn subscribe(
    sandbox: &Sandbox,
    asked: Result<Json<Batch>, JsonRejection>,
    change: impl Fn(&mut BTreeSet<String>, String),
) -> Response {
    let refused =
        |message: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": message}))).into_response();
    let Ok(Json(batch)) = asked else {
        return refused("InvalidBody");
    };
    let Some(topic) = batch.to.strip_prefix("/topics/").map(str::to_owned) else {
        return refused("InvalidTopicName");
    };
    if batch.registration_tokens.is_empty() {
        return refused("MissingRegistrationTokens");
    }
    if batch.registration_tokens.len() > MOST_TOKENS {
        return refused("TooManyTokens");
    }
    sandbox.world(|world| {
        let fcm = &mut world.fcm;
        let topic = fcm.topics.entry(topic).or_default();
        let results: Vec<_> = batch
            .registration_tokens
            .into_iter()
            .map(|token| {
                if fcm.unregistered.contains(&token) {
                    return json!({"error": "NOT_FOUND"});
                }
                change(topic, token);
                json!({})
            })
            .collect();
        Json(json!({"results": results})).into_response()
    })
}

/// Requires any bearer token, except to request one.
pub(crate) fn authorize(parts: &Parts) -> Result<(), Box<Response>> {
    let has_token = bearer(&parts.headers).is_some_and(|token| !token.is_empty());
    if has_token || parts.uri.path() == "/token" {
        return Ok(());
    }
    Err(Box::new(error(
        StatusCode::UNAUTHORIZED,
        "UNAUTHENTICATED",
        "Request is missing required authentication credential.",
        None,
    )))
}

pub(crate) fn failure(status: u16) -> Value {
    let (name, code) = match status {
        404 => ("NOT_FOUND", None),
        429 => ("RESOURCE_EXHAUSTED", Some("QUOTA_EXCEEDED")),
        503 => ("UNAVAILABLE", Some("UNAVAILABLE")),
        _ => ("INTERNAL", Some("INTERNAL")),
    };
    body(status, name, reason(status), code)
}

fn invalid(message: &str) -> Response {
    error(
        StatusCode::BAD_REQUEST,
        "INVALID_ARGUMENT",
        message,
        Some("INVALID_ARGUMENT"),
    )
}

fn error(status: StatusCode, name: &str, message: &str, code: Option<&str>) -> Response {
    (status, Json(body(status.as_u16(), name, message, code))).into_response()
}

fn body(status: u16, name: &str, message: &str, code: Option<&str>) -> Value {
    let mut error = json!({"code": status, "message": message, "status": name});
    if let Some(code) = code {
        error["details"] = json!([{
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            "errorCode": code,
        }]);
    }
    json!({"error": error})
}

impl Fcm {
    /// The app with this token was uninstalled.
    pub(crate) fn unregister(&mut self, token: String) {
        self.unregistered.insert(token);
    }

    pub(crate) fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// Tokens by topic.
    pub(crate) fn topics(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.topics
    }
}
