//! `@defer` over HTTP: what is written, and for which clients.

use std::sync::Arc;

use async_graphql::{
    EmptyMutation, EmptySubscription, Object, ObjectType, SDLExportOptions, Schema, SimpleObject,
};
use reqwest::Response;
use router::{LocalTransport, Router, RouterBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::kit::{Edge, PATIENCE};
use crate::requests::{Case, GRAPHQL_RESPONSE, JSON, content_type, query};

const SSE: &str = "text/event-stream";
const APOLLO: &str =
    "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9";
const LATE: &str = r#"{ fast ... @defer(label: "late") { slow } }"#;

struct Fast;

#[Object(name = "Query")]
impl Fast {
    async fn fast(&self) -> i32 {
        1
    }
}

/// Responds once its gate is open.
struct Slow(watch::Receiver<bool>);

#[Object(name = "Query")]
impl Slow {
    async fn slow(&self) -> i32 {
        let _ = self.0.clone().wait_for(|closed| !closed).await;
        2
    }
}

/// Changes something once its gate is open.
struct Change {
    closed: watch::Receiver<bool>,
    changed: watch::Sender<bool>,
}

#[derive(SimpleObject)]
struct Changed {
    number: i32,
}

#[Object(name = "Mutation")]
impl Change {
    async fn change(&self) -> Changed {
        let _ = self.closed.clone().wait_for(|closed| !closed).await;
        self.changed.send_replace(true);
        Changed { number: 3 }
    }
}

fn with<Q: ObjectType + 'static>(builder: RouterBuilder, name: &str, query: Q) -> RouterBuilder {
    with_mutations(builder, name, query, EmptyMutation)
}

fn with_mutations<Q: ObjectType + 'static, M: ObjectType + 'static>(
    builder: RouterBuilder,
    name: &str,
    query: Q,
    mutation: M,
) -> RouterBuilder {
    let schema = Schema::build(query, mutation, EmptySubscription)
        .enable_federation()
        .finish();
    let sdl = schema.sdl_with_options(SDLExportOptions::new().federation());
    let transport = LocalTransport::new(name, Arc::new(schema));
    builder.subgraph(name, &sdl, Arc::new(transport))
}

/// A server whose field `slow` waits for the gate.
async fn start() -> (Edge, watch::Sender<bool>) {
    let (gate, closed) = watch::channel(true);
    let builder = with(Router::builder(), "fast", Fast);
    let builder = with(builder, "slow", Slow(closed));
    (Edge::of(builder.build().expect("a router")).await, gate)
}

/// Reads on until the text ends with this, or to the end.
async fn read(response: &mut Response, text: &mut String, until: Option<&str>) {
    while until.is_none_or(|until| !text.ends_with(until)) {
        let chunk = tokio::time::timeout(PATIENCE, response.chunk()).await;
        match chunk.expect("more of the response").expect("bytes") {
            Some(chunk) => text.push_str(std::str::from_utf8(&chunk).expect("text")),
            None => return,
        }
    }
}

/// The response is `first` while the gate is closed, and `rest` afterwards.
async fn check(accept: &str, media: &str, first: &str, rest: &str) {
    let (edge, gate) = start().await;
    let case = Case::post(query(LATE)).header("accept", accept);
    let mut response = case.send(&edge).await;
    assert_eq!(response.status(), 200);
    assert_eq!(content_type(&response), media);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut text = String::new();
    read(&mut response, &mut text, Some(first)).await;
    assert_eq!(text, first);
    gate.send_replace(false);
    read(&mut response, &mut text, None).await;
    assert_eq!(text, format!("{first}{rest}"));
}

