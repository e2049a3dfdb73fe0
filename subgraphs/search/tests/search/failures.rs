//! The index replaced, missing, damaged or unresponsive.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::search::product;
use resolvers::testing::{code, execute};
use search::engine::embedded::Embedded;
use search::engine::{
    AnalysisSource, Document, EngineError, IndexStatus, Rebuild, SearchEngine, SearchHits,
    SearchQuery,
};
use serde_json::json;
use uuid::Uuid;

use crate::kit::{DEADLINE, Item, fixtures, public};

const COUNT: &str = "{ productSearch(query: \"\") { totalCount } }";

/// The index folders under the directory.
fn folders(index: &Path) -> Vec<String> {
    fs::read_dir(index)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_rebuild_takes_the_place_of_the_old_index_for_every_reader() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let directory = fixture.index.path().join("index");
        let other_process = fixture.with_engine(Arc::new(Embedded::new(&directory)));
        let count = async || {
            let mut counts = Vec::new();
            for subgraph in [&fixture.subgraph, &other_process] {
                let answer = execute(subgraph, None, COUNT, json!({})).await;
                counts.push(answer["data"]["productSearch"]["totalCount"].clone());
            }
            counts
        };
        assert_eq!(count().await, [1, 1]);

        let rows = (1..2_500).map(|number| Item::PLAIN.row(number)).collect();
        insert_many::<product::Entity>(fixture.scratch.database.write(), rows)
            .await
            .unwrap();
        assert_eq!(count().await, [1, 1], "until the index is rebuilt");
        let before = folders(&directory);
        assert_eq!(fixture.state.reindex().await.unwrap(), 2_500);
        assert_eq!(count().await, [2_500, 2_500]);
        let after = folders(&directory);
        assert_eq!(after.len(), 1, "the old index is gone");
        assert_ne!(before, after);
        assert!(!fixture.state.open_index().await.unwrap(), "it is complete");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_index_that_lacks_products_is_built_anew_at_start() {
    for fixture in fixtures(&[]).await {
        insert_many::<product::Entity>(fixture.scratch.database.write(), vec![Item::PLAIN.row(0)])
            .await
            .unwrap();
        assert!(fixture.state.open_index().await.unwrap());
        let answer = execute(&fixture.subgraph, None, COUNT, json!({})).await;
        assert_eq!(answer["data"]["productSearch"]["totalCount"], 1);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_unfinished_rebuild_leaves_nothing_and_changes_nothing() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let directory = fixture.index.path().join("index");
        let before = folders(&directory);
        let mut rebuild = fixture.state.engine.begin_rebuild().await.unwrap();
        rebuild.add(vec![Item::PLAIN.document(1)]).await.unwrap();
        assert_eq!(folders(&directory).len(), 2);
        drop(rebuild);
        assert_eq!(folders(&directory), before);
        // Builders wait for each other, and the first one is gone.
        assert_eq!(fixture.state.reindex().await.unwrap(), 1);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_missing_damaged_or_older_index_is_an_error_until_it_is_built_at_start() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let directory = fixture.index.path().join("index");
        let current = directory.join("CURRENT");
        let damages: [&dyn Fn(); 3] = [
            &|| fs::remove_dir_all(&directory).unwrap(),
            &|| fs::write(&current, "v0-older").unwrap(),
            &|| fs::remove_dir_all(directory.join(&folders(&directory)[0])).unwrap(),
        ];
        for damage in damages {
            damage();
            // As after a restart: nothing is open.
            let state = search::State {
                engine: Arc::new(Embedded::new(&directory)),
                ..fixture.state.clone()
            };
            let subgraph = search::subgraph(state.clone());
            let answer = execute(&subgraph, None, COUNT, json!({})).await;
            assert_eq!(code(&answer), "SUBGRAPH_UNAVAILABLE");
            assert_eq!(
                answer["errors"][0]["message"],
                "Search is not available at the moment"
            );
            assert!(state.open_index().await.unwrap());
            let answer = execute(&subgraph, None, COUNT, json!({})).await;
            assert_eq!(answer["data"]["productSearch"]["totalCount"], 1);
        }
        fixture.scratch.drop().await;
    }
}

/// An engine that never answers.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl SearchEngine for Silent {
    async fn search(&self, _: SearchQuery) -> Result<SearchHits, EngineError> {
        std::future::pending().await
    }

    async fn suggest(&self, _: String, _: usize) -> Result<Vec<Uuid>, EngineError> {
        std::future::pending().await
    }

    async fn correct(&self, _: String) -> Result<Option<String>, EngineError> {
        std::future::pending().await
    }

    async fn status(&self) -> Result<IndexStatus, EngineError> {
        std::future::pending().await
    }

    async fn built_at(&self) -> Result<Option<DateTime<Utc>>, EngineError> {
        std::future::pending().await
    }

    async fn update(&self, _: Vec<Document>) -> Result<(), EngineError> {
        std::future::pending().await
    }

    async fn delete(&self, _: Vec<Uuid>) -> Result<(), EngineError> {
        std::future::pending().await
    }

    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn an_engine_that_never_answers_is_given_up_within_a_second() {
    for fixture in fixtures(&[]).await {
        let subgraph = fixture.with_silent_engine(Arc::new(Silent));
        for document in [COUNT, "{ searchSuggestions(prefix: \"a\") { text } }"] {
            let started = Instant::now();
            let answer = execute(&subgraph, None, document, json!({})).await;
            assert_eq!(code(&answer), "SUBGRAPH_UNAVAILABLE");
            assert!(started.elapsed() < Duration::from_secs(1));
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_engine_that_never_answers_fails_alone() {
    let document = "query($ids: [ID!]!) {
        productSearch(query: \"thing\") { totalCount }
        searchSuggestions(prefix: \"thing\") { text }
        products(ids: $ids) { title }
    }";
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let subgraph = fixture.with_silent_engine(Arc::new(Silent));
        let started = Instant::now();
        let answer = execute(&subgraph, None, document, json!({ "ids": [public(0)] })).await;
        assert!(started.elapsed() < Duration::from_secs(1));
        let expected = json!({
            "productSearch": null,
            "searchSuggestions": null,
            "products": [{ "title": "Thing" }],
        });
        assert_eq!(answer["data"], expected, "{answer:#}");
        let errors = answer["errors"].as_array().unwrap();
        let mut paths: Vec<_> = errors.iter().map(|error| error["path"].clone()).collect();
        paths.sort_by_key(ToString::to_string);
        assert_eq!(
            paths,
            [json!(["productSearch"]), json!(["searchSuggestions"])]
        );
        for error in errors {
            assert_eq!(error["extensions"]["code"], "SUBGRAPH_UNAVAILABLE");
        }
        fixture.scratch.drop().await;
    }
}

/// How long the slow engine takes for results: half of its time.
const SLOW: Duration = DEADLINE.checked_div(2).unwrap();

/// An engine that takes its time for results, and never has a correction.
#[derive(Debug)]
struct Slow(Arc<dyn SearchEngine>);

#[async_trait]
impl SearchEngine for Slow {
    async fn search(&self, query: SearchQuery) -> Result<SearchHits, EngineError> {
        tokio::time::sleep(SLOW).await;
        self.0.search(query).await
    }

    async fn suggest(&self, prefix: String, limit: usize) -> Result<Vec<Uuid>, EngineError> {
        self.0.suggest(prefix, limit).await
    }

    async fn correct(&self, _: String) -> Result<Option<String>, EngineError> {
        std::future::pending().await
    }

    async fn status(&self) -> Result<IndexStatus, EngineError> {
        self.0.status().await
    }

    async fn built_at(&self) -> Result<Option<DateTime<Utc>>, EngineError> {
        self.0.built_at().await
    }

    async fn update(&self, documents: Vec<Document>) -> Result<(), EngineError> {
        self.0.update(documents).await
    }

    async fn delete(&self, products: Vec<Uuid>) -> Result<(), EngineError> {
        self.0.delete(products).await
    }

    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError> {
        self.0.begin_rebuild().await
    }
}

#[tokio::test]
async fn everything_that_a_search_asks_of_an_engine_has_one_deadline() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let subgraph = fixture.with_engine(Arc::new(Slow(fixture.state.engine.clone())));
        let document = "{ productSearch(query: \"thing\") { totalCount didYouMean } }";
        let started = Instant::now();
        let answer = execute(&subgraph, None, document, json!({})).await;
        // With a deadline of its own, the correction alone would take all of it.
        assert!(started.elapsed() < SLOW + DEADLINE);
        let expected = json!({ "productSearch": { "totalCount": 1, "didYouMean": null } });
        assert_eq!(answer["data"], expected, "{answer:#}");
        assert_eq!(code(&answer), "SUBGRAPH_UNAVAILABLE");
        assert_eq!(
            answer["errors"][0]["path"],
            json!(["productSearch", "didYouMean"])
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn changed_synonyms_are_used_from_the_next_build_on() {
    let item = Item {
        title: "Samovar",
        ..Item::PLAIN
    };
    for fixture in fixtures(&[item.row(0)]).await {
        let words = tempfile::tempdir().unwrap();
        let directory = fixture.index.path().join("index");
        let source = AnalysisSource::Directory(words.path().to_owned());
        let engine = Embedded::new(&directory).with_analysis(source);
        let state = search::State {
            engine: Arc::new(engine),
            ..fixture.state.clone()
        };
        let subgraph = search::subgraph(state.clone());
        let found = async || {
            let document = "{ productSearch(query: \"urn\") { totalCount edges { why } } }";
            let answer = execute(&subgraph, None, document, json!({})).await;
            answer["data"]["productSearch"].clone()
        };
        fs::write(words.path().join("synonyms.txt"), "urn => samovar").unwrap();
        assert_eq!(found().await["totalCount"], 0);
        state.reindex().await.unwrap();
        let expected = json!({ "totalCount": 1, "edges": [{ "why": ["title means: urn"] }] });
        assert_eq!(found().await, expected);
        // A mistake in the files keeps the index as it is.
        fs::write(words.path().join("synonyms.txt"), "urn").unwrap();
        let failure = state.reindex().await.unwrap_err().to_string();
        assert!(failure.contains("synonyms.txt, line 1"), "{failure}");
        assert_eq!(found().await, expected);
        fixture.scratch.drop().await;
    }
}
