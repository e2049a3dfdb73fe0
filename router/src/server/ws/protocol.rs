//! Reads and writes the messages of `graphql-transport-ws`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::GraphQLError;
use crate::request::GraphQLRequest;
use crate::server::params;
use crate::server::refusal::Refusal;

/// The client chooses ids; long ones would only waste memory.
const MAX_ID_BYTES: usize = 128;

/// A client's message.
#[derive(Debug)]
pub(super) enum ClientMessage {
    ConnectionInit(Map<String, Value>),
    Ping(Option<Box<RawValue>>),
    Pong,
    /// The request, or what is wrong with it: an error in one operation does not end the others.
    Subscribe {
        id: String,
        request: Result<Box<GraphQLRequest>, GraphQLError>,
    },
    Complete {
        id: String,
    },
}

/// The message violates the protocol; the text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ProtocolViolation(Cow<'static, str>);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// Parses one message.
pub(super) fn parse(text: &str) -> Result<ClientMessage, ProtocolViolation> {
    let bad = |error: serde_json::Error| ProtocolViolation(error.to_string().into());
    let message: Envelope<'_> = serde_json::from_str(text).map_err(bad)?;
    Ok(match &*message.kind {
        "connection_init" => ClientMessage::ConnectionInit(payload(message.payload)?),
        "ping" => {
            // The members are returned as they are, whatever is in them.
            let is_object = |payload: &&RawValue| payload.get().starts_with('{');
            if !message.payload.as_ref().is_none_or(is_object) {
                return Err(ProtocolViolation("the payload is not an object".into()));
            }
            ClientMessage::Ping(message.payload.map(ToOwned::to_owned))
        }
        "pong" => ClientMessage::Pong,
        "subscribe" => {
            let payload = message
                .payload
                .filter(|payload| payload.get().starts_with('{'))
                .ok_or(ProtocolViolation(
                    "`subscribe` without an object as payload".into(),
                ))?;
            ClientMessage::Subscribe {
                id: id(message.id)?,
                request: params::from_body(payload.get().as_bytes())
                    .map(Box::new)
                    .map_err(Refusal::into_error),
            }
        }
        "complete" => ClientMessage::Complete {
            id: id(message.id)?,
        },
        _ => return Err(ProtocolViolation("unknown message type".into())),
    })
}

fn payload(payload: Option<&RawValue>) -> Result<Map<String, Value>, ProtocolViolation> {
    let members: Option<Map<String, Value>> = payload
        .map(|payload| serde_json::from_str(payload.get()))
        .transpose()
        .map_err(|_| ProtocolViolation("the payload is not an object".into()))?
        .flatten();
    Ok(members.unwrap_or_default())
}

fn id(id: Option<String>) -> Result<String, ProtocolViolation> {
    id.filter(|id| (1..=MAX_ID_BYTES).contains(&id.len()))
        .ok_or(ProtocolViolation(
            "no id, an empty one, or one too long".into(),
        ))
}

pub(super) const CONNECTION_ACK: &str = r#"{"type":"connection_ack"}"#;

