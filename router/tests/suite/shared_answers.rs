//! Identical queries that arrive at the same time are answered once.

use std::pin::pin;

use futures::poll;
use platform::caller::Caller;
use router::{GraphQLRequest, GraphQLResponse, RequestContext, Router};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::kit::{Graph, Subgraph, failure};

/// A graph whose only subgraph responds once the gate opens.
async fn graph(shares: bool) -> (Graph, watch::Sender<bool>) {
    let (gate, closed) = watch::channel(true);
    let shop = Subgraph::new(
        "shop",
        "type Query { count(from: Int): Int broken: Int } type Mutation { add: Int }",
    )
    .resolve("count", |arguments| {
        json!(arguments["from"].as_i64().unwrap_or(7))
    })
    .root(
        "broken",
        failure("it is broken", json!({ "code": "CONFLICT" })),
    )
    .root("add", json!(1))
    .behind(closed);
    let graph = Graph::with([shop], |builder| builder.share_requests(shares)).await;
    (graph, gate)
}

const COUNT: &str = "query($from: Int) { count(from: $from) }";

fn count(router: &Router, from: i32, caller: Caller) -> impl Future<Output = GraphQLResponse> {
    let request = GraphQLRequest::new(COUNT).with_variables(json!({ "from": from }));
    router.execute(request, RequestContext::for_caller(caller))
}

fn json_of(response: &GraphQLResponse) -> Value {
    serde_json::from_slice(&response.to_bytes()).expect("JSON")
}

/// Executes once, so that the operation is planned: the next execution reaches the subgraph when it is first polled.
async fn plan(graph: &Graph, router: &Router, query: &str, gate: &watch::Sender<bool>) {
    gate.send_replace(false);
    let request = GraphQLRequest::new(query).with_variables(json!({ "from": 0 }));
    router.execute(request, RequestContext::default()).await;
    graph.requests("shop");
    gate.send_replace(true);
}

#[tokio::test]
async fn queries_that_arrive_during_one_share_the_next_answer() {
    let (graph, gate) = graph(true).await;
    for (name, router) in graph.routers() {
        plan(&graph, router, COUNT, &gate).await;
        let mut first = pin!(count(router, 3, Caller::default()));
        assert!(poll!(&mut first).is_pending(), "over {name}");
        let rest = (0..20).map(|_| count(router, 3, Caller::default()));
        let mut rest = pin!(futures::future::join_all(rest));
        assert!(poll!(&mut rest).is_pending(), "over {name}");
        gate.send_replace(false);
        let (first, rest) = tokio::join!(first, rest);
        assert_eq!(json_of(&first), json!({ "data": { "count": 3 } }));
        let shared = rest[0].to_bytes();
        for answer in &rest {
            assert_eq!(answer.to_bytes().as_ptr(), shared.as_ptr(), "over {name}");
        }
        assert_eq!(json_of(&rest[0]), json_of(&first));
        assert_eq!(graph.requests("shop").len(), 2, "over {name}");
    }
}

#[tokio::test]
async fn what_differs_is_answered_apart() {
    let (graph, gate) = graph(true).await;
    for (name, router) in graph.routers() {
        plan(&graph, router, COUNT, &gate).await;
        let visitor = Caller::default;
        let answers = futures::future::join_all([
            count(router, 1, visitor()),
            count(router, 2, visitor()),
            count(router, 1, Caller::customer("usr_1")),
            count(router, 1, Caller::customer("usr_2")),
        ]);
        let mut answers = pin!(answers);
        assert!(poll!(&mut answers).is_pending(), "over {name}");
        gate.send_replace(false);
        let answers = answers.await;
        let counts: Vec<Value> = answers.iter().map(json_of).collect();
        let of = |count: i32| json!({ "data": { "count": count } });
        assert_eq!(counts, [of(1), of(2), of(1), of(1)], "over {name}");
        // The subgraph over HTTP is foreign: it does not see who asks, so the two customers share an answer.
        let expected = if name == "local" { 4 } else { 3 };
        assert_eq!(graph.requests("shop").len(), expected, "over {name}");
    }
}

#[tokio::test]
async fn mutations_are_never_shared() {
    let (graph, _gate) = graph(true).await;
    _gate.send_replace(false);
    for (name, router) in graph.routers() {
        let add = || {
            router.execute(
                GraphQLRequest::new("mutation { add }"),
                RequestContext::default(),
            )
        };
        futures::future::join_all([add(), add(), add()]).await;
        assert_eq!(graph.requests("shop").len(), 3, "over {name}");
    }
}

#[tokio::test]
async fn errors_are_shared_with_the_answer() {
    let (graph, gate) = graph(true).await;
    for (name, router) in graph.routers() {
        const BROKEN: &str = "{ broken count }";
        plan(&graph, router, BROKEN, &gate).await;
        let ask = || router.execute(GraphQLRequest::new(BROKEN), RequestContext::default());
        let answers = futures::future::join_all((0..3).map(|_| ask()));
        let mut answers = pin!(answers);
        assert!(poll!(&mut answers).is_pending(), "over {name}");
        gate.send_replace(false);
        let answers = answers.await;
        for answer in &answers {
            let answer = json_of(answer);
            assert_eq!(
                answer["data"],
                json!({ "broken": null, "count": 7 }),
                "over {name}"
            );
            assert_eq!(
                answer["errors"][0]["extensions"]["code"], "CONFLICT",
                "over {name}"
            );
        }
        assert_eq!(graph.requests("shop").len(), 2, "over {name}");
    }
}

#[tokio::test]
async fn sharing_can_be_turned_off() {
    let (graph, gate) = graph(false).await;
    gate.send_replace(false);
    let answers = (0..3).map(|_| count(&graph.local, 3, Caller::default()));
    futures::future::join_all(answers).await;
    assert_eq!(graph.requests("shop").len(), 3);
}
