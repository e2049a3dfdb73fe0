//! The subgraph on every database, with the rates and prices that a test stores.

use chrono::{DateTime, Duration, TimeZone, Utc};
use entities::insert_many;
use entities::pricing::{exchange_rate, price_adjustment, product_price};
use platform::clock::Clock;
use platform::tables::outbox_event;
use platform::testing::{Scratch, scratch_databases};
use pricing::{Migrator, State, subgraph};
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const PRICES: &str = r#"query($products: [_Any!]!, $currency: CurrencyCode) {
    _entities(representations: $products) {
        ... on Product {
            id
            price(currency: $currency) {
                current { amount { formatted } usd { amount } exchangeRate { to freshness effectiveRate } fallback }
                base { amount { amount } }
                compareAt { amount { amount } }
                adjustments { kind type usd { amount } }
            }
        }
    }
}"#;

pub(crate) struct Fixture {
    pub(crate) scratch: Scratch,
    pub(crate) state: State,
    pub(crate) subgraph: Subgraph,
    pub(crate) clock: Clock,
}

/// The subgraph on each database, migrated and empty, at a fixed time.
pub(crate) async fn fixtures() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<Migrator>(&scratch.database.connect_for_migrations().await.unwrap())
            .await
            .unwrap();
        let clock = Clock::manual(Utc.with_ymd_and_hms(2025, 10, 9, 12, 0, 0).unwrap());
        let state = State::new(scratch.database.clone(), clock.clone());
        let subgraph = subgraph(state.clone());
        fixtures.push(Fixture {
            scratch,
            state,
            subgraph,
            clock,
        });
    }
    fixtures
}

pub(crate) fn rate(currency: &str, rate: &str, fetched_at: DateTime<Utc>) -> exchange_rate::Model {
    exchange_rate::Model {
        currency: currency.to_owned(),
        rate: rate.to_owned(),
        source: "openexchangerates".to_owned(),
        as_of: fetched_at - Duration::minutes(3),
        fetched_at,
    }
}

pub(crate) fn representation(product: Uuid) -> Value {
    json!({ "__typename": "Product", "id": IdKind::Product.format(product) })
}

impl Fixture {
    pub(crate) async fn rates(&self, rows: Vec<exchange_rate::Model>) {
        exchange_rate::put_rates(self.scratch.database.write(), rows)
            .await
            .unwrap();
    }

    /// Stores products with these base prices and compare-at prices, in cents.
    pub(crate) async fn products(&self, prices: &[(i64, Option<i64>)]) -> Vec<Uuid> {
        let rows: Vec<_> = prices
            .iter()
            .map(
                |&(base_usd_minor, compare_at_usd_minor)| product_price::Model {
                    product_id: Uuid::now_v7(),
                    base_usd_minor,
                    compare_at_usd_minor,
                    updated_at: self.clock.now(),
                    version: 1,
                    sequence: 1,
                    published_usd_minor: Some(base_usd_minor),
                    next_change_at: None,
                },
            )
            .collect();
        let ids = rows.iter().map(|row| row.product_id).collect();
        insert_many::<product_price::Entity>(self.scratch.database.write(), rows)
            .await
            .unwrap();
        ids
    }

    /// Adds an adjustment that is active for some hours around now.
    pub(crate) async fn adjust(
        &self,
        product: Uuid,
        kind: &str,
        usd_minor: i64,
        hours: (i64, Option<i64>),
    ) {
        let row = price_adjustment::Model {
            id: Uuid::now_v7(),
            product_id: product,
            kind: kind.to_owned(),
            usd_minor,
            active_from: self.clock.now() + Duration::hours(hours.0),
            active_until: hours
                .1
                .map(|until| self.clock.now() + Duration::hours(until)),
            percent: None,
        };
        insert_many::<price_adjustment::Entity>(self.scratch.database.write(), vec![row])
            .await
            .unwrap();
    }

    /// What the outbox has for this topic, oldest first.
    pub(crate) async fn events(&self, topic: &str) -> Vec<Value> {
        let events = outbox_event::Entity::find()
            .filter(outbox_event::Column::Topic.eq(topic))
            .order_by_asc(outbox_event::Column::Id)
            .all(self.scratch.database.read())
            .await
            .unwrap();
        events.into_iter().map(|event| event.data).collect()
    }

    pub(crate) async fn rename_table(&self, from: &str, to: &str) {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        let db = self.scratch.database.write();
        db.execute_unprepared(&rename).await.unwrap();
    }

    pub(crate) async fn ask(&self, document: &str, variables: Value) -> Value {
        execute(&self.subgraph, None, document, variables).await
    }

    pub(crate) async fn prices(&self, products: &[Uuid], currency: Value) -> Value {
        let products: Vec<_> = products.iter().copied().map(representation).collect();
        let variables = json!({ "products": products, "currency": currency });
        let answer = self.ask(PRICES, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["_entities"].clone()
    }
}
