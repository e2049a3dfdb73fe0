//! The migrated subgraph on each database at a fixed time, with a customer and their orders.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use entities::insert_many;
use entities::returns::{customer_return, return_event, return_item};
use platform::clock::Clock;
use platform::config::Secret;
use platform::flags::Flags;
use platform::log_once::LogOnce;
use platform::objects::{LocalObjects, ObjectLinks};
use platform::pubsub::InProcess;
use platform::tables::outbox_event;
use platform::testing::{Scratch, scratch_databases};
use resolvers::client::SubgraphClient;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use returns::rules::status::{ReturnStatus, timeline_event};
use returns::transitions::{self, Actor, Label, Transition, TransitionError};
use returns::{ItemCondition, LabelRules, Migrator, RefundMethod, State, subgraph};
use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

use crate::fake_orders::{FakeItem, FakeOrder, Orders};

/// The owner of the orders.
pub(crate) const CUSTOMER: Uuid = Uuid::from_u128(1);
/// Another customer.
pub(crate) const STRANGER: Uuid = Uuid::from_u128(2);
const LABEL_SECONDS: i64 = 84;

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn now() -> DateTime<Utc> {
    time("2025-10-09T10:15:22Z")
}

pub(crate) struct Fixture {
    pub scratch: Scratch,
    pub state: State,
    pub subgraph: Subgraph,
    pub orders: Orders,
    pub files: TempDir,
}

/// A fixture for each database, with these orders.
pub(crate) async fn fixtures(orders: &[FakeOrder]) -> Vec<Fixture> {
    fixtures_with(orders, || Clock::manual(now()), |_| {}).await
}

/// Fixtures with these parts in their state.
pub(crate) async fn fixtures_with(
    orders: &[FakeOrder],
    clock: impl Fn() -> Clock,
    equip: impl Fn(&mut State),
) -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<Migrator>(&scratch.database.connect_for_migrations().await.unwrap())
            .await
            .unwrap();
        let (fake, clock) = (Orders::default(), clock());
        let files = tempfile::tempdir().unwrap();
        let mut state = State {
            database: scratch.database.clone(),
            clock: clock.clone(),
            orders: SubgraphClient::local(fake.subgraph(orders.to_vec())),
            search: None,
            label_rules: Arc::new(label_rules()),
            stripe: None,
            easypost: None,
            easypost_webhook_secret: None,
            unknown_statuses: LogOnce::default(),
            labels: labels(files.path(), clock),
            flags: Flags::defaults(),
            pubsub: Arc::new(InProcess::new()),
        };
        equip(&mut state);
        let subgraph = subgraph(state.clone());
        fixtures.push(Fixture {
            scratch,
            state,
            subgraph,
            orders: fake,
            files,
        });
    }
    fixtures
}

fn label_rules() -> LabelRules {
    LabelRules {
        phone: "+15025550100".to_owned(),
        international_services: vec!["UPS/Standard".to_owned()],
        international_limit: 15_000,
    }
}

fn labels(directory: &Path, clock: Clock) -> ObjectLinks {
    let objects = Arc::new(LocalObjects::new(directory, clock.clone()));
    let base = Url::parse("http://shop.test/objects").unwrap();
    ObjectLinks::new(objects, base, Secret::new("secret"), clock).unwrap()
}

impl Fixture {
    pub(crate) async fn ask(&self, document: &str, variables: Value) -> Value {
        execute(&self.subgraph, Some(CUSTOMER), document, variables).await
    }

    /// Stores returns with their items and timelines.
    pub(crate) async fn store(&self, returns: Vec<StoredReturn>) {
        let db = self.scratch.database.write();
        let mut rows = (Vec::new(), Vec::new(), Vec::new());
        for stored in returns {
            rows.0.push(stored.row);
            rows.1.extend(stored.items);
            rows.2.extend(stored.events);
        }
        insert_many::<customer_return::Entity>(db, rows.0)
            .await
            .unwrap();
        insert_many::<return_item::Entity>(db, rows.1)
            .await
            .unwrap();
        insert_many::<return_event::Entity>(db, rows.2)
            .await
            .unwrap();
    }

    pub(crate) async fn row(&self, id: Uuid) -> customer_return::Model {
        let db = self.scratch.database.read();
        let row = customer_return::by_id(db, id).await.unwrap();
        row.unwrap()
    }

    pub(crate) async fn count<E: EntityTrait>(&self) -> u64
    where
        E::Model: Send + Sync,
    {
        let db = self.scratch.database.read();
        E::find().count(db).await.unwrap()
    }

    /// All events, in the order they were written.
    pub(crate) async fn events(&self) -> Vec<outbox_event::Model> {
        let events = outbox_event::Entity::find().order_by_asc(outbox_event::Column::Id);
        events.all(self.scratch.database.read()).await.unwrap()
    }

    /// Types and data of all events, in order.
    pub(crate) async fn published(&self) -> Vec<(String, Value)> {
        let events = self.events().await.into_iter();
        events.map(|event| (event.event_type, event.data)).collect()
    }

