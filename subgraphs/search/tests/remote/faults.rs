//! Nodes that are away, slow, red, or have forgotten something.

use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use platform::clock::Clock;
use search::engine::remote::{Remote, RemoteConfig};
use search::engine::{EngineError, SearchEngine, SearchQuery};
use serde_json::json;

use crate::kit::{at, build, document, find, numbers, pages, query};
use crate::node::{Node, config};
use crate::proxy::{Fault, Proxy};

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn a_slow_node_is_given_up_in_time_and_then_not_asked_for_a_moment() {
    let node = Node::new();
    build(&node.engine(), vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    let proxy = Proxy::start(&node.url).await;
    let clock = Clock::manual(at(0));
    let impatient = RemoteConfig {
        timeout: Duration::from_millis(300),
        ..config(node.dialect, proxy.url.clone(), &node.prefix)
    };
    let engine = Remote::new(impatient, clock.clone()).unwrap();
    proxy.set(Fault::Hangs);
    for _ in 0..3 {
        let started = Instant::now();
        let slow = engine.search(query("kettle")).await;
        assert!(matches!(slow, Err(EngineError::TimedOut)), "{slow:?}");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    let asked = proxy.count("");
    let refused = engine.search(query("kettle")).await;
    assert!(
        matches!(refused, Err(EngineError::Unreachable(_))),
        "{refused:?}"
    );
    assert_eq!(proxy.count(""), asked, "nobody waits for it");

    proxy.set(Fault::None);
    clock.advance(TimeDelta::seconds(2));
    // The first search after the pause is for this time limit of a fast machine.
    let deadline = Instant::now() + Duration::from_secs(30);
    let found = loop {
        match engine.search(query("kettle")).await {
            Ok(found) => break found,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        clock.advance(TimeDelta::seconds(10));
    };
    assert_eq!(numbers(&found), [1]);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn pages_follow_one_state_of_the_index_and_go_on_when_the_node_forgets_it() {
    let node = Node::new();
    let engine = node.engine();
    let kettles = (1..=30)
        .map(|number| document(number, "Kettle", 10))
        .collect();
    build(&engine, kettles).await.unwrap();
    let first = engine
        .search(SearchQuery {
            limit: 10,
            ..query("kettle")
        })
        .await
        .unwrap();
    assert_eq!(numbers(&first), (1..=10).collect::<Vec<_>>());
    let snapshot = first.snapshot.clone().expect("the node keeps the state");

    // Titles with fewer words count more: these would move before the first page.
    let changes = (11..=20)
        .map(|number| document(number, "Teapot", 20))
        .collect();
    engine.update(changes).await.unwrap();
    let next = SearchQuery {
        limit: 10,
        beyond: Some(first.hits[9].position),
        snapshot: Some(snapshot.clone()),
        ..query("kettle")
    };
    assert_eq!(
        pages(&engine, next.clone()).await,
        (11..=30).collect::<Vec<_>>()
    );

    for forgotten in [
        "forgotten",
        "forgotten1234567",
        "Zm9yZ290dGVuISE=",
        "AAAA",
        "ü",
        &*snapshot,
    ] {
        if forgotten == &*snapshot {
            // The node's memory of it ends.
            let path = match node.dialect {
                search::engine::remote::Dialect::OpenSearch => "/_search/point_in_time",
                search::engine::remote::Dialect::Elasticsearch => "/_pit",
            };
            let body = match node.dialect {
                search::engine::remote::Dialect::OpenSearch => json!({ "pit_id": [forgotten] }),
                search::engine::remote::Dialect::Elasticsearch => json!({ "id": forgotten }),
            };
            node.ask("DELETE", path, body).await;
        }
        let next = SearchQuery {
            snapshot: Some(forgotten.into()),
            ..next.clone()
        };
        assert_eq!(pages(&engine, next).await, (21..=30).collect::<Vec<_>>());
    }
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn a_red_index_is_unavailable_and_not_missing() {
    let node = Node::new();
    let engine = node.engine();
    let body = json!({
        "settings": { "index": {
            "number_of_replicas": 0,
            "routing.allocation.require._name": "nowhere",
        }},
        "aliases": { node.alias(): {} },
    });
    let path = format!("/{}-lost?wait_for_active_shards=0", node.alias());
    node.ask("PUT", &path, body).await;
    let status = engine.status().await;
    assert!(
        matches!(status, Err(EngineError::Unavailable(_))),
        "{status:?}"
    );
    let started = Instant::now();
    engine.search(query("kettle")).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));

    // A build gives searches an index again.
    build(&engine, vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    assert_eq!(numbers(&find(&engine, "kettle").await), [1]);
    node.drop().await;
}

/// Runs `tests/search-nodes/node.sh` for the node of the tests.
async fn node_script(arguments: &[&str]) {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/search-nodes/node.sh"
    );
    let mut command = tokio::process::Command::new(script);
    // The node outlives the test, and must not keep its output open.
    let output = command.args(arguments).stdout(Stdio::null()).status();
    assert!(output.await.unwrap().success(), "{arguments:?}");
}

#[tokio::test]
#[ignore = "ends the node of the other tests: tests/search-nodes/run.sh runs it alone"]
async fn a_killed_node_loses_nothing_and_the_old_index_serves_after_it() {
    let variable = |name| std::env::var(name).expect("run tests/search-nodes/run.sh");
    let directory = variable("VANTAGE_TEST_SEARCH_DIRECTORY");
    let node = Node::new();
    let clock = Clock::manual(at(0));
    let engine = node.engine_at(&node.url, clock.clone());
    let kettles = vec![document(1, "Kettle", 10), document(2, "Kettle", 10)];
    build(&engine, kettles).await.unwrap();
    let changed = document(1, "Samovar", 20);
    engine.update(vec![changed]).await.unwrap();
    let serving = node.indexes().await;
    let mut half = engine.begin_rebuild().await.unwrap();
    half.add(vec![document(3, "Teapot", 10)]).await.unwrap();

    node_script(&["kill", &directory]).await;
    let started = Instant::now();
    let failed = engine.search(query("samovar")).await;
    assert!(
        matches!(failed, Err(EngineError::Unreachable(_))),
        "{failed:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(1));
    engine
        .update(vec![document(2, "Urn", 30)])
        .await
        .unwrap_err();
    half.publish().await.unwrap_err();

    let port = node.url.port().unwrap().to_string();
    let name = variable("VANTAGE_TEST_SEARCH_NODE");
    node_script(&["start", &name, &directory, &port]).await;
    clock.advance(TimeDelta::seconds(120));
    let next = node.engine_at(&node.url, clock.clone());
    // What was written is there, and what was not is written now.
    assert_eq!(numbers(&find(&next, "samovar").await), [1]);
    next.update(vec![document(2, "Urn", 30)]).await.unwrap();
    assert_eq!(numbers(&find(&next, "urn").await), [2]);
    assert_eq!(find(&next, "teapot").await.total, 0);
    next.clean_up().await.unwrap();
    assert_eq!(node.indexes().await, serving, "half a build is removed");
    node.drop().await;
}
