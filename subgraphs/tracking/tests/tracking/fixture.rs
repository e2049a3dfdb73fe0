//! A migrated database with parcels, and helpers to query and watch them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{
    EmptyMutation, EmptySubscription, ID, Object, Request, Response, Schema, Variables,
};
use chrono::{DateTime, TimeZone, Utc};
use entities::insert_many;
use entities::tracking::shipment;
use futures::StreamExt;
use futures::stream::BoxStream;
use platform::caller::Caller;
use platform::clock::Clock;
use platform::flags::Flags;
use platform::pubsub::{InProcess, PubSub};
use platform::tables::outbox_event;
use platform::testing::{Scratch, scratch_databases};
use resolvers::client::SubgraphClient;
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tracking::{
    Carrier, Carriers, EntitlementChecks, GuestLinkKey, GuestLinkLimiter, Migrator, Observation,
    RecordOutcome, State, TrackingConfig, TrackingStatus, WatchRegistry, record_event, subgraph,
};
use uuid::Uuid;

pub(crate) struct Fixture {
    pub scratch: Scratch,
    pub state: State,
    pub subgraph: Subgraph,
    pub customer: Uuid,
    /// An order of the customer's without a parcel.
    pub unshipped: Uuid,
}

/// The subgraph on each database, migrated and empty, at a fixed time.
pub(crate) async fn fixtures() -> Vec<Fixture> {
    fixtures_over(|| Arc::new(InProcess::new())).await
}

pub(crate) async fn fixtures_over(pubsub: impl Fn() -> Arc<dyn PubSub>) -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<Migrator>(&scratch.database.connect_for_migrations().await.unwrap())
            .await
            .unwrap();
        let unshipped = Uuid::now_v7();
        let state = State {
            database: scratch.database.clone(),
            clock: Clock::manual(Utc.with_ymd_and_hms(2025, 10, 3, 14, 10, 0).unwrap()),
            pubsub: pubsub(),
            orders: SubgraphClient::local(orders([unshipped].into())),
            config: Arc::new(TrackingConfig::default()),
            guest_links: GuestLinkKey::new(b"links").unwrap(),
            flags: Flags::defaults(),
            carriers: Carriers::default(),
            guest_link_limiter: GuestLinkLimiter::default(),
            entitlement_checks: EntitlementChecks::default(),
            watchers: WatchRegistry::default(),
        };
        fixtures.push(Fixture {
            scratch,
            subgraph: subgraph(state.clone()),
            state,
            customer: Uuid::now_v7(),
            unshipped,
        });
    }
    fixtures
}

/// A fake orders domain: these orders belong to anybody who has signed in.
fn orders(own: HashSet<Uuid>) -> Subgraph {
    struct Order(Uuid);

    #[Object]
    impl Order {
        async fn id(&self) -> ID {
            IdKind::Order.id(self.0)
        }
    }

    struct Query(HashSet<Uuid>);

    #[Object]
    impl Query {
        #[graphql(entity)]
        async fn find_order(&self, id: ID) -> Option<Order> {
            let id = IdKind::Order.parse(&id)?;
            self.0.contains(&id).then_some(Order(id))
        }
    }

    let schema = Schema::build(Query(own), EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish();
    Subgraph::new("orders", schema, |_| ())
}

/// A time on the day of the tests.
pub(crate) fn at(hour: u32, minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2025, 10, 3, hour, minute, 0).unwrap()
}

pub(crate) fn seen(status: TrackingStatus, place: &str, time: DateTime<Utc>) -> Observation {
    Observation {
        status,
        location: Some(place.to_owned()),
        time,
        zone_assumed: false,
        estimated_delivery: None,
    }
}

/// A DHL parcel with a label, without any report.
pub(crate) fn parcel(order_id: Uuid, customer_id: Uuid) -> shipment::Model {
    let id = Uuid::now_v7();
    shipment::Model {
        id,
        order_id,
        return_id: None,
        customer_id,
        carrier: Carrier::Dhl,
        tracking_number: format!("DHL{}", id.simple()),
        status: TrackingStatus::LabelCreated,
        location: None,
        last_update: None,
        estimated_delivery: None,
        sequence: 0,
        consecutive_errors: 0,
        returned_to_sender: false,
        estimated_at: None,
        overdue_at: None,
        registered_at: None,
        last_polled_at: None,
        last_answered_at: None,
        created_at: at(9, 0),
    }
}

