//! Limits on the data a running request may collect, and cancellation of its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use futures::FutureExt;
use futures::stream::BoxStream;
use platform::caller::Caller;
use platform::testing::until;
use router::{
    ErrorCode, GraphQLRequest, HttpTransport, HttpTransportOptions, LocalService,
    LocalSubscription, LocalTransport, OperationLimits, RequestContext, Router, Transport,
};
use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

const A: &str =
    r#"type Query { items: [Item!] other: String } type Item @key(fields: "id") { id: ID! }"#;
const B: &str = r#"type Query { b: Int } type Item @key(fields: "id") { id: ID! name: String parts: [Part!] } type Part { n: Int }"#;

/// A list repeating the same three items, whose names and parts come from another subgraph.
async fn items(count: usize, limits: OperationLimits) -> Graph {
    let item = |n: usize| json!({ "__typename": "Item", "id": (n % 3).to_string() });
    let items: Vec<Value> = (0..count).map(item).collect();
    let a = Subgraph::new("a", A)
        .root("items", Value::Array(items))
        .root("other", json!("x".repeat(2_000)));
    let b = Subgraph::new("b", B).entity("Item", |item| {
        let parts = vec![json!({ "n": 1 }); 10];
        json!({ "__typename": "Item", "id": item["id"], "name": "a name", "parts": parts })
    });
    Graph::with([a, b], |builder| builder.limits(limits.clone())).await
}

/// The limits named by the response's errors, equal over both transports.
async fn over(graph: &Graph, text: &str) -> (Vec<String>, Value) {
    let mut answers = Vec::new();
    for (_, router) in graph.routers() {
        let request = GraphQLRequest::new(text);
        let answer = router.execute(request, RequestContext::default()).await;
        let limits = answer.errors.iter().map(|error| {
            assert_eq!(error.code(), ErrorCode::OperationTooComplex, "{error:?}");
            error.extensions.other["limit"].as_str().unwrap().to_owned()
        });
        answers.push((limits.collect(), answer.data_value()));
    }
    assert_eq!(answers[0], answers[1]);
    answers.swap_remove(0)
}

#[tokio::test]
async fn objects_are_counted_at_every_place_where_they_are_merged() {
    let limits = OperationLimits {
        entities: 100,
        ..OperationLimits::default()
    };
    let graph = items(60, limits.clone()).await;
    let (limits_over, data) = over(&graph, "{ items { id } }").await;
    assert!(limits_over.is_empty() && data["items"].as_array().unwrap().len() == 60);
    // Only three entities are fetched, but the response would hold sixty with ten parts each.
    let (limits_over, data) = over(&graph, "{ other items { name parts { n } } }").await;
    assert_eq!(limits_over, ["entities"]);
    assert_eq!(data["items"][0], json!({ "name": null, "parts": null }));
    assert!(data["other"].is_string(), "the rest is there");
    let graph = items(120, limits).await;
    assert_eq!(over(&graph, "{ items { id } }").await.0, ["entities"]);
}

#[tokio::test]
async fn bytes_are_counted() {
    let limits = OperationLimits {
        response_bytes: 1_500,
        ..OperationLimits::default()
    };
    let graph = items(3, limits).await;
    let (limits_over, data) = over(&graph, "{ other }").await;
    assert_eq!(
        (limits_over.as_slice(), &data["other"]),
        (&["response_bytes".to_owned()][..], &Value::Null)
    );
    assert!(over(&graph, "{ items { id } }").await.0.is_empty());
}

/// Never responds, and counts requests in progress.
#[derive(Clone, Default)]
struct Busy(Arc<AtomicUsize>);

