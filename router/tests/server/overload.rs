//! More operations than can run: which of them are refused, and how.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{join_all, select};
use futures::stream::BoxStream;
use reqwest::Response;
use router::server::ServerConfig;
use router::{LocalTransport, SubgraphRequest, SubgraphResponse, Transport, TransportError};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::kit::{Edge, Source, rendered_metrics, service, until};
use crate::requests::{Case, JSON, query};
use crate::sockets::Socket;

const MINUTE: Duration = Duration::from_secs(60);

/// A subgraph that answers once it is released.
#[derive(Debug)]
struct Held {
    subgraph: LocalTransport,
    released: watch::Receiver<bool>,
    fetches: Arc<AtomicUsize>,
}

#[async_trait]
impl Transport for Held {
    async fn fetch(&self, request: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let mut released = self.released.clone();
        // The test may have ended.
        let _ = released.wait_for(|released| *released).await;
        self.subgraph.fetch(request).await
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, TransportError>>, TransportError> {
        self.subgraph.subscribe(request).await
    }
}

/// An edge over such a subgraph.
struct HeldEdge {
    edge: Edge,
    source: Arc<Source>,
    release: watch::Sender<bool>,
    fetches: Arc<AtomicUsize>,
}

impl HeldEdge {
    async fn start(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let source = Arc::new(Source::default());
        let fetches = Arc::new(AtomicUsize::new(0));
        let (release, released) = watch::channel(false);
        let transport = Held {
            subgraph: LocalTransport::new("small", service(source.clone())),
            released,
            fetches: fetches.clone(),
        };
        Self {
            edge: Edge::over(Arc::new(transport), change).await,
            source,
            release,
            fetches,
        }
    }

    /// Sends a query of a customer, or of a visitor.
    fn send(&self, name: &str, customer: Option<&str>) -> JoinHandle<Response> {
        let document = format!("{{ hello(name: \"{name}\") }}");
        let request = self.edge.http.post(self.edge.url());
        let request = request.header("content-type", JSON).header("accept", JSON);
        let mut request = request.body(query(&document));
        if let Some(customer) = customer {
            request = request.bearer_auth(self.edge.token(customer, MINUTE));
        }
        tokio::spawn(async move { request.send().await.expect("an answer") })
    }

    /// The same, once it runs.
    async fn run(&self, name: &str, customer: Option<&str>) -> JoinHandle<Response> {
        let before = self.fetches.load(Ordering::SeqCst);
        let sent = self.send(name, customer);
        until("the query runs", || {
            self.fetches.load(Ordering::SeqCst) > before
        })
        .await;
        sent
    }
}

/// One operation runs and one waits, for so long.
fn one_at_a_time(max_wait: Duration) -> impl FnOnce(&mut ServerConfig) {
    move |config| {
        config.overload.enabled = Some(true);
        config.overload.max_running = 1;
        config.overload.max_wait = max_wait.into();
    }
}

async fn served(response: JoinHandle<Response>, name: &str) {
    let response = response.await.expect("an answer");
    assert_eq!(response.status(), 200, "{name}");
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer["data"]["hello"], format!("hello {name}"), "{answer}");
}

async fn refused(response: Response) {
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let wait = response.headers()["retry-after"].to_str().expect("text");
    let wait: u64 = wait.parse().expect("seconds");
    assert!((1..=4).contains(&wait), "{wait}");
    let answer: Value = response.json().await.expect("JSON");
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{answer}");
    assert_eq!(extensions["retryAfter"], wait, "{answer}");
    assert_eq!(answer.get("data"), None, "{answer}");
}

