//! Reads a GraphQL request from a body, a query string or a WebSocket message.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::request::GraphQLRequest;
use crate::value::number::preserve_digits;

/// The request in a POST body or a WebSocket message's payload.
pub(super) fn from_body(body: &[u8]) -> Result<GraphQLRequest, Refusal> {
    if body.is_empty() {
        return Err(Refusal::bad_request(
            "the body is empty: send a JSON object",
        ));
    }
    let value = serde_json::from_slice(&preserve_digits(body))
        .map_err(|error| Refusal::bad_request(format!("the body is not JSON: {error}")))?;
    from_value(value)
}

/// The requests in a POST body that is an array; an invalid element is an error by itself.
pub(super) fn batch_from_body(
    body: &[u8],
    max: usize,
) -> Result<Vec<Result<GraphQLRequest, Refusal>>, Refusal> {
    let values: Vec<Value> = serde_json::from_slice(&preserve_digits(body))
        .map_err(|error| Refusal::bad_request(format!("the body is not JSON: {error}")))?;
    match values.len() {
        0 => Err(Refusal::bad_request("the batch is empty")),
        count if count > max => Err(Refusal::bad_request(format!(
            "the batch has {count} operations; the limit is {max}"
        ))),
        _ => Ok(values.into_iter().map(from_value).collect()),
    }
}

/// The request in a JSON value. Unknown members are ignored, as the specification requires.
fn from_value(value: Value) -> Result<GraphQLRequest, Refusal> {
    let mut members = match value {
        Value::Object(members) => members,
        Value::Array(_) => return Err(Refusal::batch()),
        _ => return Err(Refusal::bad_request("the request is not a JSON object")),
    };
    let mut member = |name: &str| members.remove(name).unwrap_or_default();
    let query = string("query", member("query"))?;
    let mut document_id = string("documentId", member("documentId"))?;
    // Relay's names mean something else to clients that send a document. Some clients send an empty document with an
    // id.
    let has_document = query.as_ref().is_some_and(|text| !text.trim().is_empty());
    for name in ["doc_id", "id"] {
        let id = member(name);
        if document_id.is_none() && !has_document {
            document_id = string(name, id)?;
        }
    }
    Ok(GraphQLRequest {
        query,
        document_id,
        operation_name: string("operationName", member("operationName"))?,
        variables: object("variables", member("variables"))?,
        extensions: object("extensions", member("extensions"))?,
    })
}

/// Takes over the document id from the path.
pub(super) fn at_path(id: String, request: &mut GraphQLRequest) -> Result<(), Refusal> {
    match &request.document_id {
        Some(other) if *other != id => Err(Refusal::bad_request(
            "the path and the request reference different documents",
        )),
        _ => {
            request.document_id = Some(id);
            Ok(())
        }
    }
}

/// The request in a GET's query string.
pub(super) fn from_query(query: &str) -> Result<GraphQLRequest, Refusal> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if !matches!(
            &*name,
            "query" | "documentId" | "doc_id" | "id" | "operationName" | "variables" | "extensions"
        ) {
            continue;
        }
        let value = match &*name {
            "variables" | "extensions" if value.is_empty() => Value::Null,
            "variables" | "extensions" => {
                serde_json::from_slice(&preserve_digits(value.as_bytes())).map_err(|error| {
                    Refusal::bad_request(format!("the parameter `{name}` is not JSON: {error}"))
                })?
            }
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
        check(r#"{"documentId":1}"#, "`documentId` is not a string");
        check(r#"{"doc_id":1}"#, "`doc_id` is not a string");
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
        assert!(from_query("query=%7Ba%7D&query=%7Bb%7D").is_err());
        assert!(from_query("query=%7Ba%7D&variables=x").is_err());
    }

    #[test]
    fn the_id_of_a_document_is_read_by_each_of_its_names() {
        let check = |body: &str, query: &str, expected: Option<&str>| {
            for request in [from_body(body.as_bytes()), from_query(query)] {
                let request = request.expect(body);
                assert_eq!(request.document_id.as_deref(), expected, "{body}");
            }
        };
        check("{}", "", None);
        check(r#"{"documentId":"a"}"#, "documentId=a", Some("a"));
        check(r#"{"doc_id":"a"}"#, "doc_id=a", Some("a"));
        check(r#"{"id":"a"}"#, "id=a", Some("a"));
        check(
            r#"{"id":"a","documentId":"b"}"#,
            "id=a&documentId=b",
            Some("b"),
        );
        check(r#"{"query":"","doc_id":"a"}"#, "query=&doc_id=a", Some("a"));
        // An id with another meaning.
        check(r#"{"query":"{ a }","id":"a"}"#, "query={a}&id=a", None);
        let other = from_body(br#"{"query":"{ a }","id":7}"#).expect("a request");
        assert_eq!(other.document_id, None);
    }

    #[test]
    fn a_path_may_repeat_the_id_and_not_contradict_it() {
        let at = |query: &str| {
            let mut request = from_query(query).expect(query);
            at_path("a".to_owned(), &mut request).map(|()| request.document_id)
        };
        for query in ["", "documentId=a"] {
            assert_eq!(at(query).expect("an id").as_deref(), Some("a"));
        }
        assert!(at("documentId=b").is_err());
    }
}
