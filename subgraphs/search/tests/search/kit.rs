//! The subgraph over a small catalog, with a fake pricing domain that has a single rate.

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Enum, Object, Schema, SimpleObject};
use chrono::{Duration, TimeZone, Utc};
use entities::insert_many;
use entities::search::product;
use platform::clock::Clock;
use platform::testing::{Scratch, scratch_databases};
use resolvers::client::SubgraphClient;
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;
use search::engine::{Document, SearchEngine};
use search::{Migrator, State, subgraph};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// How long an engine may take: enough for a debug build on a busy machine.
pub(crate) const DEADLINE: std::time::Duration = std::time::Duration::from_secs(5);

/// One database with its subgraph and index.
pub(crate) struct Fixture {
    pub scratch: Scratch,
    pub state: State,
    pub subgraph: Subgraph,
    pub index: TempDir,
}

/// A catalog product with the attributes relevant to search.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub title: &'static str,
    pub brand: Option<&'static str>,
    pub category: &'static str,
    pub description: &'static str,
    pub cents: i64,
    pub rating: Option<f64>,
    pub quantity: i32,
    pub popularity: i64,
}

impl Item {
    pub(crate) const PLAIN: Self = Self {
        title: "Thing",
        brand: None,
        category: "Things",
        description: "",
        cents: 1_000,
        rating: None,
        quantity: 1,
        popularity: 0,
    };

    /// The row of the product with this number, which determines its id and age.
    pub(crate) fn row(self, number: usize) -> product::Model {
        let created_at = Utc.with_ymd_and_hms(2025, 1, 1, 0, 0, 0).unwrap()
            + Duration::hours(i64::try_from(number).unwrap());
        product::Model {
            id: id(number),
            title: self.title.to_owned(),
            description: self.description.to_owned(),
            brand: self.brand.map(str::to_owned),
            category: self.category.to_owned(),
            image_url: Some(format!("https://images.example/{number}.jpg")),
            rating: self.rating,
            review_count: 10,
            available_quantity: self.quantity,
            price_usd_minor: self.cents,
            popularity: self.popularity,
            active: true,
            created_at,
            updated_at: created_at,
            price_sequence: 0,
            weight_grams: None,
            length_mm: None,
            width_mm: None,
            height_mm: None,
            hs_code: None,
            origin_country: None,
            catalog_sequence: 0,
            source_sequence: 0,
            stock_sequence: 0,
            stock_announced_at: None,
        }
    }
}

impl Item {
    /// The product with this number as engines index it.
    pub(crate) fn document(self, number: usize) -> Document {
        Document::new(self.row(number))
    }
}

/// The id of the product with this number. Numbers and ids sort differently.
pub(crate) fn id(number: usize) -> Uuid {
    Uuid::from_u128((number as u128 * 7_919) % 1_000_003 + (1 << 100))
}

/// The subgraph on each database, with these rows, indexed.
pub(crate) async fn fixtures(rows: &[product::Model]) -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<Migrator>(&scratch.database.connect_for_migrations().await.unwrap())
            .await
            .unwrap();
        insert_many::<product::Entity>(scratch.database.write(), rows.to_vec())
            .await
            .unwrap();
        let index = tempfile::tempdir().unwrap();
        let state = State {
            deadline: DEADLINE,
            ..State::new(
                scratch.database.clone(),
                Clock::manual(Utc.with_ymd_and_hms(2025, 10, 9, 12, 0, 0).unwrap()),
                index.path().join("index"),
                pricing(),
                "https://shop.example/",
            )
        };
        assert!(state.open_index().await.unwrap());
        fixtures.push(Fixture {
            subgraph: subgraph(state.clone()),
            scratch,
            state,
            index,
        });
    }
    fixtures
}

impl Fixture {
    pub(crate) async fn ask(&self, document: &str, variables: Value) -> Value {
        execute(&self.subgraph, None, document, variables).await
    }

    /// `productSearch` with these arguments and this selection; asserts that there are no errors.
    pub(crate) async fn search(&self, arguments: &str, selection: &str) -> Value {
        let document = format!("{{ productSearch({arguments}) {{ {selection} }} }}");
        let answer = self.ask(&document, json!({})).await;
        assert_eq!(answer["errors"], Value::Null, "{document}: {answer}");
        answer["data"]["productSearch"].clone()
    }

    /// The titles found by a query, in order.
    pub(crate) async fn titles(&self, arguments: &str) -> Vec<String> {
        let found = self.search(arguments, "nodes { title }").await;
        strings(&found["nodes"], "title")
    }

    /// The same subgraph with an engine that never answers, and an impatient customer.
    pub(crate) fn with_silent_engine(&self, engine: Arc<dyn SearchEngine>) -> Subgraph {
        subgraph(State {
            engine,
            deadline: std::time::Duration::from_millis(200),
            ..self.state.clone()
        })
    }

    /// The same subgraph with another engine.
    pub(crate) fn with_engine(&self, engine: Arc<dyn SearchEngine>) -> Subgraph {
        subgraph(State {
            engine,
            ..self.state.clone()
        })
    }
}

pub(crate) fn strings(list: &Value, field: &str) -> Vec<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry[field].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn public(number: usize) -> String {
    IdKind::Product.format(id(number))
}

/// A pricing domain with one rate: 0.92 euros per dollar.
fn pricing() -> SubgraphClient {
    #[derive(Clone, Copy, PartialEq, Eq, Enum)]
    enum CurrencyCode {
        Eur,
        Gbp,
    }
    #[derive(SimpleObject)]
    struct ExchangeRate {
        effective_rate: Decimal,
    }
    struct Query;
    #[Object]
    impl Query {
        async fn exchange_rate(&self, to: CurrencyCode) -> ApiResult<ExchangeRate> {
            match to {
                CurrencyCode::Eur => Ok(ExchangeRate {
                    effective_rate: Decimal::new(92, 2),
                }),
                CurrencyCode::Gbp => Err(ApiError::not_found("no rate")),
            }
        }
    }
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    SubgraphClient::local(Subgraph::new("pricing", schema, |_| ()))
}
