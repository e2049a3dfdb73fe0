//! A request as a protocol passes it to the router: the GraphQL part, and who sent it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use platform::caller::Caller;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::charge::Charge;
use crate::clients::ClientIdentity;
use crate::prepare::PreparedOperation;

/// Tracing headers: specific to one request, without influence on the response.
pub(crate) const TRACING: [&str; 2] = ["traceparent", "tracestate"];

/// A GraphQL request in the JSON form defined by GraphQL over HTTP.
///
/// `query` is absent if the document is referenced by id, here or in `extensions.persistedQuery`; the server fills it
/// in before the request reaches [`Router`](crate::Router).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphQLRequest {
    #[serde(default)]
    pub query: Option<String>,
    /// The id of a persisted document.
    #[serde(default)]
    pub document_id: Option<String>,
    #[serde(default)]
    pub operation_name: Option<String>,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub variables: Map<String, Value>,
    #[serde(default, deserialize_with = "null_as_empty")]
    pub extensions: Map<String, Value>,
}

impl GraphQLRequest {
    /// A request for a document without variables.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: Some(query.into()),
            ..Self::default()
        }
    }

    /// The same request with these variables; a non-object leaves them empty.
    pub fn with_variables(mut self, variables: Value) -> Self {
        if let Value::Object(variables) = variables {
            self.variables = variables;
        }
        self
    }
}

fn null_as_empty<'de, D>(deserializer: D) -> Result<Map<String, Value>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Option::<Map<String, Value>>::deserialize(deserializer)?.unwrap_or_default())
}

/// A request whose operation a router has prepared, to be run by that router.
#[derive(Debug)]
pub struct PreparedRequest {
    pub operation: Arc<PreparedOperation>,
    pub variables: Map<String, Value>,
    pub context: RequestContext,
}

/// Whether a request asks for its plan, in `extensions.queryPlan`. A router that does not expose plans ignores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanRequest {
    #[default]
    No,
    /// In addition to the response.
    Shown,
    /// Instead of a response: nothing is executed.
    DryRun,
}

/// Everything about a request that is not GraphQL.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// The verified caller; the default is an anonymous visitor.
    pub caller: Caller,
    /// The application that sent the request; the default is an unregistered one.
    pub client: ClientIdentity,
    /// The rate limits it is charged to; `None`: unlimited.
    pub charge: Option<Charge>,
    pub query_plan: PlanRequest,
    /// Whether to report the operation's cost in `extensions.cost`.
    pub shows_cost: bool,
    /// Whether to report in `extensions.entityCache` what came from the entity cache, and why the rest did not.
    pub shows_cache: bool,
    pub request_id: String,
    /// Client headers that may be forwarded to subgraphs; already filtered.
    pub headers: HeaderMap,
    /// Overrides the router's introspection policy for this request.
    pub introspection: Option<bool>,
    /// Overrides the router's deadline; counted from the start of execution.
    pub deadline: Option<Duration>,
}

impl RequestContext {
    pub fn for_caller(caller: Caller) -> Self {
        Self {
            request_id: caller.request_id.clone(),
            caller,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_members_are_absent_members() {
        let request: GraphQLRequest = serde_json::from_str(
            r#"{"query":"{ a }","operationName":null,"variables":null,"extensions":null}"#,
        )
        .expect("a request");
        assert_eq!(request.query.as_deref(), Some("{ a }"));
        assert!(request.operation_name.is_none() && request.variables.is_empty());
    }

    #[test]
    fn variables_that_are_no_object_are_refused() {
        assert!(
            serde_json::from_str::<GraphQLRequest>(r#"{"query":"{ a }","variables":[]}"#).is_err()
        );
    }
}
