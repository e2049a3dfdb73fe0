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

use crate::middleware::{bearer, text};
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
    /// Errors of tokens' subscriptions.
    topic_errors: BTreeMap<String, TopicError>,
    sent: Vec<Sent>,
}

/// An error of a token's subscriptions, such as `INVALID_ARGUMENT`.
#[derive(Clone, Debug)]
struct TopicError {
    code: String,
    /// How often; `None`: until it is removed.
    next: Option<u32>,
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
    let Some(topic) = topic_name(&batch.to) else {
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
        let results: Vec<_> = batch
            .registration_tokens
            .into_iter()
            .map(|token| {
                if let Some(code) = fcm.next_topic_error(&token) {
                    return json!({"error": code});
                }
                change(fcm.topics.entry(topic.clone()).or_default(), token);
                json!({})
            })
            .collect();
        Json(json!({"results": results})).into_response()
    })
}

/// The topic of `/topics/…`, of letters, digits and `-_.~%`.
fn topic_name(to: &str) -> Option<String> {
    let name = to.strip_prefix("/topics/")?;
    let is_valid = |each: char| each.is_ascii_alphanumeric() || "-_.~%".contains(each);
    (!name.is_empty() && name.chars().all(is_valid)).then(|| name.to_owned())
}

/// Requires any bearer token, except to request one. Topics were changed with another kind of key before, so their
/// requests must say that they have a token.
pub(crate) fn authorize(parts: &Parts) -> Result<(), Box<Response>> {
    let has_token = bearer(&parts.headers).is_some_and(|token| !token.is_empty());
    let is_topic = parts.uri.path().starts_with("/iid/");
    if is_topic && text(&parts.headers, "access_token_auth") != Some("true") {
        let refused = (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "Unauthorized"})),
        );
        return Err(Box::new(refused.into_response()));
    }
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

    /// The next subscriptions of this token fail with this code; `None` ends that.
    pub(crate) fn set_topic_error(
        &mut self,
        token: String,
        code: Option<String>,
        next: Option<u32>,
    ) {
        match code {
            Some(code) => self.topic_errors.insert(token, TopicError { code, next }),
            None => self.topic_errors.remove(&token),
        };
    }

    /// The code with which this subscription of the token fails.
    fn next_topic_error(&mut self, token: &str) -> Option<String> {
        if self.unregistered.contains(token) {
            return Some("NOT_FOUND".to_owned());
        }
        let error = self.topic_errors.get_mut(token)?;
        match &mut error.next {
            None => {}
            Some(0) => return None,
            Some(next) => *next -= 1,
        }
        Some(error.code.clone())
    }

    pub(crate) fn sent(&self) -> &[Sent] {
        &self.sent
    }

    /// Tokens by topic.
    pub(crate) fn topics(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.topics
    }
}