/// The reply to a client's `ping`, with the same payload.
pub(super) fn pong(payload: Option<&RawValue>) -> String {
    match payload {
        Some(payload) => format!(r#"{{"type":"pong","payload":{payload}}}"#),
        None => r#"{"type":"pong"}"#.to_owned(),
    }
}

/// `response` is already JSON.
pub(super) fn next(id: &str, response: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(response.len() + 64 + id.len());
    open(&mut message, "next", id);
    message.extend_from_slice(b",\"payload\":");
    message.extend_from_slice(response);
    message.push(b'}');
    message
}

pub(super) fn error(id: &str, errors: &[GraphQLError]) -> Vec<u8> {
    let mut message = Vec::new();
    open(&mut message, "error", id);
    message.extend_from_slice(b",\"payload\":");
    write(&mut message, &errors);
    message.push(b'}');
    message
}

pub(super) fn complete(id: &str) -> Vec<u8> {
    let mut message = Vec::new();
    open(&mut message, "complete", id);
    message.push(b'}');
    message
}

fn open(message: &mut Vec<u8>, kind: &str, id: &str) {
    message.extend_from_slice(b"{\"id\":");
    write(message, &id);
    message.extend_from_slice(b",\"type\":");
    write(message, &kind);
}

/// Cannot fail: strings and errors only have string keys, and memory accepts every byte.
fn write(message: &mut Vec<u8>, value: &impl serde::Serialize) {
    let written = serde_json::to_writer(message, value);
    debug_assert!(written.is_ok(), "{written:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn messages_that_break_the_protocol_are_bad() {
        let check = |text: &str| {
            assert!(parse(text).is_err(), "{text}");
        };
        check("");
        check("[]");
        check("{}");
        check(r#"{"type":"start","id":"1","payload":{}}"#);
        check(r#"{"type":"connection_init","payload":1}"#);
        check(r#"{"type":"ping","payload":"x"}"#);
        check(r#"{"type":"subscribe","payload":{"query":"{ a }"}}"#);
        check(r#"{"type":"subscribe","id":"","payload":{"query":"{ a }"}}"#);
        check(r#"{"type":"subscribe","id":1,"payload":{"query":"{ a }"}}"#);
        check(r#"{"type":"subscribe","id":"1"}"#);
        check(r#"{"type":"subscribe","id":"1","payload":null}"#);
        check(r#"{"type":"subscribe","id":"1","payload":[{"query":"{ a }"}]}"#);
        check(r#"{"type":"complete"}"#);
        check(&format!(
            r#"{{"type":"complete","id":"{}"}}"#,
            "a".repeat(129)
        ));
    }

    #[test]
    fn good_messages_are_read() {
        let check = |text: &str, matches: fn(&ClientMessage) -> bool| {
            let message = parse(text).expect(text);
            assert!(matches(&message), "{message:?}");
        };
        check(
            r#"{"type":"connection_init"}"#,
            |message| matches!(message, ClientMessage::ConnectionInit(payload) if payload.is_empty()),
        );
        check(
            r#"{"type":"connection_init","payload":null}"#,
            |message| matches!(message, ClientMessage::ConnectionInit(payload) if payload.is_empty()),
        );
        check(
            r#"{"type":"ping","payload":{"a":"\ud83d","b":1e999}}"#,
            |message| matches!(message, ClientMessage::Ping(Some(_))),
        );
        check(
            r#"{"type":"ping","payload":{"n":1}}"#,
            |message| matches!(message, ClientMessage::Ping(Some(payload)) if payload.get() == r#"{"n":1}"#),
        );
        check(
            r#"{"id":"\u0031","type":"subscribe","payload":{"query":"{ a }"}}"#,
            |message| matches!(message, ClientMessage::Subscribe { id, .. } if id == "1"),
        );
    }

    #[test]
    fn a_request_that_cannot_be_read_is_a_mistake_of_its_operation() {
        for payload in [
            r#"{"query":1}"#,
            r#"{"query":["{ a }"]}"#,
            r#"{"query":"{ a }","variables":[]}"#,
            r#"{"query":"{ a }","variables":"{}"}"#,
            r#"{"query":"{ a }","operationName":1}"#,
            r#"{"query":"{ a }","extensions":true}"#,
            r#"{"query":"{ a }","variables":{"p":"caf\u00e9 \ud83d"}}"#,
            r#"{"query":"{ a(s: \"\udfa7\") }"}"#,
        ] {
            let text = format!(r#"{{"id":"7","type":"subscribe","payload":{payload}}}"#);
            match parse(&text).expect(payload) {
                ClientMessage::Subscribe { id, request } => {
                    assert_eq!(id, "7");
                    let error = request.expect_err(payload);
                    assert_eq!(error.code(), ErrorCode::BadUserInput, "{payload}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn ids_are_escaped_in_what_is_written() {
        let id = "a\"b";
        let errors = [GraphQLError::new(ErrorCode::BadUserInput, "no")];
        let response = br#"{"data":{"a":1}}"#;
        for message in [next(id, response), error(id, &errors), complete(id)] {
            let value: Value = serde_json::from_slice(&message).expect("JSON");
            assert_eq!(value["id"], id);
        }
        let message: Value = serde_json::from_slice(&next(id, response)).expect("JSON");
        assert_eq!(message["payload"]["data"]["a"], 1);
    }
}