struct Working(Arc<AtomicUsize>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Busy {
    async fn work(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _working = Working(Arc::clone(&self.0));
        std::future::pending().await
    }

    fn working(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    async fn until(&self, working: usize) {
        until(&format!("{working} requests are worked on"), async || {
            self.working() == working
        })
        .await;
    }
}

#[async_trait::async_trait]
impl LocalService for Busy {
    async fn execute(&self, _: async_graphql::Request, _: Caller) -> async_graphql::Response {
        self.work().await;
        async_graphql::Response::default()
    }

    fn subscribe(&self, _: LocalSubscription) -> BoxStream<'static, async_graphql::Response> {
        Box::pin(futures::stream::empty())
    }
}

async fn work(State(busy): State<Busy>) {
    busy.work().await;
}

#[tokio::test]
async fn the_work_of_a_request_ends_with_it() {
    for over in ["local", "http"] {
        let busy = Busy::default();
        let mut router = Router::builder();
        for name in ["a", "b"] {
            let transport: Arc<dyn Transport> = if over == "local" {
                Arc::new(LocalTransport::new(name, Arc::new(busy.clone())))
            } else {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let url = format!("http://{}/graphql", listener.local_addr().unwrap());
                let app = axum::Router::new().route("/graphql", post(work));
                let app = app.with_state(busy.clone());
                tokio::spawn(async move { axum::serve(listener, app).await });
                // Nothing but the end of the request ends a fetch.
                let options = HttpTransportOptions {
                    deadline: Duration::from_secs(600),
                    ..HttpTransportOptions::default()
                };
                Arc::new(HttpTransport::new(name, &url, options).unwrap())
            };
            let sdl = format!("type Query {{ {name}: Int {name}{name}: Int }}");
            router = router.subgraph(name, &sdl, transport);
        }
        let router = router.build().unwrap();
        let run = |text: &str, deadline| {
            let context = RequestContext {
                deadline: Some(deadline),
                ..RequestContext::default()
            };
            let (router, request) = (router.clone(), GraphQLRequest::new(text));
            async move { router.execute(request, context).await }.boxed()
        };

        // The client disconnects. The second operation is planned, so that its deadline does not pass before its fetches.
        for text in ["{ a b }", "{ aa bb }"] {
            let mut request = run(text, Duration::from_secs(600));
            tokio::select! {
                _ = &mut request => panic!("it never answers"),
                () = busy.until(2) => {}
            }
            drop(request);
            busy.until(0).await;
        }

        // The deadline passes.
        let answer = run("{ aa bb }", Duration::from_millis(50)).await;
        assert_eq!(answer.errors.len(), 2, "over {over}: {:?}", answer.errors);
        for error in answer.errors {
            assert_eq!(error.code(), ErrorCode::DeadlineExceeded, "over {over}");
        }
        busy.until(0).await;
    }
}

#[tokio::test]
async fn one_request_asks_for_so_many_kinds_of_entities() {
    const KINDS: [&str; 5] = ["A", "B", "C", "D", "E"];
    let first: String = KINDS
        .iter()
        .map(|kind| format!("type {kind} @key(fields: \"id\") {{ id: ID! }} "))
        .collect();
    let second: String = KINDS
        .iter()
        .map(|kind| {
            format!("type {kind} @key(fields: \"id\") {{ id: ID! name(upper: Boolean): String }} ")
        })
        .collect();
    let fields: String = KINDS
        .iter()
        .map(|kind| format!("{}: {kind} ", kind.to_lowercase()))
        .collect();
    let subgraphs = || {
        let mut a = Subgraph::new("a", &format!("type Query {{ {fields} }} {first}"));
        let mut b = Subgraph::new("b", &format!("type Query {{ z: Int }} {second}"));
        for kind in KINDS {
            a = a.root(
                &kind.to_lowercase(),
                json!({ "__typename": kind, "id": "1" }),
            );
            b = b.entity(kind, move |_| json!({ "__typename": kind, "name": kind }));
        }
        [a, b]
    };
    let query = "query($upper: Boolean) { a { name } b { name(upper: $upper) } c { name } d { name } e { name(upper: true) } }";
    let expected: serde_json::Map<String, Value> = KINDS
        .iter()
        .map(|kind| (kind.to_lowercase(), json!({ "name": kind })))
        .collect();
    for (most, requests) in [(5, 1), (4, 2), (2, 3), (1, 5), (0, 5)] {
        let limits = OperationLimits {
            batched_entities: most,
            ..OperationLimits::default()
        };
        let graph = Graph::with(subgraphs(), |builder| builder.limits(limits.clone())).await;
        for (name, router) in graph.routers() {
            let request = GraphQLRequest::new(query).with_variables(json!({ "upper": false }));
            let answer = router.execute(request, RequestContext::default()).await;
            assert_eq!(answer.errors, [], "over {name}");
            assert_eq!(answer.data_value(), Value::Object(expected.clone()));
            let sent = graph.requests("b");
            assert_eq!(sent.len(), requests, "{most} over {name}");
            for (fields, _) in &sent {
                let count = fields.matches("_entities").count();
                assert!(count <= most.max(1), "{fields}");
            }
            let with_variable = sent
                .iter()
                .filter(|(_, variables)| variables.get("upper").is_some());
            assert_eq!(with_variable.count(), 1, "{sent:?}");
        }
    }
}
