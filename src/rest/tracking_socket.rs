//! Live tracking over a WebSocket with the subprotocol `vantage-tracking-v1`: the current state of the order's parcel, then
//! each change.

use std::sync::Arc;

use axum::Extension;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use resolvers::id::IdKind;
use router::server::{EventProtocol, WatchRefusal};
use router::{ErrorCode, GraphQLError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::WS_CONNECTION_ID;
use super::error::{ErrorBody, RestError};
use super::error_code::RestErrorCode;
use super::fields::{Timestamp, graph_enum, id_in_path};
use super::openapi::{Refused, RequestHeaders};
use super::operations::ORDER_TRACKING_LIVE;
use super::request::RestRequest;
use super::tracking::{Carrier, TrackingStatus};

const SUBPROTOCOL: &str = "vantage-tracking-v1";

/// The claim of tokens that are valid for one order only.
const ORDER_CLAIM: &str = "order_id";

/// The maximum length of a client's message.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaxMessageBytes(pub(super) usize);

/// Track an order's parcel live over a WebSocket
///
/// The server sends `ServerMessage`s: first `connection_ack`, then a `tracking_update` for each change. The client may send
/// `ClientMessage`s. Close codes: 1000 the subscription has ended, 1001 the server is shutting down, 1009 a message is too
/// long, 4000 no pong within 10 seconds, 4001 the customer has opened a sixth connection, 4002 the source is not available,
/// 4003 live tracking was switched off, 4400 a message does not belong to the protocol, 4403 the token has expired, 4406 the
/// client requested another subprotocol.
#[utoipa::path(
    get,
    path = "/ws/orders/{id}/track",
    operation_id = "trackOrder",
    tag = "tracking",
    security(("token" = [])),
    params(
        ("id" = String, Path, description = "The order's id"),
        RequestHeaders,
        ("Sec-WebSocket-Protocol" = Option<String>, Header, description = "`vantage-tracking-v1`"),
    ),
    responses(
        (status = 101, description = "The WebSocket is open", headers(
            ("X-WS-Connection-ID" = String, description = "The connection's id, as in `connection_ack`"),
        )),
        (status = 426, description = "The request is not a WebSocket upgrade: `UPGRADE_REQUIRED`", body = ErrorBody),
        Refused,
    ),
)]
pub(super) async fn upgrade(
    State(MaxMessageBytes(max_message_bytes)): State<MaxMessageBytes>,
    Extension(request): Extension<Arc<RestRequest>>,
    Path(order): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, RestError> {
    let upgrade = upgrade.map_err(|rejection| {
        let words = rejection.body_text();
        RestError::new(
            StatusCode::UPGRADE_REQUIRED,
            RestErrorCode::UpgradeRequired,
            words,
        )
        .with_header(header::UPGRADE, "websocket")
    })?;
    if let Some(only) = request.claim(ORDER_CLAIM).await?
        && only != order.as_str()
    {
        return Err(RestError::forbidden(
            "This token is valid for another order only",
        ));
    }
    let order = id_in_path(IdKind::Order, &order);
    let connection_id = format!("ws_conn_{:016x}", rand::random::<u64>());
    let header = HeaderValue::from_str(&connection_id);
    let subscription = ORDER_TRACKING_LIVE
        .request()
        .with_variables(json!({ "orderId": order }));
    let protocol = Arc::new(TrackingProtocol {
        connection_id,
        order_id: order,
        max_message_bytes,
    });
    let watching = request.client.watch(subscription, protocol, upgrade).await;
    let mut response = watching.map_err(|refusal| match refusal {
        WatchRefusal::Request(refusal) => refusal.into(),
        WatchRefusal::Operation(response) => RestError::from(&*response),
    })?;
    if let Ok(connection_id) = header {
        response
            .headers_mut()
            .insert(WS_CONNECTION_ID, connection_id);
    }
    Ok(response)
}

/// The messages of one connection.
#[derive(Debug)]
struct TrackingProtocol {
    connection_id: String,
    order_id: String,
    max_message_bytes: usize,
}

/// A message from the server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    /// The first message: the current state of the parcel.
    ConnectionAck {
        connection_id: &'a str,
        order_id: &'a str,
        /// Null while the order has no parcel.
        #[schema(required)]
        carrier: Option<Carrier>,
        current_status: TrackingStatus,
    },
    /// The parcel's state has changed.
    TrackingUpdate {
        status: TrackingStatus,
        #[schema(required)]
        location: Option<String>,
        timestamp: Timestamp,
        #[schema(required)]
        estimated_delivery: Option<Timestamp>,
        #[schema(required)]
        carrier: Option<Carrier>,
    },
    /// The reply to a client's `heartbeat`.
    HeartbeatAck { connection_id: &'a str },
    /// An error. If the subscription cannot continue, the connection is closed after it.
    Error { code: &'a str, message: &'a str },
}

impl ServerMessage<'_> {
    /// Cannot fail: all keys are strings, and writing to memory succeeds.
    fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A message from a client. Browsers cannot send pings, so `heartbeat` checks whether the server still responds.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    Heartbeat,
}