impl Fixture {
    /// Writes a parcel of a new order of the customer's.
    pub(crate) async fn ship(&self) -> shipment::Model {
        self.ship_for(Uuid::now_v7()).await
    }

    pub(crate) async fn ship_for(&self, order: Uuid) -> shipment::Model {
        let row = parcel(order, self.customer);
        self.insert(row.clone()).await;
        row
    }

    pub(crate) async fn insert(&self, row: shipment::Model) {
        insert_many::<shipment::Entity>(self.state.database.write(), vec![row])
            .await
            .unwrap();
    }

    pub(crate) async fn record_event(
        &self,
        row: &shipment::Model,
        told: &Observation,
    ) -> RecordOutcome {
        record_event(&self.state, row, told).await.unwrap()
    }

    pub(crate) async fn ask(&self, document: &str, variables: Value) -> Value {
        execute(&self.subgraph, Some(self.customer), document, variables).await
    }

    /// The customer's parcel with its history.
    pub(crate) async fn shipment(&self, row: &shipment::Model) -> Value {
        let document = "query($id: ID!) { shipment(id: $id) {
            status lastUpdate estimatedDelivery stale history { status location timestamp }
        } }";
        let id = IdKind::Shipment.format(row.id);
        let answer = self.ask(document, json!({ "id": id })).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["shipment"].clone()
    }

    pub(crate) fn watch(&self, order: Uuid) -> SubscriptionSource {
        self.watch_as(Some(self.customer), order)
    }

    pub(crate) fn watch_as(&self, customer: Option<Uuid>, order: Uuid) -> SubscriptionSource {
        SubscriptionSource::open(&self.subgraph, customer, order)
    }

    pub(crate) async fn events(&self) -> Vec<outbox_event::Model> {
        outbox_event::Entity::find()
            .order_by_asc(outbox_event::Column::Sequence)
            .all(self.state.database.read())
            .await
            .unwrap()
    }
}

/// An open subscription.
pub(crate) struct SubscriptionSource(BoxStream<'static, Response>);

impl SubscriptionSource {
    /// Opens another subscription: `updates: …` in a document, with its variables.
    pub(crate) fn ask(
        subgraph: &Subgraph,
        caller: Caller,
        document: &str,
        variables: Value,
    ) -> Self {
        let document = document.to_owned();
        Self(subgraph.execute_stream(move || {
            let variables = Variables::from_json(variables.clone());
            let request = Request::new(&document).variables(variables);
            (request, caller.clone())
        }))
    }

    pub(crate) fn open(subgraph: &Subgraph, customer: Option<Uuid>, order: Uuid) -> Self {
        let document = "subscription($order: ID!) { orderTracking(orderId: $order) {
            sequence snapshot status location timestamp estimatedDelivery carrier
            shipment { id trackingNumber history { status } }
            order { id shipments { status } }
        } }";
        let caller = customer.map_or_else(Caller::default, |id| {
            Caller::customer(IdKind::Customer.format(id))
        });
        let variables = json!({ "order": IdKind::Order.format(order) });
        Self::ask(subgraph, caller, document, variables)
    }

    /// The next response, unmodified.
    pub(crate) async fn answer(&mut self) -> Value {
        let answer = tokio::time::timeout(Duration::from_secs(60), self.0.next())
            .await
            .expect("an answer in time")
            .expect("an open subscription");
        serde_json::to_value(answer).unwrap()
    }

    /// The error that ends it; asserts that it has ended.
    pub(crate) async fn last_error(&mut self) -> Value {
        let answer = self.answer().await;
        let after = tokio::time::timeout(Duration::from_secs(60), self.0.next()).await;
        assert!(after.expect("an end in time").is_none());
        answer["errors"][0]["extensions"]["code"].clone()
    }

    /// The next update.
    pub(crate) async fn update(&mut self) -> Value {
        let answer = self.answer().await;
        assert!(answer.get("errors").is_none(), "{answer}");
        let data = &answer["data"];
        data.get("orderTracking")
            .unwrap_or(&data["updates"])
            .clone()
    }

    /// The numbers of the next updates.
    pub(crate) async fn sequences(&mut self, count: usize) -> Vec<i64> {
        let mut sequences = Vec::new();
        for _ in 0..count {
            sequences.push(self.update().await["sequence"].as_i64().unwrap());
        }
        sequences
    }
}
