//! Tracking status of an order's parcel, polled by clients that cannot use live tracking.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use metrics::counter;
use resolvers::id::IdKind;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::FALLBACK_REASON;
use super::error::{ErrorBody, RestError};
use super::fields::{Timestamp, graph_enum, id_in_path};
use super::openapi::{Refused, RequestHeaders};
use super::operations::ORDER_TRACKING;
use super::request::RestRequest;

/// A parcel's status.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TrackingStatus {
    /// The order has no parcel yet.
    NotShipped,
    LabelCreated,
    Shipped,
    InTransit,
    OutForDelivery,
    DeliveryAttempted,
    AvailableForPickup,
    Delivered,
    Returning,
    Exception,
}

/// A carrier.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Carrier {
    Dhl,
    Fedex,
    Ups,
    Usps,
}

/// An order's parcel; of several, the most recently updated one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tracking {
    order_id: String,
    /// Null until the order has a parcel.
    #[schema(required)]
    tracking_number: Option<String>,
    #[schema(required)]
    carrier: Option<Carrier>,
    status: TrackingStatus,
    /// Time of the current status, as reported by the carrier.
    #[schema(required)]
    last_update: Option<Timestamp>,
    #[schema(required)]
    estimated_delivery: Option<Timestamp>,
    /// All of the carrier's events, in chronological order.
    history: Vec<TrackingEvent>,
}

/// An event of a parcel.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct TrackingEvent {
    #[serde(deserialize_with = "graph_enum::deserialize")]
    status: TrackingStatus,
    #[schema(required)]
    location: Option<String>,
    timestamp: Timestamp,
}

/// Get the tracking status of an order's parcel
#[utoipa::path(
    get,
    path = "/api/v2/orders/{id}/tracking",
    operation_id = "getOrderTracking",
    tag = "tracking",
    security(("token" = [])),
    params(
        ("id" = String, Path, description = "The order's id"),
        RequestHeaders,
        ("X-Fallback-Reason" = Option<String>, Header, description = "Why the client does not use live tracking: \
            `websocket_disconnected`, `heartbeat_timeout` …"),
    ),
    responses(
        (status = 200, description = "The parcel's status and history", body = Tracking),
        (status = 404, description = "The order does not exist: `NOT_FOUND`", body = ErrorBody),
        Refused,
    ),
)]
pub(super) async fn show(
    Extension(request): Extension<Arc<RestRequest>>,
    Path(order): Path<String>,
) -> Result<Response, RestError> {
    count_fallback(request.headers());
    let variables = json!({ "id": id_in_path(IdKind::Order, &order) });
    let asked = request.run(&ORDER_TRACKING, variables).await;
    let graph::OrderQuery { order } = asked.map_err(|error: RestError| {
        // The same message as in live tracking.
        error.if_forbidden("You can only track orders you own")
    })?;
    let order = order.ok_or_else(|| RestError::not_found("There is no order with this id"))?;
    let body = match order.latest_shipment {
        Some(parcel) => Tracking {
            order_id: order.id,
            tracking_number: Some(parcel.tracking_number),
            carrier: Some(parcel.carrier),
            status: parcel.status,
            last_update: parcel.last_update,
            estimated_delivery: parcel.estimated_delivery,
            history: parcel.history,
        },
        None => Tracking {
            order_id: order.id,
            tracking_number: None,
            carrier: None,
            status: TrackingStatus::NotShipped,
            last_update: None,
            estimated_delivery: None,
            history: Vec::new(),
        },
    };
    request.answer(StatusCode::OK, &body)
}

/// Known reasons why clients poll instead of watching.
const FALLBACK_REASONS: [&str; 8] = [
    "websocket_disconnected",
    "websocket_refused",
    "websocket_unsupported",
    "heartbeat_timeout",
    "connection_limit",
    "source_timeout",
    "feature_disabled",
    "server_shutdown",
];

fn count_fallback(headers: &HeaderMap) {
    let Some(reason) = headers.get(FALLBACK_REASON) else {
        return;
    };
    let mut known = FALLBACK_REASONS.into_iter();
    let known = known.find(|known| reason.as_bytes() == known.as_bytes());
    counter!("vantage_rest_fallbacks_total", "reason" => known.unwrap_or("other")).increment(1);
}

/// Types of the operation's result.
mod graph {
    use super::*;

    #[derive(Deserialize)]
    pub(super) struct OrderQuery {
        pub(super) order: Option<Order>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Order {
        pub(super) id: String,
        pub(super) latest_shipment: Option<Shipment>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Shipment {
        pub(super) tracking_number: String,
        #[serde(deserialize_with = "graph_enum::deserialize")]
        pub(super) carrier: Carrier,
        #[serde(deserialize_with = "graph_enum::deserialize")]
        pub(super) status: TrackingStatus,
        pub(super) last_update: Option<Timestamp>,
        pub(super) estimated_delivery: Option<Timestamp>,
        pub(super) history: Vec<TrackingEvent>,
    }
}
