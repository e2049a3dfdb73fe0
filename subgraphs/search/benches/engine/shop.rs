//! The search subgraph over a database of the generated catalog, and an engine.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use chrono::{DateTime, TimeDelta, Utc};
use entities::insert_many;
use entities::search::customer_preference::{self, Interests, PreferenceMode};
use entities::search::product;
use entities::search::signal::{self, SignalKind};
use platform::clock::Clock;
use platform::database::{Database, DatabaseConfig};
use resolvers::client::SubgraphClient;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use search::engine::remote::{Dialect, Remote, RemoteConfig};
use search::engine::{AnalysisSource, ProductText, ProductVector};
use search::ranking::{CurrentModel, Ranker};
use search::{Migrator, State, subgraph};
use uuid::Uuid;

use crate::measure::Answered;
use crate::requests::Kind;
use crate::{Arguments, Engine, catalog};

/// Products generated and stored at a time.
const BATCH: u64 = 1_000;
/// Customers with preferences.
const CUSTOMERS: u64 = 500;
/// Views and purchases of the last days, from which the ranking knows what is popular.
const SIGNALS: u64 = 50_000;

/// A shop with products, customers and an index.
pub(crate) struct Shop {
    state: State,
    /// In the engine's order.
    plain: Subgraph,
    /// With the first results ranked by the model of this build.
    ranked: Subgraph,
}

/// An index that is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indexed {
    /// How long its build took; `None` if it was there.
    pub took: Option<Duration>,
    /// On disk.
    pub bytes: Option<u64>,
}

impl Shop {
    /// Over this directory, whose products are generated unless they are there.
    pub(crate) async fn open(directory: &Path, arguments: &Arguments) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let config = DatabaseConfig::sqlite(directory);
        let database = Database::open(&config, search::NAME).await?;
        migrations::migrate::<Migrator>(&database.connect_for_migrations().await?).await?;
        fill(&database, arguments.products).await?;
        let mut state = State::new(
            database,
            Clock::system(),
            directory.join("search-index"),
            pricing(),
            "https://shop.example",
        );
        if let Some(remote) = remote(arguments, &state.clock)? {
            state.engine = Arc::new(remote);
        }
        let ranker = Ranker::model(CurrentModel::default());
        let now = state.clock.now();
        ranker.popularity.refresh(&state.database, now).await?;
        let ranked = State {
            ranker,
            ..state.clone()
        };
        Ok(Self {
            plain: subgraph(state.clone()),
            ranked: subgraph(ranked),
            state,
        })
    }

    /// Builds the index as `vantage search reindex` does, unless it is there.
    pub(crate) async fn index(&self, products: u64) -> anyhow::Result<Indexed> {
        let known = self.state.engine.status().await?.products;
        let begun = Instant::now();
        let mut took = None;
        if known != Some(products) {
            let indexed = self.state.reindex().await?;
            ensure!(indexed == products, "{indexed} of {products} are indexed");
            took = Some(begun.elapsed());
        }
        Ok(Indexed {
            took,
            bytes: self.state.engine.status().await?.bytes,
        })
    }

    /// Sends the request with this number.
    pub(crate) fn request(
        &self,
        kind: Kind,
        number: u64,
    ) -> impl Future<Output = anyhow::Result<Answered>> + Send + use<> {
        let subgraph = match kind.is_reranked() {
            true => self.ranked.clone(),
            false => self.plain.clone(),
        };
        let request = catalog::request(number);
        let (document, variables) = (kind.document(), kind.variables(&request));
        let customer = kind.is_personal().then(|| customer(number % CUSTOMERS));
        async move {
            let begun = Instant::now();
            let answer = execute(&subgraph, customer, &document, variables).await;
            let took = begun.elapsed();
            let results = kind.results(&answer);
            if results.is_none() {
                let code = &answer["errors"][0]["extensions"]["code"];
                ensure!(code == "SUBGRAPH_UNAVAILABLE", "{answer}");
            }
            Ok(Answered { took, results })
        }
    }
}