impl EventProtocol for TrackingProtocol {
    fn subprotocol(&self) -> &'static str {
        SUBPROTOCOL
    }

    fn max_message_bytes(&self) -> usize {
        self.max_message_bytes
    }

    fn acknowledge(&self, response: &[u8]) -> Result<String, GraphQLError> {
        let update = graph::read(response)?;
        let message = ServerMessage::ConnectionAck {
            connection_id: &self.connection_id,
            order_id: &self.order_id,
            carrier: update.carrier()?,
            current_status: update.status,
        };
        Ok(message.to_text())
    }

    fn event(&self, response: &[u8]) -> String {
        let update = graph::read(response).and_then(|update| {
            let carrier = update.carrier()?;
            let message = ServerMessage::TrackingUpdate {
                carrier,
                status: update.status,
                location: update.location,
                timestamp: update.timestamp,
                estimated_delivery: update.estimated_delivery,
            };
            Ok(message.to_text())
        });
        update.unwrap_or_else(|error| self.error(error.code().as_str(), &error.message))
    }

    fn error(&self, code: &str, message: &str) -> String {
        ServerMessage::Error { code, message }.to_text()
    }

    fn reply(&self, message: &str) -> Option<String> {
        let ClientMessage::Heartbeat = serde_json::from_str(message).ok()?;
        let connection_id = &self.connection_id;
        Some(ServerMessage::HeartbeatAck { connection_id }.to_text())
    }
}

/// Types of the subscription's events.
mod graph {
    use super::*;

    #[derive(Deserialize)]
    struct Response {
        data: Option<Data>,
        #[serde(default)]
        errors: Vec<Error>,
    }

    #[derive(Deserialize)]
    struct Error {
        message: String,
        extensions: Extensions,
    }

    #[derive(Deserialize)]
    struct Extensions {
        code: String,
    }

    #[derive(Deserialize)]
    struct Data {
        #[serde(rename = "orderTracking")]
        update: Option<Update>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Update {
        #[serde(deserialize_with = "graph_enum::deserialize")]
        pub(super) status: TrackingStatus,
        pub(super) location: Option<String>,
        pub(super) timestamp: Timestamp,
        pub(super) estimated_delivery: Option<Timestamp>,
        carrier: Option<String>,
    }

    impl Update {
        pub(super) fn carrier(&self) -> Result<Option<Carrier>, GraphQLError> {
            let carrier = self.carrier.clone().map(serde_json::Value::from);
            let read = carrier.map(graph_enum::deserialize).transpose();
            read.map_err(unexpected)
        }
    }

    /// The update in an event, or its error.
    pub(super) fn read(response: &[u8]) -> Result<Update, GraphQLError> {
        let response: Response = serde_json::from_slice(response).map_err(unexpected)?;
        if let Some(error) = response.errors.into_iter().next() {
            let code = ErrorCode::parse(&error.extensions.code);
            return Err(GraphQLError::new(
                code.unwrap_or(ErrorCode::Internal),
                error.message,
            ));
        }
        let update = response.data.and_then(|data| data.update);
        update.ok_or_else(|| unexpected("there is no update"))
    }

