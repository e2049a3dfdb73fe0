//! Distributed traces: a collector gets the spans of every process that works for a request, and of what follows from it.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;
use serde_json::{Value, json};

use crate::kit::{DOMAINS, Graph, Layout, Process, vantage};
use crate::orders;
use crate::third_parties::ThirdParties;
use crate::wait::until;

/// The trace and the span of a client.
const CLIENT_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";

/// A span, and the process that it is of.
#[derive(Clone, Debug)]
struct Seen {
    service: String,
    span: Span,
}

impl Seen {
    fn is(&self, service: &str, name: &str) -> bool {
        self.service == service && self.span.name == name
    }

    fn attribute(&self, key: &str) -> Option<&str> {
        text(&self.span.attributes, key)
    }
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        AnyValue::StringValue(text) => Some(text),
        _ => None,
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A collector of traces, by OTLP over HTTP.
#[derive(Clone)]
struct Collector {
    base: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let app = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, seen }
    }

    fn settings(&self) -> [(&str, &str); 1] {
        [("VANTAGE_TELEMETRY__OTLP__ENDPOINT", self.base.as_str())]
    }

    /// The spans of a trace so far.
    fn trace(&self, id: &str) -> Vec<Seen> {
        let seen = self.seen.lock();
        let of_trace = seen.iter().filter(|seen| hex(&seen.span.trace_id) == id);
        of_trace.cloned().collect()
    }

    /// All spans so far of this name.
    fn named(&self, name: &str) -> Vec<Seen> {
        let seen = self.seen.lock();
        let named = seen.iter().filter(|seen| seen.span.name == name);
        named.cloned().collect()
    }
}

async fn receive(State(seen): State<Arc<Mutex<Vec<Seen>>>>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        let service = text(&resource.attributes, "service.name").unwrap_or_default();
        for of_scope in of_resource.scope_spans {
            let scope: InstrumentationScope = of_scope.scope.unwrap_or_default();
            assert_eq!(scope.name, "vantage");
            let spans = of_scope.spans.into_iter().map(|span| Seen {
                service: service.to_owned(),
                span,
            });
            seen.lock().extend(spans);
        }
    }
    StatusCode::OK
}

/// The span and everything it is part of, up to the first span of the trace that was exported.
fn ancestors<'a>(trace: &'a [Seen], span: &'a Seen) -> Vec<&'a Seen> {
    let mut chain = vec![span];
    while let Some(last) = chain.last()
        && let Some(parent) = trace
            .iter()
            .find(|seen| seen.span.span_id == last.span.parent_span_id)
    {
        chain.push(parent);
    }
    chain
}

/// Whether it is the router's span of the request, which is the client's child and ends last.
fn is_edge(seen: &Seen) -> bool {
    seen.is("vantage-router", "POST") && hex(&seen.span.parent_span_id) == CLIENT_SPAN
}

/// POSTs a query within a client's trace.
async fn query_in_trace(base: &str, token: &str, trace: &str, body: &Value) -> Value {
    let mut request = reqwest::Client::new()
        .post(format!("{base}/graphql"))
        .header("traceparent", format!("00-{trace}-{CLIENT_SPAN}-00"))
        .json(body);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap().json().await.unwrap()
}

/// Places an order for the first product.
async fn place(base: &str, token: &str) {
    let found = json!({ "query": orders::PRODUCTS });
    let other = CLIENT_TRACE.replace('4', "5");
    let found = query_in_trace(base, token, &other, &found).await;
    let product = &found["data"]["productSearch"]["nodes"][0];
    let variables = json!({ "input": orders::input(product, "pm_card_visa"), "key": "traced" });
    let place = json!({ "query": orders::PLACE, "variables": variables });
    let placed = query_in_trace(base, token, CLIENT_TRACE, &place).await;
    let payload = &placed["data"]["orderPlace"];
    assert_eq!(payload["userErrors"], json!([]), "{placed:#}");
    assert_ne!(payload["order"]["id"], Value::Null, "{placed:#}");
}

async fn token(data: &Path) -> String {
    let token = vantage(data).args(["token", "--demo"]).output().await;
    let token = String::from_utf8(token.unwrap().stdout).unwrap();
    token.trim().to_owned()
}

