//! What is left of a customer's parcels once they are erased, and what is exported of them.

use async_graphql::{Request, Variables};
use chrono::{DateTime, Duration, Utc};
use entities::tracking::{change, shipment};
use platform::bus::Event;
use platform::caller::Caller;
use resolvers::erasure::{self, CUSTOMER_DELETED, TOPIC};
use resolvers::export::Export;
use resolvers::id::IdKind;
use resolvers::testing::code;
use serde_json::{Map, Value, json};
use tracking::TrackingStatus::{Delivered, InTransit};
use tracking::privacy::{self, EraseShipments};
use tracking::workers::subscribers;
use tracking::{GuestScope, TrackingStatus};
use uuid::Uuid;

use crate::fixture::{Fixture, at, fixtures, parcel, seen};

const BY_TOKEN: &str = "query($token: String!) { trackByToken(token: $token) { status } }";

impl Fixture {
    async fn scan(&self, row: &shipment::Model, status: TrackingStatus) {
        self.record_event(row, &seen(status, "Leipzig", at(10, 0)))
            .await;
    }

    /// Handles an event that says the customer was deleted then.
    async fn delete_customer(&self, at: DateTime<Utc>) {
        let id = IdKind::Customer.format(self.customer);
        let event = Event {
            id: Uuid::now_v7(),
            topic: TOPIC.to_owned(),
            event_type: CUSTOMER_DELETED.to_owned(),
            aggregate_id: id.clone(),
            sequence: 1,
            occurred_at: at,
            data: json!({ "version": 1, "customerId": id, "timestamp": at }),
            traceparent: None,
        };
        let subscribers = subscribers();
        let subscriber = subscribers
            .iter()
            .find(|subscriber| subscriber.group.topics.contains(&TOPIC))
            .unwrap();
        let transaction = self.scratch.database.begin().await.unwrap();
        let now = self.state.clock.now();
        let handled = subscriber.handler.handle(&transaction, &event, now).await;
        handled.unwrap();
        transaction.commit().await.unwrap();
    }

    /// What is exported: a row for each parcel.
    async fn export(&self) -> Vec<Value> {
        let database = self.scratch.database.read_only().await.unwrap().unwrap();
        let transaction = database.begin().await.unwrap();
        let mut output = Vec::new();
        let mut document = Export::begin(&mut output, &Map::new()).unwrap();
        document.begin_domain("tracking").unwrap();
        privacy::export(&transaction, self.customer, &mut document)
            .await
            .unwrap();
        document.end_domain().unwrap();
        document.end().unwrap();
        transaction.end().await;
        database.close().await;
        let document: Value = serde_json::from_slice(&output).unwrap();
        let rows = document["domains"]["tracking"]["shipments"].as_array();
        rows.cloned().unwrap_or_default()
    }

    /// What a guest with this link gets.
    async fn as_guest(&self, token: &str) -> Value {
        let variables = Variables::from_json(json!({ "token": token }));
        let request = Request::new(BY_TOKEN).variables(variables);
        let answer = self.subgraph.execute(request, Caller::default()).await;
        serde_json::to_value(answer).unwrap()
    }
}

fn places(row: &Value) -> (&Value, &Value) {
    (&row["location"], &row["events"][0]["location"])
}

#[tokio::test]
async fn places_are_erased_and_numbers_and_times_stay() {
    for fixture in fixtures().await {
        let name = fixture.scratch.name;
        let row = fixture.ship().await;
        fixture.scan(&row, Delivered).await;
        let others = parcel(Uuid::now_v7(), Uuid::now_v7());
        fixture.insert(others.clone()).await;
        fixture.scan(&others, Delivered).await;
        let lifetime = Duration::days(1);
        let link = |id| {
            let (links, now) = (&fixture.state.guest_links, fixture.state.clock.now());
            links.mint(GuestScope::Order(id), now, lifetime).unwrap()
        };
        let (mine, another) = (link(row.order_id), link(others.order_id));
        let before = fixture.export().await;
        let leipzig = json!("Leipzig");
        assert_eq!(places(&before[0]), (&leipzig, &leipzig), "{name}");
        assert_eq!(fixture.as_guest(&mine).await.get("errors"), None, "{name}");

        fixture.delete_customer(fixture.state.clock.now()).await;
        let after = fixture.export().await;
        assert_eq!(places(&after[0]), (&Value::Null, &Value::Null), "{name}");
        for kept in ["trackingNumber", "status", "lastUpdate", "orderId"] {
            assert_eq!(after[0][kept], before[0][kept], "{name}: {kept}");
        }
        let db = fixture.scratch.database.read();
        let changes = async |order| change::after(db, order, 0, 10).await.unwrap().len();
        assert_eq!(changes(row.order_id).await, 0, "{name}");
        assert_eq!(changes(others.order_id).await, 1, "{name}");
        let refused = fixture.as_guest(&mine).await;
        assert_eq!(code(&refused), "UNAUTHENTICATED", "{name}: {refused}");
        let shown = fixture.as_guest(&another).await;
        assert_eq!(shown["data"]["trackByToken"]["status"], "DELIVERED");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_parcel_under_way_is_erased_when_it_has_arrived() {
    for fixture in fixtures().await {
        let (name, database) = (fixture.scratch.name, &fixture.scratch.database);
        let (row, lost) = (fixture.ship().await, fixture.ship().await);
        for row in [&row, &lost] {
            fixture.scan(row, InTransit).await;
        }
        fixture.delete_customer(fixture.state.clock.now()).await;
        let resume = async || {
            let now = fixture.state.clock.now();
            erasure::resume(database, &EraseShipments, now)
                .await
                .unwrap()
        };
        assert_eq!(resume().await, 0, "{name}");
        fixture
            .record_event(&row, &seen(Delivered, "Leipzig", at(12, 0)))
            .await;
        assert_eq!(resume().await, 0, "{name}");
        let located = async || {
            let rows = fixture.export().await;
            rows.iter().filter(|row| !row["location"].is_null()).count()
        };
        assert_eq!(located().await, 1, "{name}");
        // One that never arrives is given up.
        fixture.state.clock.advance(Duration::days(61));
        assert_eq!(resume().await, 1, "{name}");
        assert_eq!(located().await, 0, "{name}");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn parcels_of_a_customer_who_has_come_back_keep_their_places() {
    for fixture in fixtures().await {
        let name = fixture.scratch.name;
        let row = fixture.ship().await;
        fixture.scan(&row, Delivered).await;
        let token = {
            let (links, now) = (&fixture.state.guest_links, fixture.state.clock.now());
            let scope = GuestScope::Shipment(row.id);
            links.mint(scope, now, Duration::days(1)).unwrap()
        };
        // Deleted before the parcel was made; the event arrives late, and twice.
        for _ in 0..2 {
            fixture
                .delete_customer(row.created_at - Duration::hours(1))
                .await;
            let rows = fixture.export().await;
            assert_eq!(rows[0]["location"], "Leipzig", "{name}");
            assert_eq!(fixture.as_guest(&token).await.get("errors"), None, "{name}");
        }
        fixture.scratch.drop().await;
    }
}
