//! Operation batching: several operations in one POST.

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;

use reqwest::Response;
use router::clients::{Clients, ClientsFiles, Sha256Hash};
use router::server::{RateConfig, ServerConfig};
use serde_json::{Value, json};

use crate::kit::{Edge, rendered_metrics};
use crate::requests::{Case, GRAPHQL_RESPONSE, JSON, content_type};

const KEY: &str = "acme's key";

fn batching(config: &mut ServerConfig) {
    config.batching.enabled = true;
    config.batching.max = NonZeroUsize::new(4).expect("not zero");
}

async fn send(edge: &Edge, body: &Value, headers: &[(&str, &str)]) -> Response {
    let mut case = Case::post(body.to_string());
    for (name, value) in headers {
        case = case.header(name, value);
    }
    case.send(edge).await
}

async fn answers(edge: &Edge, body: &Value, headers: &[(&str, &str)]) -> Vec<Value> {
    let response = send(edge, body, headers).await;
    assert_eq!(response.status(), 200);
    response.json().await.expect("an array")
}

/// Status, code and message of a rejected batch.
async fn refused(edge: &Edge, body: &Value, headers: &[(&str, &str)]) -> (u16, String, String) {
    let response = send(edge, body, headers).await;
    let status = response.status().as_u16();
    let answer: Value = response.json().await.expect("an object");
    let error = &answer["errors"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        status,
        text(&error["extensions"]["code"]),
        text(&error["message"]),
    )
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_default()
}

fn query(document: &str) -> Value {
    json!({ "query": document })
}

#[tokio::test]
async fn batches_are_off_until_they_are_wanted() {
    let edge = Edge::start().await;
    for body in [json!([]), json!([query("{ hello }")]), json!([1])] {
        let (status, code, _) = refused(&edge, &body, &[]).await;
        assert_eq!((status, &*code), (400, "BATCHING_NOT_SUPPORTED"), "{body}");
    }
}

