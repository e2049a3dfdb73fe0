//! What is left of a customer's returns once they are erased, and what is exported of them.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use entities::returns::{customer_return, return_item};
use platform::bus::{Event, InProcessBus};
use platform::objects::ObjectKey;
use platform::workers::WorkerContext;
use resolvers::erasure::{self, CUSTOMER_DELETED, TOPIC};
use resolvers::export::Export;
use resolvers::id::IdKind;
use returns::privacy::{self, EraseReturns};
use returns::rules::status::ReturnStatus;
use returns::workers::{runner, subscribers};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::{
    CUSTOMER, Fixture, STRANGER, StoredReturn, fixtures, monitor, monitor_order, now, stored,
};

/// A return that was refunded, and whose parcel is back.
fn completed(number: u128, customer: Uuid) -> StoredReturn {
    let mut stored = stored(number, customer, Uuid::from_u128(number), monitor().id, 1);
    stored.row.status = ReturnStatus::Completed;
    stored
}

fn label(number: u128) -> ObjectKey {
    let id = IdKind::Return.format(Uuid::from_u128(number));
    ObjectKey::new(format!("vantage-return-labels/{id}/label.pdf")).unwrap()
}

impl Fixture {
    /// Stores a return with the file of its label.
    async fn store_with_label(&self, number: u128, stored: StoredReturn) {
        self.store(vec![stored]).await;
        let objects = self.state.labels.objects();
        let file = Bytes::from_static(b"Ada Lovelace, Leipzig");
        objects.put(&label(number), file).await.unwrap();
    }

    async fn has_label(&self, number: u128) -> bool {
        let objects = self.state.labels.objects();
        objects.get(&label(number)).await.unwrap().is_some()
    }

    /// Handles an event that says the customer was deleted then, and does the work that follows.
    async fn delete_customer(&self, customer: Uuid, at: DateTime<Utc>) {
        let id = IdKind::Customer.format(customer);
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
        let subscribers = subscribers(&self.state);
        let subscriber = subscribers
            .iter()
            .find(|subscriber| subscriber.group.topics.contains(&TOPIC))
            .unwrap();
        let transaction = self.scratch.database.begin().await.unwrap();
        let handled = subscriber.handler.handle(&transaction, &event, now());
        handled.await.unwrap();
        transaction.commit().await.unwrap();
        self.work_on_tasks().await;
    }

    async fn work_on_tasks(&self) {
        let (bus, stop) = (Arc::new(InProcessBus::new()), CancellationToken::new());
        let clock = self.state.clock.clone();
        let context = WorkerContext::new(&self.scratch.database, bus, clock, stop);
        runner(&self.state, context).run_due().await.unwrap();
    }

    async fn reason_text(&self, number: u128) -> Option<String> {
        let id = Uuid::from_u128(number);
        let items = return_item::of_returns(self.scratch.database.read(), &[id]).await;
        items.unwrap()[&id][0].reason_text.clone()
    }

    async fn export(&self, customer: Uuid) -> Value {
        let database = self.scratch.database.read_only().await.unwrap().unwrap();
        let transaction = database.begin().await.unwrap();
        let mut output = Vec::new();
        let mut document = Export::begin(&mut output, &Map::new()).unwrap();
        document.begin_domain("returns").unwrap();
        privacy::export(&transaction, customer, &mut document)
            .await
            .unwrap();
        document.end_domain().unwrap();
        document.end().unwrap();
        transaction.end().await;
        database.close().await;
        let mut document: Value = serde_json::from_slice(&output).unwrap();
        document["domains"]["returns"]["returns"].take()
    }
}

#[tokio::test]
async fn a_deleted_customers_labels_and_words_are_deleted_and_amounts_stay() {
    for fixture in fixtures(&[monitor_order()]).await {
        let name = fixture.scratch.name;
        fixture
            .store_with_label(701, completed(701, CUSTOMER))
            .await;
        fixture
            .store_with_label(702, completed(702, STRANGER))
            .await;
        let before = fixture.export(CUSTOMER).await;
        let item = &before[0]["items"][0];
        assert_eq!(item["reasonText"], "Screen has a dead pixel", "{name}");
        assert_eq!(before[0]["label"]["file"], "label.pdf", "{before:#}");

        fixture.delete_customer(CUSTOMER, now()).await;
        let after = fixture.export(CUSTOMER).await;
        assert_eq!(after[0]["items"][0]["reasonText"], Value::Null, "{name}");
        assert_eq!(after[0]["label"]["file"], Value::Null, "{name}");
        assert_eq!(after[0]["label"]["url"], Value::Null, "{name}");
        for kept in ["refund", "status", "orderId", "timeline"] {
            assert_eq!(after[0][kept], before[0][kept], "{name}: {kept}");
        }
        let total = json!({ "minorUnits": 32_399, "currency": "EUR" });
        assert_eq!(after[0]["refund"]["total"], total, "{name}");
        assert!(!fixture.has_label(701).await, "{name}");

        // Others keep everything.
        assert!(fixture.has_label(702).await, "{name}");
        assert!(fixture.reason_text(702).await.is_some(), "{name}");
        let row = fixture.row(Uuid::from_u128(702)).await;
        assert!(row.label_url.is_some(), "{name}");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_return_that_is_not_settled_keeps_its_label_until_it_is() {
    for fixture in fixtures(&[monitor_order()]).await {
        let (name, database) = (fixture.scratch.name, &fixture.scratch.database);
        let open = stored(701, CUSTOMER, monitor_order().id, monitor().id, 1);
        fixture.store_with_label(701, open).await;
        fixture
            .store_with_label(702, completed(702, CUSTOMER))
            .await;
        fixture.delete_customer(CUSTOMER, now()).await;
        assert!(fixture.has_label(701).await, "{name}");
        assert!(!fixture.has_label(702).await, "{name}");
        let resume = async || {
            let now = fixture.state.clock.now();
            erasure::resume(database, &EraseReturns, now).await.unwrap()
        };
        assert_eq!(resume().await, 0, "{name}");
        assert!(fixture.reason_text(701).await.is_some(), "{name}");

        let mut row = fixture.row(Uuid::from_u128(701)).await;
        row.status = ReturnStatus::Completed;
        let changed = customer_return::change(database.write(), ReturnStatus::LabelGenerated, row);
        assert!(changed.await.unwrap(), "{name}");
        assert_eq!(resume().await, 1, "{name}");
        fixture.work_on_tasks().await;
        assert!(!fixture.has_label(701).await, "{name}");
        assert_eq!(fixture.reason_text(701).await, None, "{name}");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_deletion_that_arrives_late_or_again_deletes_nothing_newer() {
    for fixture in fixtures(&[monitor_order()]).await {
        let name = fixture.scratch.name;
        let past = now() - Duration::days(1);
        let mut old = completed(701, CUSTOMER);
        old.row.created_at = past;
        fixture.store_with_label(701, old).await;
        fixture
            .store_with_label(702, completed(702, CUSTOMER))
            .await;
        for _ in 0..2 {
            fixture.delete_customer(CUSTOMER, past).await;
            assert!(!fixture.has_label(701).await, "{name}");
            assert_eq!(fixture.reason_text(701).await, None, "{name}");
            assert!(fixture.has_label(702).await, "{name}");
            assert!(fixture.reason_text(702).await.is_some(), "{name}");
        }
        fixture.scratch.drop().await;
    }
}