/// The cluster of the arguments, if they name one.
fn remote(arguments: &Arguments, clock: &Clock) -> anyhow::Result<Option<Remote>> {
    let dialect = match arguments.engine {
        Engine::Embedded => return Ok(None),
        Engine::OpenSearch => Dialect::OpenSearch,
        Engine::Elasticsearch => Dialect::Elasticsearch,
    };
    let url = arguments.url.clone();
    let config = RemoteConfig {
        dialect,
        url: url.context("--url names a node of this engine")?,
        ca: None,
        index: "vantage-bench".to_owned(),
        timeout: Duration::from_millis(700),
        write_timeout: Duration::from_secs(60),
        analysis: AnalysisSource::BuiltIn,
    };
    Ok(Some(Remote::new(config, clock.clone())?))
}

/// Stores products, customers and what they did, unless the database has them.
async fn fill(database: &Database, products: u64) -> anyhow::Result<()> {
    let stored = product::count_active(database.read()).await?;
    if stored == products {
        return Ok(());
    }
    ensure!(
        stored == 0,
        "the database has {stored} products: name another directory"
    );
    let now = Utc::now();
    let begun = Instant::now();
    for start in (0..products).step_by(usize::try_from(BATCH)?) {
        let numbers = start..(start + BATCH).min(products);
        let rows = numbers
            .map(|number| catalog::product(number, now))
            .collect();
        insert_many::<product::Entity>(database.write(), rows).await?;
    }
    for start in (0..SIGNALS).step_by(usize::try_from(BATCH)?) {
        let rows = (start..start + BATCH).map(|number| signal_of(number, products, now));
        insert_many::<signal::Entity>(database.write(), rows.collect()).await?;
    }
    let rows = (0..CUSTOMERS).map(|number| preference(number, now));
    let rows = rows.collect::<anyhow::Result<Vec<_>>>()?;
    insert_many::<customer_preference::Entity>(database.write(), rows).await?;
    let took = begun.elapsed().as_secs_f64();
    println!("{products} products generated in {took:.1} s");
    Ok(())
}

fn customer(number: u64) -> Uuid {
    Uuid::from_u128((0xC << 64) | u128::from(number))
}

/// Somebody's view or purchase of a product; the first products are the most popular.
fn signal_of(number: u64, products: u64, now: DateTime<Utc>) -> signal::Model {
    let product = catalog::product((number * number) % products, now);
    signal::Model {
        id: Uuid::now_v7(),
        customer_id: Some(customer(number % CUSTOMERS)),
        kind: match number % 10 {
            0 => SignalKind::Purchase,
            _ => SignalKind::View,
        },
        product_id: product.id,
        query_id: None,
        position: None,
        occurred_at: now - TimeDelta::hours(1),
        order_id: None,
    }
}

/// Of a customer who likes products that are like one of the catalog.
fn preference(number: u64, now: DateTime<Utc>) -> anyhow::Result<customer_preference::Model> {
    let likes = catalog::product(number, now);
    let vector = ProductVector::of_product(ProductText {
        title: &likes.title,
        category: &likes.category,
        ..ProductText::default()
    });
    let vector = vector.context("a product without words")?;
    Ok(customer_preference::Model {
        mode: PreferenceMode::Full,
        signals: 100,
        version: 1,
        vector: Some(vector.to_bytes()),
        interests: Interests {
            categories: vec![likes.category],
            brands: Vec::new(),
        },
        ..customer_preference::Model::unknown(customer(number), now)
    })
}

/// A pricing domain that is never asked: prices are in US dollars.
fn pricing() -> SubgraphClient {
    struct Query;
    #[Object]
    impl Query {
        async fn unused(&self) -> bool {
            true
        }
    }
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    SubgraphClient::local(Subgraph::new("pricing", schema, |_| ()))
}