#[tokio::test]
async fn one_trace_leads_from_the_edge_through_separate_processes_to_their_statements() {
    let data = tempfile::tempdir().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let collector = Collector::start().await;
    let third_parties = ThirdParties::start(scratch.path()).await;
    let seeded = vantage(data.path())
        .args(["seed", "--orders", "60"])
        .output()
        .await
        .unwrap();
    assert!(seeded.status.success(), "{seeded:?}");
    let mut urls: Vec<(String, String)> = Vec::new();
    let command = |urls: &[(String, String)]| {
        let mut command = vantage(data.path());
        command
            .envs(urls.iter().map(|(name, url)| (name, url)))
            .envs(third_parties.settings())
            .envs(collector.settings());
        command
    };
    let mut subgraphs = Vec::new();
    for domain in DOMAINS {
        let mut command = command(&urls);
        command.args(["subgraph", domain, "--listen", "127.0.0.1:0"]);
        let process = Process::start(command).await;
        let name = format!("VANTAGE_SUBGRAPHS__{}__URL", domain.to_uppercase());
        urls.push((name, format!("{}/graphql", process.base)));
        subgraphs.push(process);
    }
    let mut command = command(&urls);
    command.args(["serve", "--router-only", "--listen", "127.0.0.1:0"]);
    let router = Process::start(command).await;

    let token = token(data.path()).await;
    place(&router.base, &token).await;

    let is_row = |seen: &&Seen| {
        let is_of_order = |sql: &str| sql.contains("\"orders\"");
        let sql = seen.attribute("db.query.text");
        seen.is("vantage-orders", "INSERT") && sql.is_some_and(is_of_order)
    };
    let trace = until(
        "the processes export their parts of the trace",
        async || {
            let trace = collector.trace(CLIENT_TRACE);
            let has = |service: &str| trace.iter().any(|seen| seen.service == service);
            let is_whole = trace.iter().any(is_edge)
                && trace.iter().any(|seen| is_row(&seen))
                && ["vantage-orders", "vantage-search"].into_iter().all(has);
            is_whole.then_some(trace)
        },
    )
    .await;

    let row = trace.iter().find(is_row).unwrap();
    assert_eq!(row.attribute("db.system.name"), Some("sqlite"));
    assert_eq!(row.attribute("db.namespace"), Some("orders"));
    let chain = ancestors(&trace, row);
    let names: Vec<_> = chain
        .iter()
        .map(|seen| (seen.service.as_str(), seen.span.name.as_str()))
        .collect();
    let expected = [
        ("vantage-orders", "INSERT"),
        ("vantage-orders", "orders mutation"),
        // The subgraph's side of the call, and the router's.
        ("vantage-orders", "POST"),
        ("vantage-router", "POST"),
        ("vantage-router", "fetch orders"),
        ("vantage-router", "execute"),
        ("vantage-router", "mutation"),
        ("vantage-router", "POST"),
    ];
    assert_eq!(names, expected);
    assert!(is_edge(chain.last().unwrap()));

    for mut process in subgraphs {
        assert!(process.stop().await.success());
    }
}

#[tokio::test]
async fn what_follows_from_a_request_is_linked_to_it() {
    let collector = Collector::start().await;
    let graph = Graph::start(Layout::Sqlite, &collector.settings(), &[]).await;
    let token = graph.demo_token().await;
    place(&graph.router.base, &token).await;

    let created = until("the event is part of the request's trace", async || {
        let trace = collector.trace(CLIENT_TRACE);
        let is_event = |seen: &Seen| seen.is("vantage", "create orders.events");
        trace.into_iter().find(is_event)
    })
    .await;
    let handled = until("a consumer in notifications is linked to it", async || {
        let is_linked = |seen: &Seen| {
            let mut links = seen.span.links.iter();
            let group = seen.attribute("messaging.consumer.group.name");
            group.is_some_and(|group| group.starts_with("notification"))
                && links.any(|link| {
                    link.span_id == created.span.span_id && link.trace_id == created.span.trace_id
                })
        };
        let handled = collector.named("process orders.events");
        handled.into_iter().find(is_linked)
    })
    .await;
    assert_ne!(handled.span.trace_id, created.span.trace_id);
    graph.stop().await;
}

/// A router whose subgraphs are away.
async fn lone_router(data: &Path, settings: &[(&str, &str)]) -> Process {
    let mut command = vantage(data);
    for domain in DOMAINS {
        let name = format!("VANTAGE_SUBGRAPHS__{}__URL", domain.to_uppercase());
        command.env(name, "http://127.0.0.1:9/graphql");
    }
    command.envs(settings.iter().copied()).args([
        "serve",
        "--router-only",
        "--listen",
        "127.0.0.1:0",
    ]);
    Process::start(command).await
}

const FAILING: &str = "{ productSearch(query: \"\", first: 1) { nodes { id } } }";

#[tokio::test]
async fn a_trace_that_is_not_sampled_is_kept_if_something_fails_in_it() {
    let data = tempfile::tempdir().unwrap();
    let collector = Collector::start().await;
    let mut settings = collector.settings().to_vec();
    settings.push(("VANTAGE_TELEMETRY__TRACES__SAMPLE_RATIO", "0"));
    let router = lone_router(data.path(), &settings).await;
    let fine = CLIENT_TRACE.replace('4', "1");
    let answer = json!({ "query": "{ __typename }" });
    let answer = query_in_trace(&router.base, "", &fine, &answer).await;
    assert_eq!(answer["data"]["__typename"], "Query", "{answer:#}");
    let answer = json!({ "query": FAILING });
    let answer = query_in_trace(&router.base, "", CLIENT_TRACE, &answer).await;
    let code = &answer["errors"][0]["extensions"]["code"];
    assert_eq!(code, "SUBGRAPH_UNAVAILABLE", "{answer:#}");

    let trace = until("the failed trace is exported", async || {
        let trace = collector.trace(CLIENT_TRACE);
        trace.iter().any(is_edge).then_some(trace)
    })
    .await;
    let operation = trace.iter().find(|seen| seen.span.name == "query");
    let kind = operation.and_then(|operation| operation.attribute("error.type"));
    assert_eq!(kind, Some("SUBGRAPH_UNAVAILABLE"));
    // It ended before.
    assert!(collector.trace(&fine).is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_costs_its_traces_only() {
    let data = tempfile::tempdir().unwrap();
    let away = [("VANTAGE_TELEMETRY__OTLP__ENDPOINT", "http://127.0.0.1:9")];
    let mut router = lone_router(data.path(), &away).await;
    let answer = json!({ "query": "{ __typename }" });
    let answer = query_in_trace(&router.base, "", CLIENT_TRACE, &answer).await;
    assert_eq!(answer["data"]["__typename"], "Query", "{answer:#}");
    until("the lost spans are counted", async || {
        let metrics = reqwest::get(format!("{}/metrics", router.base)).await;
        let metrics = metrics.unwrap().text().await.unwrap();
        metrics
            .lines()
            .any(|line| line.starts_with("vantage_traces_dropped_total{reason=\"export\"}"))
            .then_some(())
    })
    .await;
    assert!(router.stop().await.success());
}
