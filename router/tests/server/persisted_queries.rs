//! Requests that name a document instead of sending it: registered operations and automatic persisted queries.

use std::sync::Arc;

use platform::cache::{Cache, InProcessCache};
use router::clients::{Clients, ClientsFiles, Sha256Hash};
use serde_json::{Value, json};

use crate::kit::{Edge, rendered_metrics};
use crate::requests::{Case, GRAPHQL_RESPONSE, JSON, query};
use crate::sockets::Socket;

const HELLO: &str = "query Hello($name: String) { hello(name: $name) }";
const COUNT: &str = "subscription Count { count(to: 2) { number } }";
const DOUBLE: &str = "mutation Double { double(number: 21) }";
const KEY: &str = "acme's key";

fn hash(document: &str) -> String {
    Sha256Hash::of(document.as_bytes()).to_string()
}

/// Apollo's request extension.
fn by_hash(hash: &str) -> Value {
    json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}})
}

fn with(mut request: Value, member: &str, value: impl Into<Value>) -> Value {
    request[member] = value.into();
    request
}

/// A server with three clients that have the same operations.
async fn registered() -> Edge {
    let edge = Edge::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let relay = json!({"hello": HELLO, "count": COUNT, "double": DOUBLE});
    let manifest = directory.path().join("operations.json");
    std::fs::write(manifest, relay.to_string()).expect("written");
    let path = directory.path().join("clients.yaml");
    let key = hash(KEY);
    let text = format!(
        "clients:
          - {{ name: acme, mode: require, manifests: [operations.json], keys: [{{ id: k1, sha256: {key} }}] }}
          - {{ name: web, manifests: [operations.json] }}
          - {{ name: watched, mode: log-unknown, manifests: [operations.json] }}"
    );
    std::fs::write(&path, text).expect("written");
    let files = ClientsFiles::read(&path).expect("files");
    let clients = Clients::load(&files).expect("clients");
    edge.state.replace_clients(clients).await.expect("they fit");
    edge
}

async fn post(edge: &Edge, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut case = Case::post(body.to_string());
    for (name, value) in headers {
        case = case.header(name, value);
    }
    let response = case.send(edge).await;
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

/// Code and message of a response's only error.
fn refusal(answer: &Value) -> (&str, &str) {
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(errors.len(), 1, "{answer}");
    let error = &errors[0];
    let code = error["extensions"]["code"].as_str().unwrap_or("");
    (code, error["message"].as_str().unwrap_or(""))
}

const NOT_FOUND: (&str, &str) = ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound");

#[tokio::test]
async fn a_document_is_sent_once_and_then_named_by_its_hash() {
    let edge = Edge::start().await;
    let named = by_hash(&hash(HELLO));
    let (_, unknown) = post(&edge, &named, &[]).await;
    assert_eq!(refusal(&unknown), NOT_FOUND);
    let sent = with(named.clone(), "query", HELLO);
    let (_, answer) = post(&edge, &sent, &[]).await;
    assert_eq!(answer["data"]["hello"], "hello you", "{answer}");
    let known = with(named, "variables", json!({"name": "Ada"}));
    let (_, answer) = post(&edge, &known, &[]).await;
    assert_eq!(answer["data"]["hello"], "hello Ada", "{answer}");

    let extensions = by_hash(&hash(HELLO))["extensions"].to_string();
    let query_string = format!("?extensions={extensions}&variables={{\"name\":\"Ada\"}}");
    let response = Case::get(&query_string).send(&edge).await;
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer["data"]["hello"], "hello Ada", "{answer}");
    // The GraphQL specification's form of the same hash.
    let (_, answer) = post(
        &edge,
        &json!({"documentId": format!("sha256:{}", hash(HELLO))}),
        &[],
    )
    .await;
    assert_eq!(answer["data"]["hello"], "hello you", "{answer}");
}

#[tokio::test]
async fn a_hash_cannot_be_had_for_another_document() {
    let cache = Arc::new(InProcessCache::new(
        router::server::PersistedQueriesConfig::default().bounds(),
    ));
    let edge = Edge::keeping_documents_in(cache.clone()).await;
    let named = by_hash(&hash(HELLO));
    let (_, answer) = post(&edge, &with(named.clone(), "query", "{ shop }"), &[]).await;
    assert_eq!(refusal(&answer).0, "PERSISTED_QUERY_HASH_MISMATCH");
    let (_, answer) = post(&edge, &named, &[]).await;
    assert_eq!(refusal(&answer), NOT_FOUND);
    // Another writer has tampered with the cache.
    cache.put(&hash(HELLO), "{ shop }".into()).await;
    let (_, answer) = post(&edge, &named, &[]).await;
    assert_eq!(refusal(&answer), NOT_FOUND);
}

