//! Returns: creating one, getting its label, and reading its state.

mod bodies;
mod graph;

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use resolvers::id::IdKind;
use serde_json::json;

use self::bodies::{
    CreatedReturn, LabelledReturn, NewReturn, ReturnStatus, ShownItem, ShownReturn,
};
use super::error::{ErrorBody, RestError};
use super::error_code::RestErrorCode;
use super::fields::id_in_path;
use super::openapi::{IdempotencyKey, Refused, RequestHeaders};
use super::operations::{RETURN, RETURN_CREATE, RETURN_LABEL};
use super::request::RestRequest;

/// Create a return of items of one of the customer's orders
#[utoipa::path(
    post,
    path = "/api/v1/returns",
    operation_id = "createReturn",
    tag = "returns",
    security(("token" = [])),
    params(RequestHeaders, IdempotencyKey),
    request_body = NewReturn,
    responses(
        (status = 201, description = "The return was created", body = CreatedReturn, headers(
            ("Location" = String, description = "The return's path"),
        )),
        (status = 409, description = "The key was used with another body: `CONFLICT`", body = ErrorBody),
        (status = 422, description = "The items cannot be returned: `RETURN_INELIGIBLE` with every reason; or the body has \
            errors, listed in `errors`", body = ErrorBody),
        Refused,
    ),
)]
pub(super) async fn create(
    Extension(request): Extension<Arc<RestRequest>>,
) -> Result<Response, RestError> {
    let input: NewReturn = request.json()?;
    let key = request.idempotency_key()?;
    let variables = json!({ "input": input, "idempotencyKey": key });
    let graph::ReturnCreate { payload } = request.run(&RETURN_CREATE, variables).await?;
    let made = payload.outcome()?;
    let [item, ..] = &made.items[..] else {
        tracing::error!(return_id = made.id, "a return has no items");
        return Err(RestError::internal());
    };
    let body = CreatedReturn {
        next_step: next_step(made.status, &made.id, made.next_step),
        status: made.status,
        eligible: true,
        refund_currency: made.refund.total.other_currency(),
        refund_amount: made.refund.total.amount,
        refund_includes_shipping: made.refund.includes_shipping,
        reason: item.reason.code.clone(),
        created_at: made.created_at,
        return_id: made.id,
    };
    let mut response = request.answer(StatusCode::CREATED, &body)?;
    if let Ok(location) = HeaderValue::try_from(format!("/api/v1/returns/{}", body.return_id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Get the shipping label of a return, which the first request creates
#[utoipa::path(
    put,
    path = "/api/v1/returns/{id}/label",
    operation_id = "generateReturnLabel",
    tag = "returns",
    security(("token" = [])),
    params(("id" = String, Path, description = "The return's id"), RequestHeaders, IdempotencyKey),
    responses(
        (status = 200, description = "The label", body = LabelledReturn),
        (status = 404, description = "There is no such return: `NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "The return cannot have a label: `RETURN_CANCELLED`, `LABEL_UNAVAILABLE`", body = ErrorBody),
        Refused,
        (status = 503, description = "The label is being created: `LABEL_PENDING`; or part of the service is unavailable: \
            `SERVICE_UNAVAILABLE`. Retry after `Retry-After` seconds", body = ErrorBody),
    ),
)]
pub(super) async fn label(
    Extension(request): Extension<Arc<RestRequest>>,
    Path(id): Path<String>,
) -> Result<Response, RestError> {
    let id = id_in_path(IdKind::Return, &id);
    let key = request.idempotency_key()?;
    let variables = json!({ "id": id, "idempotencyKey": key });
    let graph::ReturnLabelGenerate { payload } = request.run(&RETURN_LABEL, variables).await?;
    let status = payload.label_status;
    let labelled = payload.outcome()?;
    let Some(label) = labelled.label else {
        return Err(match status {
            Some(graph::LabelStatus::Pending) => RestError::unavailable(
                RestErrorCode::LabelPending,
                "The shipping label is being created: request it again in a moment",
            ),
            _ => no_label(labelled.next_step),
        });
    };
    let body = LabelledReturn {
        return_id: labelled.id,
        status: labelled.status,
        shipping_label_url: label.url,
        tracking_number: label.tracking_number,
        carrier: label.carrier,
        estimated_cost_currency: label.estimated_cost.other_currency(),
        estimated_cost: label.estimated_cost.amount,
        return_address: label.return_address,
        label_expires_at: label.expires_at,
    };
    request.answer(StatusCode::OK, &body)
}

/// Get the current state of a return
#[utoipa::path(
    get,
    path = "/api/v1/returns/{id}",
    operation_id = "getReturn",
    tag = "returns",
    security(("token" = [])),
    params(("id" = String, Path, description = "The return's id"), RequestHeaders),
    responses(
        (status = 200, description = "The return", body = ShownReturn),
        (status = 404, description = "The customer has no such return: `NOT_FOUND`", body = ErrorBody),
        Refused,
    ),
)]
pub(super) async fn show(
    Extension(request): Extension<Arc<RestRequest>>,
    Path(id): Path<String>,
) -> Result<Response, RestError> {
    let variables = json!({ "id": id_in_path(IdKind::Return, &id) });
    let graph::ReturnQuery { found } = request.run(&RETURN, variables).await?;
    let found = found.ok_or_else(|| RestError::not_found("There is no return with this id"))?;
    let (shipping_label_url, tracking_number) = match found.label {
        Some(label) => (Some(label.url), Some(label.tracking_number)),
        None => (None, None),
    };
    let items = found.items.into_iter().map(|item| ShownItem {
        order_item_id: item.order_item.id,
        product_name: item.product_name,
        quantity: item.quantity,
        condition: item.condition,
        reason_code: item.reason.code,
    });
    let body = ShownReturn {
        next_step: next_step(found.status, &found.id, found.next_step),
        return_id: found.id,
        order_id: found.order.id,
        status: found.status,
        items: items.collect(),
        refund_currency: found.refund.total.other_currency(),
        refund_amount: found.refund.total.amount,
        refund_includes_shipping: found.refund.includes_shipping,
        shipping_label_url,
        tracking_number,
        timeline: found.timeline,
        fallback_deadline: found.fallback_deadline,
    };
    request.answer(StatusCode::OK, &body)
}

/// The graph's text, unless the next step is a request to this API: then that request.
fn next_step(status: ReturnStatus, id: &str, words: Option<String>) -> Option<String> {
    match status {
        ReturnStatus::Initiated => Some(format!(
            "Generate shipping label via PUT /api/v1/returns/{id}/label"
        )),
        _ => words,
    }
}

/// There is no label, and repeating the request will not create one.
fn no_label(next_step: Option<String>) -> RestError {
    let words = next_step.unwrap_or_else(|| "This return no longer needs a label".to_owned());
    RestError::new(StatusCode::CONFLICT, RestErrorCode::LabelUnavailable, words)
}