#[tokio::test]
async fn parts_are_written_as_they_are_ready() {
    let initial = r#"{"data":{"fast":1},"hasNext":true}"#;
    let late = r#"{"incremental":[{"data":{"slow":2},"path":[],"label":"late"}],"hasNext":false}"#;
    let head = "\r\ncontent-type: application/json\r\n\r\n";
    check(
        APOLLO,
        r#"multipart/mixed;boundary="-";deferSpec=20220824"#,
        &format!("\r\n---{head}{initial}\r\n---"),
        &format!("{head}{late}\r\n-----\r\n"),
    )
    .await;
    check(
        "application/json, text/event-stream, multipart/mixed",
        "text/event-stream; charset=utf-8",
        &format!("event: next\ndata: {initial}\n\n"),
        &format!("event: next\ndata: {late}\n\nevent: complete\ndata:\n\n"),
    )
    .await;
}

#[tokio::test]
async fn other_clients_get_one_answer() {
    let (edge, gate) = start().await;
    gate.send_replace(false);
    for (accept, media) in [
        (JSON, JSON),
        ("*/*", JSON),
        ("application/json, multipart/mixed;q=0.5", JSON),
        (
            "multipart/mixed;incrementalSpec=v0.2, application/json",
            JSON,
        ),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
    ] {
        let case = Case::post(query(LATE)).header("accept", accept);
        let response = case.send(&edge).await;
        assert_eq!(
            content_type(&response),
            format!("{media}; charset=utf-8"),
            "{accept}"
        );
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(answer, json!({ "data": { "fast": 1, "slow": 2 } }));
    }
}

#[tokio::test]
async fn what_has_no_parts_is_one_answer_for_every_client() {
    let (edge, gate) = start().await;
    gate.send_replace(false);
    let check = async |document: &str, status: u16, has_data: bool| {
        let case = Case::post(query(document)).header("accept", APOLLO);
        let response = case.send(&edge).await;
        assert_eq!(response.status(), status, "{document}");
        let media = format!("{GRAPHQL_RESPONSE}; charset=utf-8");
        assert_eq!(content_type(&response), media);
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(answer.get("data").is_some(), has_data, "{answer}");
        assert_eq!(answer.get("hasNext"), None);
    };
    check("{ fast }", 200, true).await;
    check("{ fast ... @defer(if: false) { slow } }", 200, true).await;
    check("{ fast ... @defer @skip(if: true) { slow } }", 200, true).await;
    check("{ fast ... @defer(label: 1) { slow } }", 400, false).await;
}

#[tokio::test]
async fn the_work_ends_when_the_client_has_gone() {
    let (edge, gate) = start().await;
    let idle = gate.receiver_count();
    let case = Case::post(query(LATE)).header("accept", SSE);
    let mut response = case.send(&edge).await;
    let mut text = String::new();
    read(&mut response, &mut text, Some("\n\n")).await;
    crate::kit::until("it waits", || gate.receiver_count() > idle).await;
    drop(response);
    crate::kit::until("it has ended", || gate.receiver_count() == idle).await;
}

#[tokio::test]
async fn a_mutation_continues_when_its_client_has_gone() {
    for deferred in [
        "",
        "... @defer(if: false) { number }",
        "... @defer { number }",
    ] {
        let (gate, closed) = watch::channel(true);
        let (changed, has_changed) = watch::channel(false);
        let mutation = Change { closed, changed };
        let builder = with_mutations(Router::builder(), "a", Fast, mutation);
        let edge = Edge::of(builder.build().expect("a router")).await;
        let idle = gate.receiver_count();
        let body = query(&format!("mutation {{ change {{ number {deferred} }} }}"));
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: test\r\ncontent-type: {JSON}\r\naccept: {APOLLO}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(edge.address).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("written");
        crate::kit::until("it runs", || gate.receiver_count() > idle).await;
        stream.shutdown().await.expect("closed");
        // The server closes its side once it has noticed.
        let mut rest = Vec::new();
        let closing = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest));
        let _ = closing.await.expect("the connection ends");
        gate.send_replace(false);
        crate::kit::until("it has ended", || gate.receiver_count() == idle).await;
        assert!(*has_changed.borrow(), "{deferred}");
    }
}
