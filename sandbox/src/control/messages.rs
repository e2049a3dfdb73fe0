//! Shows messages, and decides about devices and telephone numbers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Body;
use crate::sandbox::Sandbox;

pub(super) async fn messages(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| Json(json!({"messages": world.fcm.sent()})))
}

/// The emails that the mail server accepted, oldest first.
pub(super) async fn mails(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| {
        let mails: Vec<_> = world.mailbox.mails().collect();
        Json(json!({"mails": mails}))
    })
}

pub(super) async fn text_messages(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| Json(json!({"messages": world.twilio.sent()})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Number {
    number: String,
}

/// The owner of a telephone number replies STOP.
pub(super) async fn stop(State(sandbox): State<Sandbox>, Body(new): Body<Number>) -> StatusCode {
    sandbox.world(|world| world.twilio.stop(new.number));
    StatusCode::NO_CONTENT
}

pub(super) async fn topics(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.world(|world| Json(json!({"topics": world.fcm.topics()})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTopicError {
    token: String,
    /// Such as `RESOURCE_EXHAUSTED`; `null` for none.
    error: Option<String>,
    /// How many subscriptions fail; by default all.
    #[serde(default)]
    next: Option<u32>,
}

/// Has the subscriptions of a token fail, while others of the same request do not.
pub(super) async fn set_topic_error(
    State(sandbox): State<Sandbox>,
    Body(new): Body<NewTopicError>,
) -> StatusCode {
    sandbox.world(|world| {
        world.fcm.set_topic_error(new.token, new.error, new.next);
    });
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    token: String,
}

pub(super) async fn unregister(
    State(sandbox): State<Sandbox>,
    Body(new): Body<Token>,
) -> StatusCode {
    sandbox.world(|world| world.fcm.unregister(new.token));
    StatusCode::NO_CONTENT
}