#[tokio::test]
async fn one_too_many_is_refused_at_once_and_the_others_are_served() {
    let held = HeldEdge::start(one_at_a_time(MINUTE)).await;
    assert_eq!(held.edge.state.overload_description(), None);
    let first = held.run("first", None).await;
    let (second, third) = (held.send("x", None), held.send("x", None));
    let (one, other) = select(second, third).await.into_inner();
    refused(one.expect("an answer")).await;
    let description = held.edge.state.overload_description();
    let description = description.expect("overloaded");
    assert!(
        description.contains("1 operations run, 1 wait"),
        "{description}"
    );
    held.release.send_replace(true);
    served(first, "first").await;
    served(other, "x").await;
    served(held.send("later", None), "later").await;
    assert!(rendered_metrics().contains(r#"router_overload_refused_total{reason="full"}"#));
}

#[tokio::test]
async fn who_has_much_makes_room_for_who_has_little() {
    let held = HeldEdge::start(one_at_a_time(MINUTE)).await;
    let first = held.run("first", Some("usr_greedy")).await;
    let second = held.send("second", Some("usr_greedy"));
    let modest = held.send("modest", Some("usr_modest"));
    refused(second.await.expect("an answer")).await;
    held.release.send_replace(true);
    served(first, "first").await;
    served(modest, "modest").await;
}

#[tokio::test]
async fn who_has_waited_too_long_is_refused() {
    let held = HeldEdge::start(one_at_a_time(Duration::from_millis(20))).await;
    let first = held.run("first", None).await;
    refused(held.send("second", None).await.expect("an answer")).await;
    held.release.send_replace(true);
    served(first, "first").await;
    served(held.send("third", None), "third").await;
    assert!(rendered_metrics().contains(r#"router_overload_refused_total{reason="waited"}"#));
}

#[tokio::test]
async fn a_client_that_has_gone_leaves_its_place() {
    let held = HeldEdge::start(one_at_a_time(MINUTE)).await;
    let first = held.run("first", None).await;
    first.abort();
    held.run("second", None).await.abort();
    let third = held.run("third", None).await;
    held.release.send_replace(true);
    served(third, "third").await;
}

#[tokio::test]
async fn a_websockets_operations_are_refused_and_its_live_updates_are_not() {
    let held = HeldEdge::start(one_at_a_time(Duration::from_millis(500))).await;
    let mut socket = Socket::ready(&held.edge, json!({})).await;
    let feed = "subscription { feed { sequence } }";
    socket.subscribe("live", feed).await;
    assert_eq!(socket.next().await.json()["type"], "next");
    let first = held.run("first", None).await;
    for (id, document) in [("query", "{ hello }"), ("other", feed)] {
        socket.subscribe(id, document).await;
        let error = socket.next().await.json();
        assert_eq!(
            (&error["type"], &error["id"]),
            (&json!("error"), &json!(id))
        );
        let extensions = &error["payload"][0]["extensions"];
        assert_eq!(extensions["code"], "RATE_LIMITED", "{error}");
        assert!(extensions["retryAfter"].is_u64(), "{error}");
    }
    let sequence = held.source.publish();
    let event = socket.next().await.json();
    assert_eq!(event["id"], "live", "{event}");
    let data = &event["payload"]["data"];
    assert_eq!(data["feed"]["sequence"], sequence, "{event}");
    held.release.send_replace(true);
    served(first, "first").await;
    socket.subscribe("query", "{ hello }").await;
    assert_eq!(socket.next().await.json()["type"], "next");
}

#[tokio::test]
async fn operations_of_a_batch_are_refused_one_by_one() {
    let held = HeldEdge::start(|config| {
        config.batching.enabled = true;
        one_at_a_time(Duration::from_millis(20))(config);
    })
    .await;
    let first = held.run("first", None).await;
    let batch = json!([{ "query": "{ hello }" }, { "query": "{" }]);
    let response = Case::post(batch.to_string()).send(&held.edge).await;
    assert_eq!(response.status(), 200);
    let answers: Value = response.json().await.expect("JSON");
    let code = |at: usize| &answers[at]["errors"][0]["extensions"]["code"];
    assert_eq!(code(0), "RATE_LIMITED", "{answers}");
    assert_eq!(code(1), "GRAPHQL_PARSE_FAILED", "{answers}");
    held.release.send_replace(true);
    served(first, "first").await;
}

#[tokio::test]
async fn in_development_all_run_unless_it_is_enabled() {
    let held = HeldEdge::start(|config| config.overload.max_running = 1).await;
    let names: Vec<_> = (0..10).map(|number| format!("n{number}")).collect();
    let sent: Vec<_> = names.iter().map(|name| held.send(name, None)).collect();
    until("all run", || held.fetches.load(Ordering::SeqCst) == 10).await;
    held.release.send_replace(true);
    let answers = sent.into_iter().zip(&names);
    join_all(answers.map(|(sent, name)| served(sent, name))).await;
    assert_eq!(held.edge.state.overload_description(), None);
}
