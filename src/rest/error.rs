//! The response to a failed request: `{"error": CODE, "message": …}` with the corresponding status.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use resolvers::user_error::UserErrorCode;
use router::server::Refusal;
use router::{ErrorCode, GraphQLError, GraphQLResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JSON;
use super::error_code::RestErrorCode;
use super::fields::Timestamp;

/// `Retry-After` of temporary failures, in seconds.
const RETRY_AFTER: &str = "5";

/// The response to a failed request.
#[derive(Debug)]
pub(super) struct RestError {
    status: StatusCode,
    body: ErrorBody,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The body of an error response.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// The code, for programs.
    error: String,
    /// An explanation in English, for people.
    message: String,
    /// Every rule that prevents a return.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason>,
    /// Every error in the request's body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<InvalidRequest>,
}

/// A rule that prevents a return.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub(super) struct Reason {
    code: String,
    message: String,
    /// The item that the rule concerns; absent if it concerns the whole order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    order_item_id: Option<String>,
    /// With PAST_RETURN_WINDOW.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    delivery_date: Option<Timestamp>,
    /// With PAST_RETURN_WINDOW.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    return_deadline: Option<Timestamp>,
}

/// An error in a request's body.
#[derive(Debug, Serialize, ToSchema)]
struct InvalidRequest {
    code: String,
    message: String,
    /// The path of the value, such as `items[0].quantity`.
    field: String,
}

/// An entry of `userErrors` in the graph's response.
#[derive(Debug, Deserialize)]
pub(super) struct UserError {
    code: String,
    message: String,
    field: Option<Vec<String>>,
    #[serde(default)]
    reasons: Vec<Reason>,
}

/// The code for the access log, as an extension of the response.
#[derive(Clone, Debug)]
pub(super) struct ErrorLabel(pub(super) String);

/// A code of the graph or of the routes. Codes in `userErrors` are passed on unchanged, because the subgraphs may be newer
/// than this process.
pub(super) struct Code(String);

impl From<ErrorCode> for Code {
    fn from(code: ErrorCode) -> Self {
        Self(code.as_str().to_owned())
    }
}

impl From<RestErrorCode> for Code {
    fn from(code: RestErrorCode) -> Self {
        Self(code.as_str().to_owned())
    }
}

impl RestError {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Code>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            body: ErrorBody {
                error: code.into().0,
                message: message.into(),
                reasons: Vec::new(),
                errors: Vec::new(),
            },
            header: None,
        }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    /// The request is invalid.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::BadUserInput, message)
    }

    pub(super) fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message)
    }

    /// Replaces the message if the status is 403.
    pub(super) fn if_forbidden(mut self, message: &str) -> Self {
        if self.status == StatusCode::FORBIDDEN {
            message.clone_into(&mut self.body.message);
        }
        self
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    pub(super) fn no_such_route() -> Self {
        Self::not_found("There is nothing at this path: /api/openapi.json lists what there is")
    }

    /// axum adds the header `Allow`.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            RestErrorCode::MethodNotAllowed,
            "This path does not have the method: the header Allow lists those that it has",
        )
    }

    /// A temporary failure: the client should retry.
    pub(super) fn unavailable(code: RestErrorCode, message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            .with_header(header::RETRY_AFTER, RETRY_AFTER)
    }

    /// The cause is in the log.
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Internal,
            "Something went wrong on our side",
        )
    }

    /// From `userErrors`, which the client can correct; `None` if there are none.
    pub(super) fn of_user(errors: Vec<UserError>) -> Option<Self> {
        let first = errors.first()?;
        let status = if first.code == UserErrorCode::ReturnCancelled.as_str() {
            StatusCode::CONFLICT
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        let mut refused = Self::new(status, Code(first.code.clone()), &first.message);
        for error in errors {
            refused.body.reasons.extend(error.reasons);
            if let Some(path) = error.field.as_deref().and_then(path_in_body) {
                refused.body.errors.push(InvalidRequest {
                    code: error.code,
                    message: error.message,
                    field: path,
                });
            }
        }
        Some(refused)
    }
}

