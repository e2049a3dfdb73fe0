//! Walks in pages and the sequences of events, on every database.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;

use super::timeline::Published;
use super::*;
use crate::outbox::tests::{Domain, domains, now};
use crate::tables::{inbox_delivery, outbox_event};

/// More aggregates than a page has, and more events than are read at a time.
const AGGREGATES: u64 = PAGE + 3;

async fn found(domain: &Domain) -> (Vec<Violation>, u64) {
    let database = domain.scratch.database.read_only().await.unwrap().unwrap();
    let (mut found, mut checked) = (Vec::new(), 0);
    let mut report = |progress| match progress {
        Progress::Checked(_, rows) => checked += rows,
        Progress::Violated(violation) => found.push(violation),
    };
    let mut inspection = Inspection::new(&database, domain.clock.now(), &mut report);
    check(&mut inspection).await.unwrap();
    database.close().await;
    (found, checked)
}

async fn run(domain: &Domain, sql: &str) {
    let db = domain.scratch.database.write();
    db.execute_unprepared(sql).await.unwrap();
}

#[tokio::test]
async fn gaps_between_events_are_found_on_every_page_unless_they_may_be_deleted() {
    for domain in domains().await {
        let name = domain.scratch.name;
        // Numbers of one aggregate are given one after the other; the others are written at once.
        for _ in 0..3 {
            domain.record_event("thing-000", "thing.changed").await;
        }
        let others = (1..AGGREGATES).map(|number| format!("('things', 'thing-{number:03}', 0)"));
        let rows = others.collect::<Vec<_>>().join(",");
        run(
            &domain,
            &format!("INSERT INTO outbox_sequences (topic, aggregate_id, last) VALUES {rows}"),
        )
        .await;
        for _ in 0..2 {
            domain.record_event("thing-202", "thing.changed").await;
        }
        let (clean, checked) = found(&domain).await;
        assert_eq!(clean, [], "{name}");
        assert!(checked > AGGREGATES, "{name}: {checked}");

        run(
            &domain,
            "DELETE FROM outbox_events WHERE aggregate_id = 'thing-000' AND sequence = 2",
        )
        .await;
        run(
            &domain,
            "DELETE FROM outbox_events WHERE aggregate_id = 'thing-202' AND sequence = 2",
        )
        .await;
        let (gaps, _) = found(&domain).await;
        let gaps: Vec<_> = gaps.iter().map(ToString::to_string).collect();
        let expected = [
            "outbox_sequence thing-000: expected event 2, found event 3 after event 1; \
             see docs/invariants.md#outbox_sequence",
            "outbox_sequence thing-202: expected the last event to be 2, found event 1; \
             see docs/invariants.md#outbox_sequence",
        ];
        assert_eq!(gaps, expected, "{name}");

        domain.clock.advance(TimeDelta::days(8));
        assert_eq!(found(&domain).await.0, [], "{name}: they may be deleted");
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_transaction_sees_one_state_and_cannot_write() {
    for domain in domains().await {
        let name = domain.scratch.name;
        domain.record_event("a", "thing.changed").await;
        let database = domain.scratch.database.read_only().await.unwrap().unwrap();
        let transaction = database.begin().await.unwrap();
        let count = async || {
            let sequences = crate::tables::outbox_sequence::after(&transaction, None, 10);
            sequences.await.unwrap().len()
        };
        assert_eq!(count().await, 1, "{name}");
        domain.record_event("b", "thing.changed").await;
        assert_eq!(count().await, 1, "{name}");
        let written = transaction
            .execute_unprepared("DELETE FROM outbox_events")
            .await;
        let refusal = written.unwrap_err().to_string();
        assert!(refusal.contains("read"), "{name}: {refusal}");
        transaction.end().await;

        let applied = database.migrations().await.unwrap();
        let known = migrations::names::<migrations::orders::Migrator>();
        assert_eq!(applied, known, "{name}");
        database.close().await;
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn where_no_database_was_migrated_there_is_none_and_none_is_made() {
    for scratch in crate::testing::scratch_databases().await {
        let database = scratch.database.read_only().await.unwrap();
        assert!(database.is_none(), "{}", scratch.name);
        scratch.drop().await;
    }
    let directory = tempfile::tempdir().unwrap();
    let config = crate::database::DatabaseConfig::sqlite(directory.path());
    let database = ReadOnly::open(&config, "orders").await.unwrap();
    assert!(database.is_none());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn an_entry_without_an_event_is_found_by_type_or_where_events_are_deleted_by_number() {
    let kinds = |count, kept: &[&str], is_published| {
        let published = Published {
            count,
            types: kept.iter().map(|&kept| kept.to_owned()).collect(),
        };
        let entries = ["a.begun", "a.changed", "a.changed"];
        let found = published.check("a_1", "a.begun", is_published, &entries);
        found.len()
    };
    let all = ["a.begun", "a.changed", "a.alert", "a.changed"];
    assert_eq!(kinds(4, &all, true), 0);
    assert_eq!(kinds(3, &["a.begun", "a.changed", "a.alert"], true), 1);
    // They are deleted once they are confirmed, whatever is before them.
    assert_eq!(kinds(4, &["a.begun", "a.alert"], true), 0);
    assert_eq!(kinds(3, &[], true), 0);
    assert_eq!(kinds(2, &[], true), 1);
    assert_eq!(kinds(0, &[], true), 1);
    assert_eq!(kinds(0, &[], false), 0);
}

#[tokio::test]
async fn events_are_on_their_way_until_they_are_received_and_handled_or_given_up() {
    for domain in domains().await {
        let name = domain.scratch.name;
        let db = domain.scratch.database.write();
        let all = ["a", "b", "c"].map(str::to_owned);
        for aggregate in &all {
            domain.record_event(aggregate, "thing.changed").await;
        }
        let confirmed =
            "UPDATE outbox_events SET confirmed_at = occurred_at WHERE aggregate_id = 'b'";
        run(&domain, confirmed).await;
        let given_up =
            "UPDATE outbox_events SET dead_lettered_at = occurred_at WHERE aggregate_id = 'c'";
        run(&domain, given_up).await;
        let undelivered = outbox_event::undelivered(db, "things", &all).await.unwrap();
        assert_eq!(undelivered, ["a".to_owned()].into(), "{name}");

        let delivery = |aggregate: &str, given_up| inbox_delivery::Model {
            consumer: "others".to_owned(),
            event_id: uuid::Uuid::now_v7(),
            topic: "things".to_owned(),
            event_type: "thing.changed".to_owned(),
            aggregate_id: aggregate.to_owned(),
            sequence: 1,
            data: serde_json::json!({}),
            occurred_at: now(),
            received_at: now(),
            attempts: 0,
            next_attempt_at: now(),
            last_error: None,
            dead_lettered_at: given_up,
            traceparent: None,
        };
        let deliveries = vec![delivery("a", None), delivery("b", Some(now()))];
        inbox_delivery::store(db, deliveries).await.unwrap();
        let waiting = inbox_delivery::waiting_of(db, "others", "things", &all).await;
        assert_eq!(waiting.unwrap(), ["a".to_owned()].into(), "{name}");
        domain.scratch.drop().await;
    }
}