#[tokio::test]
async fn what_is_no_operation_or_too_long_is_not_kept() {
    let edge = Edge::with(|config| config.persisted_queries.max_entry_bytes = 40).await;
    for document in ["{ nothing }", "{", HELLO] {
        let named = by_hash(&hash(document));
        post(&edge, &with(named.clone(), "query", document), &[]).await;
        let (_, answer) = post(&edge, &named, &[]).await;
        assert_eq!(refusal(&answer), NOT_FOUND, "{document}");
    }
}

#[tokio::test]
async fn where_documents_are_not_kept_clients_are_told_to_stop_naming_them() {
    let edge = Edge::with(|config| config.persisted_queries.enabled = false).await;
    let named = by_hash(&hash(HELLO));
    let (_, answer) = post(&edge, &named, &[]).await;
    let expected = (
        "PERSISTED_QUERY_NOT_SUPPORTED",
        "PersistedQueryNotSupported",
    );
    assert_eq!(refusal(&answer), expected);
    let (_, answer) = post(&edge, &with(named, "query", HELLO), &[]).await;
    assert_eq!(answer["data"]["hello"], "hello you");
}

#[tokio::test]
async fn clients_that_read_only_answers_with_status_200_are_asked_for_the_document() {
    let edge = Edge::start().await;
    let check = async |body: Value, accept: &str, status: u16| {
        let (found, answer) = post(&edge, &body, &[("accept", accept)]).await;
        assert_eq!(found, status, "{body} as {accept}: {answer}");
    };
    let unknown = by_hash(&hash(HELLO));
    check(unknown.clone(), JSON, 200).await;
    check(unknown.clone(), GRAPHQL_RESPONSE, 404).await;
    // As Apollo iOS and Apollo Kotlin send it.
    let both =
        "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json";
    check(unknown.clone(), both, 200).await;
    check(with(unknown, "query", "{ shop }"), both, 400).await;
}