/// Converts a path in the mutation's arguments to one in the body; `None` if the value is not in the body.
fn path_in_body(arguments: &[String]) -> Option<String> {
    let (input, path) = arguments.split_first()?;
    let mut place = String::new();
    for step in path {
        if step.parse::<usize>().is_ok() {
            place.push_str(&format!("[{step}]"));
        } else {
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(&snake_case(step));
        }
    }
    (input == "input").then_some(place)
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

impl From<&GraphQLResponse> for RestError {
    /// From the first error.
    fn from(response: &GraphQLResponse) -> Self {
        response
            .errors
            .first()
            .map_or_else(Self::internal, Self::from)
    }
}

impl From<&GraphQLError> for RestError {
    fn from(error: &GraphQLError) -> Self {
        let message = &error.message;
        let new = |status, code: ErrorCode| Self::new(status, code, message);
        match error.code() {
            code @ ErrorCode::Unauthenticated => {
                new(StatusCode::UNAUTHORIZED, code).with_header(header::WWW_AUTHENTICATE, "Bearer")
            }
            code @ (ErrorCode::Forbidden | ErrorCode::FeatureDisabled) => {
                new(StatusCode::FORBIDDEN, code)
            }
            code @ (ErrorCode::BadUserInput | ErrorCode::OperationTooComplex) => {
                new(StatusCode::BAD_REQUEST, code)
            }
            code @ ErrorCode::NotFound => new(StatusCode::NOT_FOUND, code),
            code @ ErrorCode::Conflict => new(StatusCode::CONFLICT, code),
            // Overwritten if the exact wait is known.
            code @ ErrorCode::RateLimited => new(StatusCode::TOO_MANY_REQUESTS, code)
                .with_header(header::RETRY_AFTER, RETRY_AFTER),
            ErrorCode::SubgraphUnavailable | ErrorCode::DeadlineExceeded => {
                Self::unavailable(RestErrorCode::ServiceUnavailable, message)
            }
            // The documents are our own, so these are not the client's errors.
            _ => Self::internal(),
        }
    }
}

impl From<Refusal> for RestError {
    fn from(refusal: Refusal) -> Self {
        let code: Code = match refusal.status {
            StatusCode::BAD_REQUEST => ErrorCode::BadUserInput.into(),
            StatusCode::UNAUTHORIZED => ErrorCode::Unauthenticated.into(),
            StatusCode::FORBIDDEN => ErrorCode::Forbidden.into(),
            StatusCode::REQUEST_TIMEOUT => RestErrorCode::RequestTimeout.into(),
            StatusCode::PAYLOAD_TOO_LARGE => RestErrorCode::PayloadTooLarge.into(),
            StatusCode::TOO_MANY_REQUESTS => ErrorCode::RateLimited.into(),
            StatusCode::SERVICE_UNAVAILABLE => RestErrorCode::ServiceUnavailable.into(),
            _ => ErrorCode::Internal.into(),
        };
        Self {
            header: refusal.header,
            ..Self::new(refusal.status, code, refusal.message)
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let label = ErrorLabel(self.body.error.clone());
        let json = [(header::CONTENT_TYPE, JSON)];
        let mut response = (self.status, json, Json(self.body)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(label);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_body() {
        let check = |arguments: &[&str], expected: Option<&str>| {
            let arguments: Vec<_> = arguments.iter().map(|&step| step.to_owned()).collect();
            assert_eq!(path_in_body(&arguments).as_deref(), expected);
        };
        check(
            &["input", "items", "1", "reasonCode"],
            Some("items[1].reason_code"),
        );
        check(&["input", "orderId"], Some("order_id"));
        check(&["id"], None);
        check(&[], None);
    }
}
