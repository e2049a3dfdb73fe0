//! What a protocol hands to the router: the GraphQL request and who sends it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use platform::caller::Caller;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::charge::Charge;
use crate::clients::ClientIdentity;
use crate::prepare::PreparedOperation;

/// Headers that follow a single request and change no answer.
pub(crate) const TRACING: [&str; 2] = ["traceparent", "tracestate"];

/// A GraphQL request, as its JSON form is defined by GraphQL over HTTP.
///
/// `query` is absent when the document is named by an id, here or in `extensions.persistedQuery`; the server puts it in
/// before the request reaches [`Router`](crate::Router).
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

    /// The same request with these variables; anything but an object leaves them empty.
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

/// A request whose operation a router has prepared, for that router to run.
#[derive(Debug)]
pub struct PreparedRequest {
    pub operation: Arc<PreparedOperation>,
    pub variables: Map<String, Value>,
    pub context: RequestContext,
}

/// Everything about a request that is not GraphQL.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// The caller whose credentials the edge has verified; the default is an anonymous visitor.
    pub caller: Caller,
    /// The application that sends the request; the default is one that is not registered.
    pub client: ClientIdentity,
    /// What it spends; `None`: nothing limits it.
    pub charge: Option<Charge>,
    /// Tells what the operation costs, in `extensions.cost`.
    pub shows_cost: bool,
    pub request_id: String,
    /// Headers of the client that may be passed on to subgraphs; the edge has already filtered them.
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
