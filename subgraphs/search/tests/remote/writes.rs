//! Updates and deletions: what is newer stays, whatever comes last.

use axum::http::StatusCode;
use search::engine::{EngineError, Health, SearchEngine};
use serde_json::json;

use crate::kit::{build, clock, document, find, id, inactive, numbers};
use crate::node::Node;
use crate::proxy::{Fault, Proxy, error};

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn an_old_update_never_overwrites_a_new_one() {
    let node = Node::new();
    let engine = node.engine();
    build(&engine, vec![document(1, "Old kettle", 10)])
        .await
        .unwrap();
    engine
        .update(vec![document(1, "New kettle", 30)])
        .await
        .unwrap();
    engine
        .update(vec![document(1, "Late kettle", 20)])
        .await
        .unwrap();
    assert_eq!(numbers(&find(&engine, "new kettle").await), [1]);
    assert_eq!(find(&engine, "late").await.total, 0);

    // Neither does it bring a removed product back.
    engine
        .update(vec![inactive(document(1, "", 40))])
        .await
        .unwrap();
    engine
        .update(vec![document(1, "Late kettle", 35)])
        .await
        .unwrap();
    assert_eq!(find(&engine, "kettle").await.total, 0);
    engine
        .update(vec![document(1, "Kettle", 40)])
        .await
        .unwrap();
    assert_eq!(numbers(&find(&engine, "kettle").await), [1]);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn products_are_deleted_by_id_and_may_come_back() {
    let node = Node::new();
    let engine = node.engine();
    build(
        &engine,
        vec![document(1, "Kettle", 10), document(2, "Kettle", 10)],
    )
    .await
    .unwrap();
    engine.delete(vec![id(1), id(9)]).await.unwrap();
    assert_eq!(numbers(&find(&engine, "kettle").await), [2]);
    engine
        .update(vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    assert_eq!(find(&engine, "kettle").await.total, 2);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn what_a_busy_node_does_not_take_is_sent_again() {
    let node = Node::new();
    let proxy = Proxy::start(&node.url).await;
    let engine = node.engine_at(&proxy.url, clock());
    build(&engine, vec![document(1, "Kettle", 10)])
        .await
        .unwrap();

    // The request as a whole.
    let busy = error("rejected_execution_exception", "the queue is full");
    proxy.set(Fault::Answers(
        "_bulk",
        StatusCode::TOO_MANY_REQUESTS,
        busy,
        2,
    ));
    engine
        .update(vec![document(2, "Kettle", 10)])
        .await
        .unwrap();
    assert_eq!(proxy.answered(), 2);
    assert_eq!(find(&engine, "kettle").await.total, 2);

    // One of its products.
    let items = json!({ "errors": true, "items": [
        { "index": { "status": 429, "error": { "type": "rejected_execution_exception", "reason": "full" } } },
    ]});
    proxy.set(Fault::Answers("_bulk", StatusCode::OK, items, 1));
    engine
        .update(vec![document(3, "Kettle", 10)])
        .await
        .unwrap();
    assert_eq!(proxy.answered(), 1);
    assert_eq!(numbers(&find(&engine, "kettle").await), [1, 2, 3]);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn a_product_that_does_not_fit_the_mapping_is_reported_and_the_others_are_indexed() {
    let node = Node::new();
    let engine = node.engine();
    build(&engine, Vec::new()).await.unwrap();
    // As if somebody had made the index by hand.
    let serving = node.indexes().await.remove(0);
    let mapping = node
        .ask("GET", &format!("/{serving}/_mapping"), json!({}))
        .await;
    let index = format!("{}-by-hand", node.alias());
    let body = json!({
        "mappings": {
            "_meta": mapping[&serving]["mappings"]["_meta"],
            "dynamic": false,
            "properties": {
                "id": { "type": "keyword" },
                "price": { "type": "date", "format": "yyyy-MM-dd" },
            },
        },
        "aliases": { node.alias(): {} },
    });
    node.ask("DELETE", &format!("/{serving}"), json!({})).await;
    node.ask("PUT", &format!("/{index}"), body).await;
    let engine = node.engine();
    engine
        .update(vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    let status = engine.status().await.unwrap();
    assert_eq!(status.health, Health::Degraded);
    let problem = status.problem.unwrap();
    assert!(
        problem.contains("a product was rejected, such as prd_"),
        "{problem}"
    );
    assert!(problem.contains("price"), "{problem}");

    build(&engine, vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    let status = engine.status().await.unwrap();
    assert_eq!(
        (status.health, status.problem, status.products),
        (Health::Healthy, None, Some(1))
    );
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn a_node_whose_disk_is_full_serves_and_takes_the_changes_later() {
    let node = Node::new();
    let engine = node.engine();
    build(&engine, vec![document(1, "Kettle", 10)])
        .await
        .unwrap();
    let blocks = format!("/{}/_settings", node.alias());
    // What a node does by itself at the flood stage.
    node.ask(
        "PUT",
        &blocks,
        json!({ "index.blocks.read_only_allow_delete": true }),
    )
    .await;
    let refused = engine.update(vec![document(1, "New kettle", 20)]).await;
    assert!(
        matches!(refused, Err(EngineError::ReadOnly(_))),
        "{refused:?}"
    );
    assert_eq!(numbers(&find(&engine, "kettle").await), [1]);
    let status = engine.status().await.unwrap();
    assert_eq!(status.health, Health::Degraded);
    assert!(status.problem.unwrap().contains("disk is almost full"));

    node.ask(
        "PUT",
        &blocks,
        json!({ "index.blocks.read_only_allow_delete": null }),
    )
    .await;
    engine
        .update(vec![document(1, "New kettle", 20)])
        .await
        .unwrap();
    assert_eq!(numbers(&find(&engine, "new").await), [1]);
    assert_eq!(engine.status().await.unwrap().health, Health::Healthy);
    node.drop().await;
}
