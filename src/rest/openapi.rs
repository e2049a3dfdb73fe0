//! The routes' OpenAPI document, generated from the types of their bodies.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi};

use super::error::ErrorBody;
use super::tracking_socket::{ClientMessage, ServerMessage};
use super::{notification_preferences, returns, tracking, tracking_socket};

/// Path of the document.
pub(super) const PATH: &str = "/api/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vantage REST API",
        version = "v1",
        description = "Returns, notification preferences and tracking, for clients of the system that Vantage replaces. \
            Everything else is GraphQL.",
        contact(),
    ),
    paths(
        returns::create,
        returns::show,
        returns::label,
        notification_preferences::show,
        notification_preferences::update,
        tracking::show,
        tracking_socket::upgrade,
    ),
    components(schemas(ServerMessage, ClientMessage)),
    tags(
        (name = "returns", description = "Returns of purchased items"),
        (name = "notification preferences", description = "Messages a customer receives"),
        (name = "tracking", description = "Status of an order's parcel"),
    ),
    modifiers(&BearerToken),
)]
struct Document;

/// The document as JSON.
pub(crate) fn document() -> Result<String, serde_json::Error> {
    Ok(Document::openapi().to_pretty_json()? + "\n")
}

/// Authentication: a customer's token.
struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        // The server URL depends on the deployment.
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The customer's access token."));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// Headers of all requests.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(
    dead_code,
    reason = "only describes headers, which are read individually"
)]
pub(super) struct RequestHeaders {
    /// Version of the routes: `v1`, which is also the default.
    #[param(rename = "X-API-Version", nullable = false, example = "v1")]
    version: Option<String>,
    /// Request id for logs; echoed in the response.
    #[param(rename = "X-Request-ID", nullable = false, example = "req_return_001")]
    request_id: Option<String>,
    /// Echoed in the response.
    #[param(rename = "X-Correlation-Id", nullable = false)]
    correlation_id: Option<String>,
}

/// The header that makes a change idempotent.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(
    dead_code,
    reason = "only describes a header, which is read individually"
)]
pub(super) struct IdempotencyKey {
    /// 1 to 255 characters, such as a new UUID. Repeating a request with the same key and body has no further effect
    /// and returns the same response; a different body is rejected with 409. By default, the key is derived from
    /// `X-Request-ID`.
    #[param(rename = "Idempotency-Key", nullable = false)]
    idempotency_key: Option<String>,
}

/// Errors common to all requests.
#[derive(IntoResponses)]
#[expect(
    dead_code,
    reason = "only describes responses, which are built individually"
)]
pub(super) enum Refused {
    /// The request is invalid: `BAD_USER_INPUT`, `UNSUPPORTED_API_VERSION`
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// The token is missing or invalid: `UNAUTHENTICATED`
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// The object belongs to another customer: `FORBIDDEN`
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// The body is too long: `PAYLOAD_TOO_LARGE`
    #[response(status = 413)]
    PayloadTooLarge(ErrorBody),
    /// Too many requests: `RATE_LIMITED`. Wait for `Retry-After` seconds
    #[response(status = 429)]
    RateLimited(ErrorBody),
    /// Internal error: `INTERNAL`
    #[response(status = 500)]
    Internal(ErrorBody),
    /// Part of the service is unavailable or at capacity: `SERVICE_UNAVAILABLE`. Wait for `Retry-After` seconds
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use graphql_tools::parser::schema::{Definition, TypeDefinition};
    use serde_json::Value;

    use super::*;

    fn parsed() -> Value {
        serde_json::from_str(&document().unwrap()).unwrap()
    }

    /// The values of a graph enum.
    fn values(name: &str) -> BTreeSet<String> {
        let schema = include_str!("../../schema/api.graphql");
        let schema = graphql_tools::parser::parse_schema::<String>(schema).unwrap();
        let values = schema
            .definitions
            .into_iter()
            .find_map(|definition| match definition {
                Definition::TypeDefinition(TypeDefinition::Enum(found)) if found.name == name => {
                    Some(found.values)
                }
                _ => None,
            });
        let values = values.unwrap().into_iter();
        values
            .map(|value| value.name.to_ascii_lowercase())
            .collect()
    }

    #[test]
    fn enumerations_have_the_values_of_the_graph() {
        let document = parsed();
        for (ours, of_graph) in [
            ("ReturnStatus", "ReturnStatus"),
            ("ItemCondition", "ItemCondition"),
            ("Channel", "NotificationChannel"),
            ("Category", "NotificationCategory"),
            ("TopicAction", "TopicAction"),
            ("TrackingStatus", "TrackingStatus"),
            ("Carrier", "Carrier"),
        ] {
            let documented = document["components"]["schemas"][ours]["enum"].as_array();
            let documented = documented.unwrap_or_else(|| panic!("{ours}")).iter();
            let documented: BTreeSet<_> = documented
                .map(|value| value.as_str().unwrap().to_owned())
                .collect();
            assert_eq!(documented, values(of_graph), "{ours}");
        }
    }

    #[test]
    fn every_operation_and_body_is_described() {
        let document = parsed();
        assert_eq!(document["openapi"], "3.1.0");
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for member in ["summary", "operationId", "tags", "security"] {
                    assert!(!operation[member].is_null(), "{method} {path}: {member}");
                }
                let responses = operation["responses"].as_object().unwrap();
                for status in ["400", "401", "413", "429", "503"] {
                    assert!(responses.contains_key(status), "{method} {path}: {status}");
                }
            }
        }
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            assert!(schema["description"].is_string(), "{name}");
        }
    }
}
