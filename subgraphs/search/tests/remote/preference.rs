//! Results by preference: by a script in the node, and by this process when the node takes none.

use std::sync::Arc;

use axum::http::StatusCode;
use search::engine::{Direction, Document, Preference, SearchEngine, SearchQuery};
use serde_json::json;

use crate::kit::{build, clock, document, numbers, pages, query, vector};
use crate::node::Node;
use crate::proxy::{Fault, Proxy, error};

fn with_vector(number: u128, x: f32, y: f32) -> Document {
    Document {
        vector: Some(vector(x, y)),
        ..document(number, "Kettle", 10)
    }
}

fn liking(x: f32, y: f32) -> SearchQuery {
    let preference = Preference {
        vector: Arc::new(vector(x, y)),
        boost: 1.5,
    };
    SearchQuery {
        preference: Some(preference),
        ..query("kettle")
    }
}

fn kettles() -> Vec<Document> {
    vec![
        document(1, "Kettle", 10),
        with_vector(2, -1.0, 0.0),
        with_vector(3, 0.6, 0.8),
        with_vector(4, 1.0, 0.0),
    ]
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn the_score_is_multiplied_by_the_similarity_with_and_without_scripts() {
    let node = Node::new();
    build(&node.engine(), kettles()).await.unwrap();
    let proxy = Proxy::start(&node.url).await;
    let refusal = error(
        "illegal_argument_exception",
        "cannot execute [stored] scripts",
    );
    proxy.set(Fault::Answers(
        "_scripts",
        StatusCode::BAD_REQUEST,
        refusal,
        usize::MAX,
    ));
    let (direct, without_scripts) = (node.engine(), node.engine_at(&proxy.url, clock()));
    for engine in [&direct, &without_scripts] {
        let found = engine.search(liking(1.0, 0.0)).await.unwrap();
        assert_eq!(numbers(&found), [4, 3, 1, 2]);
        let similarities: Vec<_> = found
            .hits
            .iter()
            .map(|hit| hit.similarity.unwrap())
            .collect();
        for (similarity, expected) in similarities.iter().zip([1.0, 0.6, 0.0, 0.0]) {
            assert!((similarity - expected).abs() < 1e-4, "{similarities:?}");
        }
        // 1 + 1.5 × 0.6 to 1 + 1.5, and 1 to 1 + 1.5.
        for (hit, expected) in found
            .hits
            .iter()
            .zip([1.0, 1.9 / 2.5, 1.0 / 2.5, 1.0 / 2.5])
        {
            assert!(
                (hit.score - expected).abs() < 1e-3,
                "{} {expected}",
                hit.score
            );
        }
        assert_eq!(
            numbers(&engine.search(liking(-1.0, 0.0)).await.unwrap()),
            [2, 1, 3, 4]
        );
    }
    // The node is asked once.
    assert_eq!(proxy.count("_scripts"), 1);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn without_scripts_pages_go_on_after_the_reordered_results() {
    let node = Node::new();
    let count: u128 = 1_040;
    let documents = (1..=count).map(|number| {
        let angle = f32::from(u16::try_from(number * 7 % 90).unwrap()).to_radians();
        with_vector(number, angle.cos(), angle.sin())
    });
    build(&node.engine(), documents.collect()).await.unwrap();
    let proxy = Proxy::start(&node.url).await;
    let refusal = error("illegal_argument_exception", "no scripts");
    proxy.set(Fault::Answers(
        "_scripts",
        StatusCode::BAD_REQUEST,
        refusal,
        usize::MAX,
    ));
    let engine = node.engine_at(&proxy.url, clock());
    let forward = pages(
        &engine,
        SearchQuery {
            limit: 90,
            ..liking(1.0, 0.0)
        },
    )
    .await;
    let mut sorted = forward.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=count).collect::<Vec<_>>(), "each once");
    // Equal texts are in the order of ids, of which the first thousand are reordered.
    assert_eq!(forward[1_000..], (1_001..=count).collect::<Vec<_>>());
    let backward = SearchQuery {
        limit: 90,
        direction: Direction::Backward,
        ..liking(1.0, 0.0)
    };
    let mut backward = pages(&engine, backward).await;
    backward.reverse();
    assert_eq!(backward, forward);
    node.drop().await;
}

#[tokio::test]
#[ignore = "needs a node: tests/search-nodes/run.sh"]
async fn a_script_that_somebody_removed_is_stored_again() {
    let node = Node::new();
    let engine = node.engine();
    build(&engine, kettles()).await.unwrap();
    for _ in 0..2 {
        for _ in 0..2 {
            assert_eq!(
                numbers(&engine.search(liking(1.0, 0.0)).await.unwrap()),
                [4, 3, 1, 2]
            );
        }
        node.ask(
            "DELETE",
            &format!("/_scripts/{}-preference", node.alias()),
            json!({}),
        )
        .await;
    }
    node.drop().await;
}