    fn unexpected(error: impl std::fmt::Display) -> GraphQLError {
        tracing::error!(%error, "unexpected event of live tracking");
        GraphQLError::new(ErrorCode::Internal, "Something went wrong on our side")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol() -> TrackingProtocol {
        TrackingProtocol {
            connection_id: "ws_conn_7f8e9d0a".to_owned(),
            order_id: "ord_1a2b3c4d5e6f".to_owned(),
            max_message_bytes: 4096,
        }
    }

    const IN_TRANSIT: &[u8] = br#"{"data":{"orderTracking":{"sequence":3,"status":"IN_TRANSIT","location":"Distribution Center, Newark NJ","timestamp":"2025-10-03T14:02:00.000Z","estimatedDelivery":"2025-10-04T18:00:00.000Z","carrier":"DHL"}}}"#;

    /// A printed message without white space.
    fn compact(printed: &str) -> String {
        let value: serde_json::Value = serde_json::from_str(printed).unwrap();
        value.to_string()
    }

    #[test]
    fn messages_are_as_they_are_printed() {
        let printed = r#"{"event": "connection_ack", "data": {"connection_id": "ws_conn_7f8e9d0a", "order_id": "ord_1a2b3c4d5e6f", "carrier": "dhl", "current_status": "in_transit"}}"#;
        assert_eq!(
            protocol().acknowledge(IN_TRANSIT).unwrap(),
            compact(printed)
        );
        let printed = r#"{"event": "tracking_update", "data": {"status": "in_transit", "location": "Distribution Center, Newark NJ", "timestamp": "2025-10-03T14:02:00Z", "estimated_delivery": "2025-10-04T18:00:00Z", "carrier": "dhl"}}"#;
        assert_eq!(protocol().event(IN_TRANSIT), compact(printed));
    }

    #[test]
    fn an_order_without_a_parcel_has_no_carrier() {
        let unsent = br#"{"data":{"orderTracking":{"sequence":0,"status":"NOT_SHIPPED","location":null,"timestamp":"2025-10-03T14:02:00.000Z","estimatedDelivery":null,"carrier":null}}}"#;
        let text = protocol().acknowledge(unsent).unwrap();
        assert!(
            text.contains(r#""carrier":null,"current_status":"not_shipped""#),
            "{text}"
        );
    }

    #[test]
    fn what_the_graph_refuses_is_no_event() {
        let refused = br#"{"errors":[{"message":"You can only track orders you own","extensions":{"code":"FORBIDDEN"}}],"data":null}"#;
        let error = protocol().acknowledge(refused).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Forbidden);
        assert_eq!(
            protocol().event(refused),
            r#"{"event":"error","data":{"code":"FORBIDDEN","message":"You can only track orders you own"}}"#
        );
        for odd in [
            "",
            "[]",
            "{}",
            r#"{"data":null}"#,
            r#"{"data":{"orderTracking":{"status":"LOST"}}}"#,
        ] {
            let error = protocol().acknowledge(odd.as_bytes()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::Internal, "{odd}");
        }
    }

    #[test]
    fn clients_ask_whether_anybody_is_there_and_say_nothing_else() {
        for asked in [
            r#"{"event":"heartbeat"}"#,
            r#"{"event":"heartbeat","data":{"n":1}}"#,
        ] {
            let answer = protocol().reply(asked);
            let expected =
                r#"{"event":"heartbeat_ack","data":{"connection_id":"ws_conn_7f8e9d0a"}}"#;
            assert_eq!(answer.as_deref(), Some(expected));
        }
        for other in [
            "",
            "heartbeat",
            "[]",
            "{}",
            r#"{"event":"subscribe"}"#,
            r#"{"event":1}"#,
        ] {
            assert_eq!(protocol().reply(other), None, "{other}");
        }
    }
}
