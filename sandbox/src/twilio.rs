//! Twilio's messages: text messages to telephone numbers.

use std::collections::BTreeSet;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::form;
use crate::middleware::basic;
use crate::provider::reason;
use crate::sandbox::Sandbox;
use crate::world::World;

const VERSION: &str = "2010-04-01";

/// Twilio's own test numbers, and what is wrong with them.
const TEST_NUMBERS: [(&str, i64, &str); 5] = [
    (
        "+15005550001",
        21_211,
        "The 'To' number +15005550001 is not a valid phone number.",
    ),
    (
        "+15005550002",
        21_612,
        "The message cannot be routed to the 'To' number.",
    ),
    (
        "+15005550003",
        21_408,
        "Permission to send an SMS has not been enabled for the region.",
    ),
    (
        "+15005550004",
        21_610,
        "Attempt to send to unsubscribed recipient",
    ),
    (
        "+15005550009",
        21_614,
        "'To' number is not a valid mobile number",
    ),
];

/// Twilio's state.
#[derive(Debug, Default)]
pub(crate) struct Twilio {
    sent: Vec<TextMessage>,
    /// Numbers whose owners have replied STOP.
    stopped: BTreeSet<String>,
}

/// An accepted text message.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TextMessage {
    at: DateTime<Utc>,
    sid: String,
    to: String,
    from: Option<String>,
    messaging_service_sid: Option<String>,
    body: String,
}

impl TextMessage {
    /// As Twilio's API shows it.
    fn resource(&self, account: &str) -> Value {
        let at = self.at.format("%a, %d %b %Y %H:%M:%S +0000").to_string();
        json!({
            "account_sid": account,
            "api_version": VERSION,
            "body": self.body,
            "date_created": at,
            "date_sent": at,
            "date_updated": at,
            "direction": "outbound-api",
            "error_code": null,
            "error_message": null,
            "from": self.from,
            "messaging_service_sid": self.messaging_service_sid,
            "num_media": "0",
            "num_segments": "1",
            "price": null,
            "price_unit": "USD",
            "sid": self.sid,
            "status": "queued",
            "to": self.to,
            "uri": format!("/{VERSION}/Accounts/{account}/Messages/{}.json", self.sid),
        })
    }
}

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new().route(
        "/2010-04-01/Accounts/{account}/Messages.json",
        get(list).post(send),
    )
}

async fn send(
    State(sandbox): State<Sandbox>,
    Path(account): Path<String>,
    body: Bytes,
) -> Response {
    let fields = form::parse(&body);
    sandbox.world(|world| match accept(world, &fields) {
        Ok(message) => (StatusCode::CREATED, Json(message.resource(&account))).into_response(),
        Err((code, text)) => error(StatusCode::BAD_REQUEST, code, &text),
    })
}

fn accept(world: &mut World, fields: &Map<String, Value>) -> Result<TextMessage, (i64, String)> {
    let field = |name: &str| {
        let text = fields.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let to = field("To").ok_or((21_604, "A 'To' phone number is required.".to_owned()))?;
    let body = field("Body").ok_or((21_602, "Message body is required.".to_owned()))?;
    let (from, service) = (field("From"), field("MessagingServiceSid"));
    if from.is_none() && service.is_none() {
        return Err((21_603, "A 'From' phone number is required.".to_owned()));
    }
    if body.chars().count() > 1_600 {
        return Err((
            21_617,
            "The concatenated message body exceeds the 1600 character limit.".to_owned(),
        ));
    }
    let digits = to.strip_prefix('+').unwrap_or_default();
    if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err((
            21_211,
            format!("Invalid 'To' Phone Number: {}", "X".repeat(to.len())),
        ));
    }
    if let Some((_, code, text)) = TEST_NUMBERS.iter().find(|(number, ..)| *number == to) {
        return Err((*code, (*text).to_owned()));
    }
    if world.twilio.stopped.contains(&to) {
        return Err((
            21_610,
            "Attempt to send to unsubscribed recipient".to_owned(),
        ));
    }
    let message = TextMessage {
        at: world.now,
        // Twilio's ids have no separator.
        sid: world.ids.hex("SM").replace('_', ""),
        to,
        from,
        messaging_service_sid: service,
        body,
    };
    world.twilio.sent.push(message.clone());
    Ok(message)
}

/// The messages to a number, newest first.
async fn list(
    State(sandbox): State<Sandbox>,
    Path(account): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Json<Value> {
    let asked = |name: &str| {
        let pair = query.iter().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.as_str())
    };
    let since: Option<NaiveDate> = asked("DateSent>").and_then(|date| date.parse().ok());
    let size = asked("PageSize")
        .and_then(|size| size.parse().ok())
        .unwrap_or(50_usize);
    let messages: Vec<_> = sandbox.world(|world| {
        let newest_first = world.twilio.sent.iter().rev();
        newest_first
            .filter(|message| asked("To").is_none_or(|to| to == message.to))
            .filter(|message| since.is_none_or(|since| message.at.date_naive() >= since))
            .take(size)
            .map(|message| message.resource(&account))
            .collect()
    });
    Json(json!({ "messages": messages, "page": 0, "page_size": size, "next_page_uri": null }))
}

/// Requires the account of the path and any token, as Basic authentication.
pub(crate) fn authorize(parts: &Parts) -> Result<(), Box<Response>> {
    let account = parts.uri.path().split('/').nth(3).unwrap_or_default();
    let is_known = basic(&parts.headers)
        .is_some_and(|(user, token)| !user.is_empty() && user == account && !token.is_empty());
    if is_known {
        return Ok(());
    }
    Err(Box::new(error(
        StatusCode::UNAUTHORIZED,
        20_003,
        "Authenticate",
    )))
}

pub(crate) fn failure(status: u16) -> Value {
    let code = match status {
        404 => 20_404,
        429 => 20_429,
        503 => 20_503,
        _ => 20_500,
    };
    body(status, code, reason(status))
}

fn error(status: StatusCode, code: i64, message: &str) -> Response {
    (status, Json(body(status.as_u16(), code, message))).into_response()
}

fn body(status: u16, code: i64, message: &str) -> Value {
    json!({
        "code": code,
        "message": message,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status,
    })
}

impl Twilio {
    /// The owner of this number has replied STOP.
    pub(crate) fn stop(&mut self, number: String) {
        self.stopped.insert(number);
    }

    pub(crate) fn sent(&self) -> &[TextMessage] {
        &self.sent
    }
}
