//! A migrated database with two customers and their orders.

use std::sync::Arc;

use chrono::{DateTime, Duration, TimeZone, Utc};
use entities::insert_many;
use entities::orders::order::OrderStatus;
use entities::orders::order_event::Actor;
use entities::orders::order_item::Restriction;
use entities::orders::payment_method::PaymentMethodKind;
use entities::orders::{customer, order, order_event, order_item, payment_method};
use orders::{Migrator, State, events, subgraph};
use platform::clock::Clock;
use platform::config::Secret;
use platform::providers::stripe::CaptureMethod;
use platform::pubsub::InProcess;
use platform::testing::{Scratch, scratch_databases};
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use serde_json::Value;
use uuid::Uuid;

use crate::fake_stripe::{FakeStripe, WEBHOOK_SECRET};
use crate::fake_subgraphs;

/// Sign the warehouse's webhooks.
pub(crate) const FULFILMENT_SECRET: &str = "warehouse secret";
pub(crate) const PREVIOUS_FULFILMENT_SECRET: &str = "old warehouse secret";

pub(crate) struct Shop {
    pub scratch: Scratch,
    pub subgraph: Subgraph,
    pub state: State,
    pub stripe: FakeStripe,
    pub clock: Clock,
    pub ada: Uuid,
    pub bob: Uuid,
}

/// The time in every shop.
pub(crate) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2025, 10, 9, 14, 30, 0).unwrap()
}

/// A customer's payment method: one each, with the same number.
fn payment_method_of(customer: Uuid) -> Uuid {
    customer
}

/// A shop for each database.
pub(crate) async fn shops() -> Vec<Shop> {
    let mut shops = Vec::new();
    for scratch in scratch_databases().await {
        let db = scratch.database.write();
        let connection = scratch.database.connect_for_migrations().await.unwrap();
        migrations::migrate::<Migrator>(&connection).await.unwrap();
        let (ada, bob) = (Uuid::from_u128(0xADA), Uuid::from_u128(0xB0B));
        let customers = [
            (ada, "Ada", "ada@example.com"),
            (bob, "Bob", "bob@example.com"),
        ];
        let row = |(id, name, email): (Uuid, &str, &str)| customer::Model {
            id,
            email: email.to_owned(),
            name: name.to_owned(),
            created_at: now() - Duration::days(400),
        };
        insert_many::<customer::Entity>(db, customers.map(row).to_vec())
            .await
            .unwrap();
        let card = |customer| payment_method::Model {
            id: payment_method_of(customer),
            customer_id: customer,
            kind: PaymentMethodKind::Card,
            last4: Some("4242".to_owned()),
            token: "pm_1".to_owned(),
            expires_at: Some(now() + Duration::hours(1)),
            closed_at: None,
            created_at: now() - Duration::days(400),
        };
        insert_many::<payment_method::Entity>(db, vec![card(ada), card(bob)])
            .await
            .unwrap();
        let clock = Clock::manual(now());
        let (stripe, client) = FakeStripe::start(&clock).await;
        let state = State {
            database: scratch.database.clone(),
            clock: clock.clone(),
            stripe: Some(client),
            capture_method: CaptureMethod::Automatic,
            search: Some(fake_subgraphs::search()),
            pricing: Some(fake_subgraphs::pricing()),
            checkout_rates: Arc::default(),
            stripe_webhook_secret: Some(Secret::new(WEBHOOK_SECRET)),
            fulfilment_webhook_secrets: vec![
                Secret::new(FULFILMENT_SECRET),
                Secret::new(PREVIOUS_FULFILMENT_SECRET),
            ],
            pubsub: Arc::new(InProcess::new()),
        };
        shops.push(Shop {
            scratch,
            subgraph: subgraph(state.clone()),
            state,
            stripe,
            clock,
            ada,
            bob,
        });
    }
    shops
}

