//! Builds beside the serving index, with changes meanwhile, interruptions and other builders.

use std::time::Duration;

use chrono::TimeDelta;
use platform::clock::Clock;
use search::engine::SearchEngine;
use serde_json::json;

use crate::kit::{at, build, clock, document, find, inactive, numbers};
use crate::node::Node;

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn what_was_replaced_or_removed_during_a_build_is_not_overwritten_by_older_rows() {
    let node = Node::new();
    let (engine, other) = (node.engine(), node.engine());
    build(&engine, vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    let mut rebuild = engine.begin_rebuild().await.unwrap();
    let changes = vec![document(1, "Teapot", 20), inactive(document(2, "", 20))];
    rebuild.replace(changes).await.unwrap();
    // Read before the changes.
    let rows = [1, 2, 3].map(|number| document(number, "Kettle", 10));
    rebuild.add(rows.into()).await.unwrap();
    assert_eq!(numbers(&find(&other, "kettle").await), [1]);
    rebuild.publish().await.unwrap();
    assert_eq!(numbers(&find(&engine, "teapot").await), [1]);
    assert_eq!(numbers(&find(&engine, "kettle").await), [3]);
    assert_eq!(node.indexes().await.len(), 1, "the old index is gone");
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn half_a_build_changes_nothing_and_is_removed_at_the_next_start() {
    let node = Node::new();
    let clock = Clock::manual(at(0));
    let engine = node.engine_at(&node.url, clock.clone());
    build(&engine, vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    let serving = node.indexes().await;
    let mut rebuild = engine.begin_rebuild().await.unwrap();
    rebuild.add(vec![document(2, "Kettle", 10)]).await.unwrap();
    assert_eq!(node.indexes().await.len(), 2);

    // The process dies here. Until its lease ends, it may only be slow.
    std::mem::forget(rebuild);
    let next = node.engine_at(&node.url, clock.clone());
    next.clean_up().await.unwrap();
    assert_eq!(node.indexes().await.len(), 2);
    assert_eq!(numbers(&find(&next, "kettle").await), [1]);
    clock.advance(TimeDelta::seconds(61));
    next.clean_up().await.unwrap();
    assert_eq!(node.indexes().await, serving);
    assert_eq!(numbers(&find(&next, "kettle").await), [1]);
    build(&next, vec![document(2, "Kettle", 10)]).await.unwrap();
    assert_eq!(numbers(&find(&next, "kettle").await), [2]);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn a_build_that_is_given_up_is_removed_by_the_next() {
    let node = Node::new();
    let engine = node.engine();
    let mut rebuild = engine.begin_rebuild().await.unwrap();
    rebuild.add(vec![document(1, "Kettle", 10)]).await.unwrap();
    drop(rebuild);
    assert_eq!(engine.status().await.unwrap().products, None);
    build(&engine, vec![document(2, "Kettle", 10)])
        .await
        .unwrap();
    assert_eq!(node.indexes().await.len(), 1);
    assert_eq!(engine.status().await.unwrap().products, Some(1));
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn builders_of_two_processes_wait_for_each_other() {
    let node = Node::new();
    let (engine, other) = (node.engine(), node.engine());
    let mut first = engine.begin_rebuild().await.unwrap();
    first.add(vec![document(1, "Kettle", 10)]).await.unwrap();
    let second = other.begin_rebuild();
    tokio::pin!(second);
    let waited = tokio::time::timeout(Duration::from_secs(3), &mut second).await;
    assert!(waited.is_err(), "it waits");
    first.publish().await.unwrap();
    let mut second = second.await.unwrap();
    second.add(vec![document(2, "Kettle", 10)]).await.unwrap();
    second.publish().await.unwrap();
    assert_eq!(numbers(&find(&engine, "kettle").await), [2]);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn the_index_of_the_version_before_is_kept_for_a_day() {
    let node = Node::new();
    let clock = Clock::manual(chrono::Utc::now());
    let engine = node.engine_at(&node.url, clock.clone());
    let before = format!("{}-v0-{}", node.prefix, uuid::Uuid::now_v7().simple());
    node.ask("PUT", &format!("/{before}"), json!({})).await;
    build(&engine, vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    engine.clean_up().await.unwrap();
    assert_eq!(node.indexes().await.len(), 2);
    clock.advance(TimeDelta::seconds(25 * 60 * 60));
    engine.clean_up().await.unwrap();
    assert_eq!(node.indexes().await.len(), 1);
    assert_eq!(numbers(&find(&engine, "kettle").await), [1]);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn an_index_is_only_made_by_a_build() {
    let node = Node::new();
    let engine = node.engine_at(&node.url, clock());
    engine
        .update(vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    engine.delete(vec![crate::kit::id(1)]).await.unwrap();
    assert_eq!(node.indexes().await, [] as [String; 0]);
    let missing = engine.search(crate::kit::query("kettle")).await;
    assert!(
        matches!(missing, Err(search::engine::EngineError::NoIndex)),
        "{missing:?}"
    );
    node.drop().await;
}
