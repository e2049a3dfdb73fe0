//! The index near the database: changes during a build, failures, and recovery.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use entities::search::product::{self, NewPrice};
use platform::supervisor::Supervisor;
use sea_orm::{ActiveModelTrait, Set};
use search::engine::{
    Document, EngineError, IndexStatus, Rebuild, SearchEngine, SearchHits, SearchQuery,
};
use search::{IndexWorker, State};
use uuid::Uuid;

use crate::kit::{Fixture, Item, fixtures, id};

/// An engine whose index cannot be written for a while, and whose builds are interrupted by a change.
#[derive(Debug)]
struct Faulty {
    state: State,
    is_full: AtomicBool,
}

impl Faulty {
    fn space(&self) -> Result<(), EngineError> {
        match self.is_full.load(Ordering::Relaxed) {
            true => Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into()),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl SearchEngine for Faulty {
    async fn search(&self, query: SearchQuery) -> Result<SearchHits, EngineError> {
        self.state.engine.search(query).await
    }

    async fn suggest(&self, prefix: String, limit: usize) -> Result<Vec<Uuid>, EngineError> {
        self.state.engine.suggest(prefix, limit).await
    }

    async fn correct(&self, text: String) -> Result<Option<String>, EngineError> {
        self.state.engine.correct(text).await
    }

    async fn status(&self) -> Result<IndexStatus, EngineError> {
        self.state.engine.status().await
    }

    async fn built_at(&self) -> Result<Option<DateTime<Utc>>, EngineError> {
        self.state.engine.built_at().await
    }

    async fn update(&self, documents: Vec<Document>) -> Result<(), EngineError> {
        self.space()?;
        self.state.engine.update(documents).await
    }

    async fn delete(&self, products: Vec<Uuid>) -> Result<(), EngineError> {
        self.space()?;
        self.state.engine.delete(products).await
    }

    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError> {
        self.space()?;
        Ok(Box::new(Interrupted {
            build: self.state.engine.begin_rebuild().await?,
            state: self.state.clone(),
        }))
    }
}

struct Interrupted {
    build: Box<dyn Rebuild>,
    state: State,
}

#[async_trait]
impl Rebuild for Interrupted {
    async fn add(&mut self, documents: Vec<Document>) -> Result<(), EngineError> {
        self.build.add(documents).await?;
        // After this product was read.
        set_price(&self.state, 1, 99_900).await;
        Ok(())
    }

    async fn replace(&mut self, documents: Vec<Document>) -> Result<(), EngineError> {
        self.build.replace(documents).await
    }

    async fn publish(self: Box<Self>) -> Result<(), EngineError> {
        // After the changes were read.
        set_price(&self.state, 2, 88_800).await;
        self.build.publish().await
    }
}

async fn set_price(state: &State, number: usize, usd_minor: i64) {
    state.clock.advance(Duration::seconds(1));
    let transaction = state.database.begin().await.unwrap();
    let price = NewPrice {
        product: id(number),
        usd_minor,
        sequence: usd_minor,
    };
    let changed = product::set_prices(&transaction, &[price], state.clock.now()).await;
    assert_eq!(changed.unwrap(), 1);
    transaction.commit().await.unwrap();
}

/// The state with a faulty engine in front of the fixture's.
fn faulty(fixture: &Fixture) -> (Arc<Faulty>, State) {
    let engine = Arc::new(Faulty {
        state: fixture.state.clone(),
        is_full: AtomicBool::new(false),
    });
    let state = State {
        engine: engine.clone(),
        ..fixture.state.clone()
    };
    (engine, state)
}

async fn found(fixture: &Fixture, price: &str) -> u64 {
    let arguments = format!("query: \"\", filters: {{ minPrice: {price:?}, maxPrice: {price:?} }}");
    let found = fixture.search(&arguments, "totalCount").await;
    found["totalCount"].as_u64().unwrap()
}

#[tokio::test]
async fn a_new_index_contains_what_changed_while_it_was_built() {
    let rows: Vec<_> = (1..=3).map(|number| Item::PLAIN.row(number)).collect();
    for fixture in fixtures(&rows).await {
        let (_, state) = faulty(&fixture);
        let mut worker = IndexWorker::new(state.clone(), Supervisor::new());
        worker.run_once().await;
        state.reindex().await.unwrap();
        assert_eq!(found(&fixture, "999").await, 1);
        assert_eq!(found(&fixture, "888").await, 0, "too late for the build");
        worker.run_once().await;
        assert_eq!(
            found(&fixture, "888").await,
            1,
            "a new index is followed from its start"
        );
        assert_eq!(found(&fixture, "999").await, 1);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_round_after_stock_price_or_rating_have_changed_searches_follow() {
    let rows: Vec<_> = (1..=3).map(|number| Item::PLAIN.row(number)).collect();
    for fixture in fixtures(&rows).await {
        let state = &fixture.state;
        let mut worker = IndexWorker::new(state.clone(), Supervisor::new());
        worker.run_once().await;
        let total = async |filters: &str| {
            let arguments = format!("query: \"\", filters: {{ {filters} }}");
            fixture.search(&arguments, "totalCount").await["totalCount"].clone()
        };
        let filters = ["inStock: false", "minRating: 4.5", "minPrice: \"500\""];
        for filter in filters {
            assert_eq!(total(filter).await, 0, "{filter}");
        }
        state.clock.advance(Duration::seconds(1));
        let changed = product::ActiveModel {
            id: Set(id(1)),
            available_quantity: Set(0),
            rating: Set(Some(4.6)),
            updated_at: Set(state.clock.now()),
            ..Default::default()
        };
        changed.update(state.database.write()).await.unwrap();
        set_price(state, 2, 50_000).await;
        worker.run_once().await;
        for filter in filters {
            assert_eq!(total(filter).await, 1, "{filter}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn while_the_disk_is_full_the_old_index_serves_and_the_process_says_so() {
    let rows: Vec<_> = (1..=3).map(|number| Item::PLAIN.row(number)).collect();
    for fixture in fixtures(&rows).await {
        let (engine, state) = faulty(&fixture);
        let supervisor = Supervisor::new();
        let mut worker = IndexWorker::new(state.clone(), supervisor.clone());
        worker.run_once().await;
        assert_eq!(supervisor.degraded(), [] as [String; 0]);
        engine.is_full.store(true, Ordering::Relaxed);
        set_price(&state, 1, 77_700).await;
        for _ in 0..3 {
            worker.run_once().await;
            let degraded = supervisor.degraded();
            assert!(
                matches!(&degraded[..], [one] if one.starts_with("search index: not updated since 2025-10-09T12:00:00Z: ")),
                "{degraded:?}"
            );
            assert_eq!(found(&fixture, "777").await, 0);
            assert_eq!(found(&fixture, "10").await, 3, "as before");
        }
        engine.is_full.store(false, Ordering::Relaxed);
        worker.run_once().await;
        assert_eq!(supervisor.degraded(), [] as [String; 0]);
        assert_eq!(found(&fixture, "777").await, 1);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_damaged_index_is_built_anew_while_the_process_runs() {
    for fixture in fixtures(&[Item::PLAIN.row(1)]).await {
        let mut worker = IndexWorker::new(fixture.state.clone(), Supervisor::new());
        worker.run_once().await;
        let directory = fixture.index.path().join("index");
        let name = std::fs::read_to_string(directory.join("CURRENT")).unwrap();
        for file in std::fs::read_dir(directory.join(&name)).unwrap() {
            std::fs::write(file.unwrap().path(), b"garbage").unwrap();
        }
        set_price(&fixture.state, 1, 55_500).await;
        // The first round notices, the second one repairs.
        worker.run_once().await;
        worker.run_once().await;
        assert_eq!(found(&fixture, "555").await, 1);
        fixture.scratch.drop().await;
    }
}