/// The number of an order's first item; the second one follows.
pub(crate) fn item(order: u128) -> Uuid {
    Uuid::from_u128(order * 1_000)
}

/// An order paid in yen with two items: 2 × ¥1,000 and 1 × ¥500, ¥300 shipping, ¥250 tax.
pub(crate) fn order(number: u128, customer: Uuid, placed_at: DateTime<Utc>) -> order::Model {
    order::Model {
        id: Uuid::from_u128(number),
        customer_id: customer,
        status: OrderStatus::Confirmed,
        usd_amount: 2_033,
        local_currency_amount: 3_050,
        local_currency_code: "JPY".to_owned(),
        exchange_rate: "149.987500".to_owned(),
        store_credit_amount: 0,
        subtotal_amount: 2_500,
        shipping_amount: 300,
        tax_amount: 250,
        shipping_address: order::Address {
            name: "Ada Lovelace".to_owned(),
            line1: "1-2-3 Jingumae".to_owned(),
            line2: None,
            city: "Shibuya".to_owned(),
            region: Some("Tokyo".to_owned()),
            postal_code: "150-0001".to_owned(),
            country_code: "JP".to_owned(),
        },
        billing_address: None,
        shipping_option: None,
        payment_method_id: payment_method_of(customer),
        payment_intent_id: Some(format!("pi_{number}")),
        placed_at,
        confirmed_at: Some(placed_at + Duration::minutes(1)),
        shipped_at: None,
        delivered_at: None,
        cancelled_at: None,
        updated_at: placed_at + Duration::minutes(1),
    }
}

impl Shop {
    /// Stores orders, each with two items and a timeline.
    pub(crate) async fn stock(&self, orders: Vec<order::Model>) {
        let db = self.scratch.database.write();
        let items = orders.iter().flat_map(items).collect();
        let events = orders.iter().flat_map(timeline).collect();
        insert_many::<order::Entity>(db, orders).await.unwrap();
        insert_many::<order_item::Entity>(db, items).await.unwrap();
        insert_many::<order_event::Entity>(db, events)
            .await
            .unwrap();
    }

    /// Executes a document as Ada; asserts that there are no errors.
    pub(crate) async fn ada_asks(&self, document: &str, variables: Value) -> Value {
        let mut answer = execute(&self.subgraph, Some(self.ada), document, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"].take()
    }
}

fn items(order: &order::Model) -> [order_item::Model; 2] {
    let first = item(order.id.as_u128());
    let row = |position: i32, name: &str, quantity, price, restriction| order_item::Model {
        id: Uuid::from_u128(first.as_u128() + u128::try_from(position).unwrap()),
        order_id: order.id,
        customer_id: order.customer_id,
        position,
        product_id: Uuid::from_u128(7_000_000 + u128::try_from(position).unwrap()),
        product_name: name.to_owned(),
        restriction,
        quantity,
        unit_price_amount: price,
        tax_amount: i64::from(quantity) * price / 10,
        currency_code: order.local_currency_code.clone(),
    };
    // Not in display order.
    [
        row(1, "Engraved pen", 1, 500, Some(Restriction::Personalized)),
        row(0, "Notebook", 2, 1_000, None),
    ]
}

fn timeline(order: &order::Model) -> [order_event::Model; 2] {
    let row = |number, event: &str, actor: Actor, minutes| order_event::Model {
        id: Uuid::from_u128(order.id.as_u128() * 1_000 + number),
        order_id: order.id,
        event: event.to_owned(),
        actor: actor.as_str().to_owned(),
        detail: None,
        occurred_at: order.placed_at + Duration::minutes(minutes),
    };
    [
        row(1, events::CONFIRMED, Actor::Payment, 1),
        row(2, events::PLACED, Actor::Customer, 0),
    ]
}

/// An order's public id.
pub(crate) fn ord(number: u128) -> String {
    IdKind::Order.format(Uuid::from_u128(number))
}