#[tokio::test]
async fn a_registered_operation_runs_by_every_way_to_name_it() {
    let edge = registered().await;
    let hello = hash(HELLO);
    let ada = json!({"name": "Ada"});
    for client in [
        ("x-api-key", KEY),
        ("graphql-client-name", "web"),
        ("x-other", "1"),
    ] {
        for request in [
            json!({"documentId": "hello"}),
            json!({"documentId": format!("sha256:{hello}")}),
            json!({"documentId": hello}),
            json!({"doc_id": "hello"}),
            json!({"id": "hello"}),
            by_hash("hello"),
            by_hash(&hello),
            json!({"documentId": "hello", "operationName": "Hello"}),
            json!({"query": HELLO}),
            json!({"query": HELLO, "documentId": "hello"}),
        ] {
            let request = with(request, "variables", ada.clone());
            let (status, answer) = post(&edge, &request, &[client]).await;
            assert_eq!(status, 200);
            assert_eq!(answer, json!({"data": {"hello": "hello Ada"}}), "{request}");
        }
        for url in [
            "?documentId=hello&variables={\"name\":\"Ada\"}",
            "?doc_id=hello&variables={\"name\":\"Ada\"}",
            "?id=hello&variables={\"name\":\"Ada\"}",
            "/hello?variables={\"name\":\"Ada\"}",
            &format!("/sha256:{hello}?variables={{\"name\":\"Ada\"}}"),
        ] {
            let response = Case::get(url).header(client.0, client.1).send(&edge).await;
            assert_eq!(response.status(), 200, "{url}");
            let answer: Value = response.json().await.expect("JSON");
            assert_eq!(answer, json!({"data": {"hello": "hello Ada"}}), "{url}");
        }
    }
    let mut by_path = Case::post(json!({"variables": ada}).to_string());
    by_path.query_string = "/hello";
    let answer: Value = by_path.send(&edge).await.json().await.expect("JSON");
    assert_eq!(answer["data"]["hello"], "hello Ada", "{answer}");
    let response = Case::get("/double").send(&edge).await;
    assert_eq!(response.status(), 405);
    let response = Case::get("/hello?documentId=count").send(&edge).await;
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn a_registered_subscription_runs_over_every_protocol_that_streams() {
    let edge = registered().await;
    let read = async |accept: &str, url: &str| {
        let case = Case::get(url)
            .header("accept", accept)
            .header("x-api-key", KEY);
        case.send(&edge).await.text().await.expect("text")
    };
    for url in ["?documentId=count", "/count"] {
        let events = read("text/event-stream", url).await;
        assert_eq!(events.matches("event: next").count(), 2, "{events}");
        let parts = read("multipart/mixed;subscriptionSpec=1.0", url).await;
        assert_eq!(parts.matches("\"payload\":").count(), 2, "{parts}");
    }
    let mut socket = Socket::ready(&edge, json!({"x-api-key": KEY})).await;
    for payload in [
        json!({"documentId": "count"}),
        by_hash("count"),
        json!({"doc_id": "count"}),
    ] {
        socket
            .send(json!({"id": "1", "type": "subscribe", "payload": payload}))
            .await;
        for number in 1..=2 {
            let event = socket.next().await.json();
            assert_eq!(
                event["payload"]["data"]["count"]["number"], number,
                "{event}"
            );
        }
        assert_eq!(socket.next().await.json()["type"], "complete");
    }
    let unknown = json!({"id": "2", "type": "subscribe", "payload": {"documentId": "other"}});
    socket.send(unknown).await;
    let refused = socket.next().await.json();
    assert_eq!(refused["type"], "error");
    assert_eq!(
        refused["payload"][0]["extensions"]["code"], NOT_FOUND.0,
        "{refused}"
    );
}

#[tokio::test]
async fn a_client_in_require_mode_runs_what_it_has_registered_and_nothing_else() {
    let edge = registered().await;
    let check = async |request: Value, status: u16, code: &str| {
        let headers = [("x-api-key", KEY), ("accept", GRAPHQL_RESPONSE)];
        let (found, answer) = post(&edge, &request, &headers).await;
        assert_eq!((found, refusal(&answer).0), (status, code), "{request}");
    };
    let not_in_safelist = "QUERY_NOT_IN_SAFELIST";
    check(json!({"query": "{ hello }"}), 403, not_in_safelist).await;
    // A different document with the same meaning.
    check(json!({"query": format!("{HELLO} ")}), 403, not_in_safelist).await;
    check(json!({}), 400, "PERSISTED_QUERY_ID_REQUIRED").await;
    check(json!({"query": " "}), 400, "PERSISTED_QUERY_ID_REQUIRED").await;
    check(json!({"documentId": "other"}), 404, NOT_FOUND.0).await;
    // It neither registers documents nor can use those registered by others.
    let named = by_hash(&hash("{ hello }"));
    let sent = with(named.clone(), "query", "{ hello }");
    check(named.clone(), 404, NOT_FOUND.0).await;
    check(sent.clone(), 403, not_in_safelist).await;
    let (_, answer) = post(&edge, &sent, &[]).await;
    assert_eq!(answer["data"]["hello"], "hello you");
    check(named, 404, NOT_FOUND.0).await;
    let other = with(json!({"query": HELLO}), "documentId", "count");
    check(other, 400, "PERSISTED_QUERY_HASH_MISMATCH").await;
}

#[tokio::test]
async fn unregistered_operations_are_allowed_and_counted_where_they_are_watched() {
    let edge = registered().await;
    let counted = || {
        let name = r#"router_unregistered_operations_total{client="watched",outcome="allowed"} "#;
        let metrics = rendered_metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |count| count.parse::<u64>().expect("a number"))
    };
    let watched = [("graphql-client-name", "watched")];
    let sent = with(by_hash(&hash("{ hello }")), "query", "{ hello }");
    for (request, more) in [
        (json!({"query": "{ hello }"}), 1),
        (json!({"query": HELLO}), 0),
        (json!({"documentId": "hello"}), 0),
        (sent, 1),
        (by_hash(&hash("{ hello }")), 1),
    ] {
        let before = counted();
        let (_, answer) = post(&edge, &request, &watched).await;
        assert_eq!(answer["data"]["hello"], "hello you", "{request}");
        assert_eq!(counted(), before + more, "{request}");
    }
}

#[tokio::test]
async fn a_request_that_names_a_document_badly_is_told_so() {
    let edge = Edge::start().await;
    for (request, words) in [
        (json!({}), "no `query`"),
        (json!({"documentId": ""}), "empty"),
        (json!({"documentId": 7}), "not a string"),
        (
            json!({"extensions": {"persistedQuery": {"version": 2}}}),
            "version",
        ),
        (
            with(by_hash(&hash(HELLO)), "documentId", "other"),
            "different documents",
        ),
    ] {
        let (status, answer) = post(&edge, &request, &[]).await;
        assert_eq!(
            (status, refusal(&answer).0),
            (400, "BAD_USER_INPUT"),
            "{request}"
        );
        assert!(refusal(&answer).1.contains(words), "{answer}");
    }
}

#[tokio::test]
async fn registered_operations_are_counted_by_their_names_however_many_others_there_were() {
    let edge = registered().await;
    for number in 0..1_001 {
        let document = format!("query Invented{number} {{ hello }}");
        let case = Case::post(query(&document)).header("graphql-client-name", "names");
        assert_eq!(case.send(&edge).await.status(), 200);
    }
    let acme = [("x-api-key", KEY)];
    post(&edge, &json!({"documentId": "hello"}), &acme).await;
    let series = r#"router_operations_total{operation="Hello",client="acme"}"#;
    assert!(rendered_metrics().contains(series));
}