    /// Attempts a transition. Commits even after a refusal, which must not have written anything.
    pub(crate) async fn advance(
        &self,
        id: Uuid,
        transition: &Transition,
        actor: Actor,
    ) -> Result<customer_return::Model, TransitionError> {
        let now = self.state.clock.now();
        let transaction = self.scratch.database.begin().await.unwrap();
        let row = customer_return::lock(&transaction, id).await.unwrap();
        let row = row.unwrap();
        let advanced = transitions::advance(&transaction, row, transition, actor, now).await;
        transaction.commit().await.unwrap();
        advanced
    }
}

/// A label bought for a parcel, with a link valid until then.
pub(crate) fn bought_label(tracking_number: &str, expires_at: DateTime<Utc>) -> Label {
    Label {
        shipment_id: format!("shp_{tracking_number}"),
        object: "label.pdf".to_owned(),
        url: "https://labels.example/label.pdf?signature=2".to_owned(),
        carrier: "USPS".to_owned(),
        tracking_number: tracking_number.to_owned(),
        cost: Money::new(712, CurrencyCode::Usd),
        return_address: "500 Warehouse Drive, Louisville KY 40218".to_owned(),
        expires_at,
    }
}

/// A monitor for EUR 299.00 with 15.99 of tax and 9.00 of shipping, delivered six days ago.
pub(crate) fn monitor_order() -> FakeOrder {
    FakeOrder {
        id: Uuid::from_u128(10),
        customer: CUSTOMER,
        delivered_at: Some(now() - Duration::days(6)),
        total_usd: 34_000,
        currency: CurrencyCode::Eur,
        shipping: 900,
        tax: 1_599,
        items: vec![monitor()],
    }
}

pub(crate) fn monitor() -> FakeItem {
    FakeItem {
        id: Uuid::from_u128(100),
        quantity: 1,
        line_total: 29_900,
        restriction: None,
    }
}

/// A return as stored in the tables.
pub(crate) struct StoredReturn {
    pub row: customer_return::Model,
    pub items: Vec<return_item::Model>,
    pub events: Vec<return_event::Model>,
}

/// A return of units of one order item, whose label was created a moment ago.
pub(crate) fn stored(
    id: u128,
    customer: Uuid,
    order: Uuid,
    item: Uuid,
    units: i32,
) -> StoredReturn {
    let id = Uuid::from_u128(id);
    let created_at = now();
    let labelled_at = created_at + Duration::seconds(LABEL_SECONDS);
    let event = |number: u128, status: ReturnStatus, occurred_at| return_event::Model {
        id: Uuid::from_u128(id.as_u128() << 8 | number),
        return_id: id,
        event: timeline_event(status).to_owned(),
        actor: IdKind::Customer.format(customer),
        occurred_at,
    };
    StoredReturn {
        items: vec![return_item::Model {
            id,
            return_id: id,
            order_item_id: item,
            product_id: Some(Uuid::from_u128(1_000)),
            product_name: "4K Monitor Pro 32 inch".to_owned(),
            quantity: units,
            condition: ItemCondition::Defective,
            reason_code: "defective_on_arrival".to_owned(),
            reason_text: Some("Screen has a dead pixel".to_owned()),
            refund_amount: 29_900,
            created_at,
        }],
        events: vec![
            // The later one first: the timeline is ordered by time, not by row.
            event(1, ReturnStatus::LabelGenerated, labelled_at),
            event(2, ReturnStatus::Initiated, created_at),
        ],
        row: customer_return::Model {
            id,
            order_id: order,
            customer_id: customer,
            status: ReturnStatus::LabelGenerated,
            currency: "EUR".to_owned(),
            refund_items: 29_900,
            refund_tax: 1_599,
            refund_shipping: 900,
            refund_total: 32_399,
            refund_credit: 0,
            shipping_refunded: true,
            refund_method: RefundMethod::OriginalPayment,
            payment_intent_id: None,
            refund_key: None,
            refund_attempts: 0,
            refund_requested_at: None,
            refund_provider_id: None,
            refund_issued_at: None,
            label_shipment_id: Some("shp_1".to_owned()),
            label_object: Some("label.pdf".to_owned()),
            label_url: Some("https://labels.example/label.pdf?signature=1".to_owned()),
            label_carrier: Some("USPS".to_owned()),
            tracking_number: Some("9205590036297012345678".to_owned()),
            label_cost: Some(845),
            label_cost_currency: Some("USD".to_owned()),
            label_return_address: Some("500 Warehouse Drive, Louisville KY 40218".to_owned()),
            label_generated_at: Some(labelled_at),
            label_expires_at: Some(labelled_at + Duration::days(14)),
            label_voided_at: None,
            carrier_scanned_at: None,
            delivered_at: None,
            turned_back_at: None,
            support_alerted_at: None,
            created_at,
            updated_at: labelled_at,
        },
    }
}

/// Snapshots with fields of objects in alphabetical order, since a subgraph returns them in order of completion.
pub(crate) fn sorted() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    settings
}

/// Representations of entities of one type.
pub(crate) fn representations(kind: IdKind, name: &str, ids: &[Uuid]) -> Value {
    let list: Vec<_> = ids
        .iter()
        .map(|id| json!({ "__typename": name, "id": kind.format(*id) }))
        .collect();
    json!({ "representations": list })
}
