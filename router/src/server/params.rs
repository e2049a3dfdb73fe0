//! Reads a GraphQL request from a body, a query string, or a WebSocket message.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::request::GraphQLRequest;
use crate::value::number::keep_digits;

/// The request in a POST body, or in the payload of a WebSocket message.
pub(super) fn from_body(body: &[u8]) -> Result<GraphQLRequest, Refusal> {
    if body.is_empty() {
        return Err(Refusal::bad_request(
            "the body is empty: send a JSON object",
        ));
    }
    let value = serde_json::from_slice(&keep_digits(body))
        .map_err(|error| Refusal::bad_request(format!("the body is not JSON: {error}")))?;
    from_value(value)
}

/// The request in a JSON value. Members of other names are ignored, as the specification wants.
fn from_value(value: Value) -> Result<GraphQLRequest, Refusal> {
    let mut members = match value {
        Value::Object(members) => members,
        Value::Array(_) => return Err(Refusal::batch()),
        _ => return Err(Refusal::bad_request("the request is not a JSON object")),
    };
    let mut member = |name: &str| members.remove(name).unwrap_or_default();
    let request = GraphQLRequest {
        query: string("query", member("query"))?,
        operation_name: string("operationName", member("operationName"))?,
        variables: object("variables", member("variables"))?,
        extensions: object("extensions", member("extensions"))?,
    };
    complete(request)
}

/// The request in the query string of a GET.
pub(super) fn from_query(query: &str) -> Result<GraphQLRequest, Refusal> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if !matches!(
            &*name,
            "query" | "operationName" | "variables" | "extensions"
        ) {
            continue;
        }
        let value = match &*name {
            "variables" | "extensions" if value.is_empty() => Value::Null,
            "variables" | "extensions" => serde_json::from_slice(&keep_digits(value.as_bytes()))
                .map_err(|error| {
                    Refusal::bad_request(format!("the parameter `{name}` is not JSON: {error}"))
                })?,
            "operationName" if value.is_empty() => Value::Null,
            _ => Value::String(value.into_owned()),
        };
        if members.insert(name.to_string(), value).is_some() {
            return Err(Refusal::bad_request(format!(
                "the parameter `{name}` is given twice"
            )));
        }
    }
    from_value(Value::Object(members))
}

/// A request needs a document, or the hash of one.
fn complete(request: GraphQLRequest) -> Result<GraphQLRequest, Refusal> {
    let named = request.names_persisted_query();
    match &request.query {
        None if named => Ok(request),
        None => Err(Refusal::bad_request("the request has no `query`")),
        Some(query) if query.trim().is_empty() && !named => {
            Err(Refusal::bad_request("`query` is empty"))
        }
        Some(_) => Ok(request),
    }
}

fn string(name: &str, value: Value) -> Result<Option<String>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Refusal::bad_request(format!("`{name}` is not a string"))),
    }
}

fn object(name: &str, value: Value) -> Result<Map<String, Value>, Refusal> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(members) => Ok(members),
        _ => Err(Refusal::bad_request(format!("`{name}` is not an object"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_bodies_are_refused_with_what_is_wrong() {
        let check = |body: &str, expect: &str| {
            let refusal = from_body(body.as_bytes()).expect_err(body);
            assert!(refusal.message.contains(expect), "{}", refusal.message);
        };
        check("", "empty");
        check("{", "not JSON");
        check("\"{ a }\"", "not a JSON object");
        check(r#"[{"query":"{ a }"}]"#, "batches");
        check("{}", "no `query`");
        check(r#"{"query":null}"#, "no `query`");
        check(r#"{"query":" "}"#, "`query` is empty");
        check(r#"{"query":1}"#, "`query` is not a string");
        check(
            r#"{"query":"{ a }","operationName":{}}"#,
            "`operationName` is not a string",
        );
        check(
            r#"{"query":"{ a }","variables":[]}"#,
            "`variables` is not an object",
        );
        check(
            r#"{"query":"{ a }","variables":"{}"}"#,
            "`variables` is not an object",
        );
        check(
            r#"{"query":"{ a }","extensions":1}"#,
            "`extensions` is not an object",
        );
        assert!(from_body(b"{\"query\":\"\xff\"}").is_err());
        assert!(from_body("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn well_formed_requests_are_read_alike_from_both_places() {
        let body =
            from_body(br#"{"query":"{ a }","operationName":null,"variables":{"n":1},"other":1}"#)
                .expect("a body");
        let query =
            from_query("query=%7B+a+%7D&operationName=&variables=%7B%22n%22%3A1%7D&other=1")
                .expect("a query string");
        for request in [body, query] {
            assert_eq!(request.query.as_deref(), Some("{ a }"));
            assert_eq!(request.operation_name, None);
            assert_eq!(request.variables["n"], 1);
        }
        assert!(from_body(br#"{"extensions":{"persistedQuery":{}}}"#).is_ok());
        assert!(from_query("query=%7Ba%7D&query=%7Bb%7D").is_err());
        assert!(from_query("query=%7Ba%7D&variables=x").is_err());
        assert!(from_query("").is_err());
    }
}