#[tokio::test]
async fn answers_come_in_order_and_each_has_its_own_errors() {
    let edge = Edge::with(batching).await;
    let named = json!({"query": "query A { hello } query B { shop }", "operationName": "B"});
    let batch = json!([
        query("{ hello"),
        named,
        7,
        query("{ hello(name: \"Ada\") broken }")
    ]);
    let headers = [("graphql-client-name", "batcher")];
    let response = send(&edge, &batch, &headers).await;
    assert_eq!(response.status(), 200);
    assert_eq!(content_type(&response), "application/json; charset=utf-8");
    let answers: Vec<Value> = response.json().await.expect("an array");
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert_eq!(code(&answers[0]), "GRAPHQL_PARSE_FAILED");
    assert_eq!(answers[1], json!({"data": {"shop": "open"}}));
    assert_eq!(code(&answers[2]), "BAD_USER_INPUT");
    assert_eq!(
        answers[3]["data"],
        json!({"hello": "hello Ada", "broken": null})
    );
    assert_eq!(answers[3]["errors"][0]["path"], json!(["broken"]));
    // Each operation is counted under its own name.
    let metrics = rendered_metrics();
    for operation in ["B", "anonymous"] {
        let counted =
            format!(r#"router_operations_total{{operation="{operation}",client="batcher"}} 1"#);
        assert!(metrics.contains(&counted), "{counted}: {metrics}");
    }
    let counted = r#"router_operations_total{operation="other",client="batcher"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_as_a_whole() {
    let edge = Edge::with(batching).await;
    let one = query("{ hello }");
    let check = async |body: Value, status: u16, words: &str| {
        let (found, code, message) = refused(&edge, &body, &[]).await;
        assert_eq!((found, &*code), (status, "BAD_USER_INPUT"), "{message}");
        assert!(message.contains(words), "{message}");
    };
    check(json!([]), 400, "empty").await;
    check(
        json!([one, one, one, one, one]),
        400,
        "has 5 operations; the limit is 4",
    )
    .await;
    let response = Case::post(r#"[{"query":"{ hello }"}"#).send(&edge).await;
    assert_eq!(response.status(), 400);
    let response = Case::post("[".repeat(100_000)).send(&edge).await;
    assert_eq!(response.status(), 400);
    let response = Case {
        query_string: "/sha256:00",
        ..Case::post(json!([one]).to_string())
    };
    assert_eq!(response.send(&edge).await.status(), 400);
    let bearer = [("authorization", "Bearer no.such.token")];
    let (status, code, _) = refused(&edge, &json!([one]), &bearer).await;
    assert_eq!((status, &*code), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn a_batch_is_no_stream() {
    let edge = Edge::with(batching).await;
    let subscription = query("subscription { count(to: 2) { number } }");
    let batch = json!([subscription, query("{ hello }")]);
    let found = answers(&edge, &batch, &[]).await;
    assert_eq!(code(&found[0]), "BAD_USER_INPUT");
    assert_eq!(found[1]["data"]["hello"], "hello you");
    for stream in ["text/event-stream", "multipart/mixed"] {
        let (status, code, _) = refused(&edge, &batch, &[("accept", stream)]).await;
        assert_eq!((status, &*code), (406, "BAD_USER_INPUT"), "{stream}");
    }
    // Apollo Client's `accept` header, and one with a single type.
    let apollo = "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9";
    for (accept, expected) in [(apollo, JSON), (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE)] {
        let response = send(&edge, &batch, &[("accept", accept)]).await;
        assert_eq!(response.status(), 200, "{accept}");
        assert!(content_type(&response).starts_with(expected), "{accept}");
    }
}

#[tokio::test]
async fn mutations_happen_one_after_another() {
    let edge = Edge::with(batching).await;
    let change = query("mutation { change }");
    let batch = json!([change, query("{ shop }"), change, change]);
    let found = answers(&edge, &batch, &[]).await;
    let numbers = [0, 2, 3].map(|index: usize| found[index]["data"]["change"].clone());
    assert_eq!(numbers, [json!(1), json!(2), json!(3)]);
    assert_eq!(edge.source.executed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn each_operation_spends_for_itself_and_the_headers_tell_the_least_that_is_left() {
    let edge = Edge::with(|config| {
        batching(config);
        let rate: RateConfig =
            serde_json::from_str(r#"{"cost_per_minute":1,"burst":6}"#).expect("a rate");
        config.rates.address = Some(rate);
    })
    .await;
    let one = query("{ hello }");
    let three = json!([one, query("{ nothing }"), one]);
    let header = |response: &Response, name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().expect("text").parse::<u32>().ok()
    };
    let response = send(&edge, &three, &[]).await;
    assert_eq!(header(&response, "ratelimit-limit"), Some(6));
    assert_eq!(header(&response, "ratelimit-remaining"), Some(3));
    assert_eq!(header(&response, "retry-after"), None);
    let response = send(&edge, &json!([one, one, one, one]), &[]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "ratelimit-remaining"), Some(0));
    assert!(header(&response, "retry-after") > Some(0));
    let found: Vec<Value> = response.json().await.expect("an array");
    let refused = found.iter().filter(|answer| code(answer) == "RATE_LIMITED");
    assert_eq!(refused.count(), 1, "{found:?}");
}

#[tokio::test]
async fn an_answer_is_kept_as_long_as_its_strictest_part() {
    let edge = Edge::with(batching).await;
    let check = async |documents: &[&str], headers: &[(&str, &str)], expected: &str| {
        let batch: Vec<_> = documents.iter().map(|document| query(document)).collect();
        let response = send(&edge, &json!(batch), headers).await;
        let value = response.headers()["cache-control"].to_str().expect("text");
        assert_eq!(value, expected, "{documents:?}");
    };
    check(&["{ shop }", "{ s: shop }"], &[], "max-age=60, public").await;
    check(&["{ shop }", "{ basket }"], &[], "max-age=30, private").await;
    check(&["{ shop }", "{ hello }"], &[], "no-store").await;
    check(&["{ shop }", "{ nothing }"], &[], "no-store").await;
    let bearer = format!(
        "Bearer {}",
        edge.token("usr_1", std::time::Duration::from_secs(60))
    );
    check(
        &["{ shop }"],
        &[("authorization", &bearer)],
        "max-age=60, private",
    )
    .await;
}

#[tokio::test]
async fn documents_may_be_named_and_a_client_is_bound_to_its_own() {
    let edge = Edge::with(batching).await;
    let hello = "query Hello { hello }";
    let directory = tempfile::tempdir().expect("a directory");
    let manifest = json!({"hello": hello}).to_string();
    std::fs::write(directory.path().join("operations.json"), manifest).expect("written");
    let path = directory.path().join("clients.yaml");
    let key = Sha256Hash::of(KEY.as_bytes());
    let text = format!(
        "clients: [{{ name: acme, mode: require, manifests: [operations.json], keys: [{{ id: k1, sha256: {key} }}] }}]"
    );
    std::fs::write(&path, text).expect("written");
    let files = ClientsFiles::read(&path).expect("files");
    let clients = Clients::load(&files).expect("clients");
    edge.state.replace_clients(clients).await.expect("they fit");

    let batch = json!([{"documentId": "hello"}, query("{ shop }"), query(hello), {}]);
    let found = answers(&edge, &batch, &[("x-api-key", KEY)]).await;
    for index in [0, 2] {
        assert_eq!(found[index]["data"]["hello"], "hello you", "{found:?}");
    }
    assert_eq!(code(&found[1]), "QUERY_NOT_IN_SAFELIST");
    assert_eq!(code(&found[3]), "PERSISTED_QUERY_ID_REQUIRED");

    let hash = Sha256Hash::of(b"{ shop }").to_string();
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
    let named = json!({ "extensions": extensions });
    let sent = json!({ "query": "{ shop }", "extensions": extensions });
    let found = answers(&edge, &json!([named, query("{ hello }")]), &[]).await;
    assert_eq!(code(&found[0]), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(found[1]["data"]["hello"], "hello you");
    answers(&edge, &json!([sent]), &[]).await;
    let found = answers(&edge, &json!([named]), &[]).await;
    assert_eq!(found[0]["data"]["shop"], "open");
}
