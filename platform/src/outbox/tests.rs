//! The outbox on every database, with a scripted bus.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::bus::{BusError, Consumer, Event, EventBus, LogPosition, LogState, Receipt};
use crate::clock::Clock;
use crate::inbox::ConsumerGroup;
use crate::queue::Round;
use crate::sweep::sweep;
use crate::testing::{Scratch, scratch_databases, until};
use crate::workers::WorkerContext;

mod reconciliation;

pub(crate) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2025, 10, 9, 14, 30, 0).unwrap()
}

/// Records what is published. Accepts nothing while `away`, and refuses the configured event types.
#[derive(Debug, Default)]
pub(crate) struct TestBus {
    pub(crate) published: Mutex<Vec<Arc<Event>>>,
    away: Mutex<bool>,
    refused: Mutex<Vec<&'static str>>,
    /// The log's state, if it keeps one; then each published event gets the next offset.
    log: Mutex<Option<LogState>>,
}

impl TestBus {
    fn received(&self) -> Vec<(String, i64)> {
        let published = self.published.lock().unwrap();
        published
            .iter()
            .map(|event| (event.aggregate_id.clone(), event.sequence))
            .collect()
    }
}

#[async_trait]
impl EventBus for TestBus {
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>> {
        let outcome = |event: &Arc<Event>| {
            if *self.away.lock().unwrap() {
                return Err(BusError::Unavailable("nobody is there".into()));
            }
            if self
                .refused
                .lock()
                .unwrap()
                .contains(&event.event_type.as_str())
            {
                return Err(BusError::Refused("too long".into()));
            }
            let mut published = self.published.lock().unwrap();
            published.push(event.clone());
            let log = self.log.lock().unwrap();
            Ok(log.as_ref().map_or(Receipt::Confirmed, |state| {
                Receipt::Logged(LogPosition {
                    log: state.log.clone(),
                    offset: offset(published.len()),
                })
            }))
        };
        // Let other publishers run in between.
        tokio::task::yield_now().await;
        events.iter().map(outcome).collect()
    }

    async fn logs(&self, _: &str, _: &[&str]) -> Result<Option<Vec<LogState>>, BusError> {
        Ok(self.log.lock().unwrap().clone().map(|log| vec![log]))
    }

    fn subscribe(&self, _: &[&str], _: &str) -> Result<Box<dyn Consumer>, BusError> {
        Err(BusError::Refused("nobody reads here".into()))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

fn offset(number: usize) -> String {
    format!("{number:04}")
}

const READER: ConsumerGroup = ConsumerGroup {
    name: "reader",
    topics: &["things"],
};

/// A migrated database with an outbox, a bus and a clock.
pub(crate) struct Domain {
    pub(crate) scratch: Scratch,
    pub(crate) context: WorkerContext,
    pub(crate) clock: Clock,
    pub(crate) bus: Arc<TestBus>,
}

pub(crate) async fn domains() -> Vec<Domain> {
    let mut domains = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<migrations::orders::Migrator>(
            &scratch.database.connect_for_migrations().await.unwrap(),
        )
        .await
        .unwrap();
        let (clock, bus) = (Clock::manual(now()), Arc::new(TestBus::default()));
        let stop = CancellationToken::new();
        domains.push(Domain {
            context: WorkerContext::new(&scratch.database, bus.clone(), clock.clone(), stop),
            scratch,
            clock,
            bus,
        });
    }
    domains
}

impl Domain {
    pub(crate) async fn record_event(&self, aggregate: &str, event_type: &str) -> Uuid {
        let transaction = self.context.database.begin().await.unwrap();
        let event = NewEvent {
            topic: "things",
            event_type,
            aggregate_id: aggregate,
            data: serde_json::json!({ "version": 1 }),
        };
        let id = append(&transaction, event, self.clock.now()).await.unwrap();
        transaction.commit().await.unwrap();
        id
    }

    fn publisher(&self) -> Publisher {
        Publisher::new(self.context.clone(), &[READER])
    }

    /// Publishes until nothing is left to do.
    async fn publish_all(&self) {
        while self.publisher().publish_due().await.unwrap() == Round::Worked {}
    }
}

fn expected(events: &[(&str, i64)]) -> Vec<(String, i64)> {
    events
        .iter()
        .map(|(aggregate, sequence)| ((*aggregate).to_owned(), *sequence))
        .collect()
}

#[tokio::test]
async fn events_are_published_in_the_order_of_their_aggregate_and_once() {
    for domain in domains().await {
        for aggregate in ["a", "b", "a", "a", "b"] {
            domain.record_event(aggregate, "thing.happened").await;
        }
        domain.publish_all().await;
        let mut by_aggregate: HashMap<_, Vec<_>> = HashMap::new();
        for (aggregate, sequence) in domain.bus.received() {
            by_aggregate.entry(aggregate).or_default().push(sequence);
        }
        assert_eq!(by_aggregate["a"], [1, 2, 3], "{}", domain.scratch.name);
        assert_eq!(by_aggregate["b"], [1, 2], "{}", domain.scratch.name);
        assert_eq!(domain.publisher().publish_due().await.unwrap(), Round::Idle);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_is_not_committed_is_not_told() {
    for domain in domains().await {
        let transaction = domain.context.database.begin().await.unwrap();
        let event = NewEvent {
            topic: "things",
            event_type: "thing.happened",
            aggregate_id: "a",
            data: (),
        };
        append(&transaction, event, now()).await.unwrap();
        transaction.rollback().await;
        domain.record_event("a", "thing.happened").await;
        domain.publish_all().await;
        assert_eq!(domain.bus.received(), expected(&[("a", 1)]));
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn while_the_bus_is_away_events_wait_and_none_is_given_up() {
    for domain in domains().await {
        domain.record_event("a", "thing.happened").await;
        *domain.bus.away.lock().unwrap() = true;
        for _ in 0..100 {
            let round = domain.publisher().publish_due().await.unwrap();
            assert_eq!(round, Round::Away);
            domain.clock.advance(TimeDelta::minutes(10));
        }
        let db = domain.context.database.read();
        assert_eq!(dead_letters(db, 10).await.unwrap(), []);
        *domain.bus.away.lock().unwrap() = false;
        domain.publish_all().await;
        assert_eq!(domain.bus.received(), expected(&[("a", 1)]));
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_refused_event_holds_up_its_own_aggregate_until_it_is_given_up_and_can_be_requeued() {
    for domain in domains().await {
        let refused = domain.record_event("a", "thing.refused").await;
        domain.record_event("a", "thing.happened").await;
        domain.record_event("b", "thing.happened").await;
        domain.bus.refused.lock().unwrap().push("thing.refused");
        domain.publish_all().await;
        assert_eq!(domain.bus.received(), expected(&[("b", 1)]));

        let db = domain.context.database.read();
        let mut rounds = 0;
        while dead_letters(db, 10).await.unwrap().is_empty() {
            assert_eq!(
                domain.bus.received(),
                expected(&[("b", 1)]),
                "after {rounds}"
            );
            domain.clock.advance(TimeDelta::minutes(5));
            domain.publisher().publish_due().await.unwrap();
            rounds += 1;
        }
        let dead = dead_letters(db, 10).await.unwrap();
        assert_eq!(failing(db, 10).await.unwrap(), []);
        assert_eq!(dead[0].id, refused);
        assert_eq!(dead[0].attempts, 12);
        let told = "the event bus refused the event: too long";
        assert_eq!(dead[0].last_error.as_deref(), Some(told));
        domain.publish_all().await;
        assert_eq!(domain.bus.received(), expected(&[("b", 1), ("a", 2)]));

        domain.bus.refused.lock().unwrap().clear();
        let write = domain.context.database.write();
        let other = [Uuid::nil()];
        let at = domain.clock.now();
        assert_eq!(requeue(write, Some(&other), at).await.unwrap(), 0);
        assert_eq!(requeue(write, Some(&[refused]), at).await.unwrap(), 1);
        domain.publish_all().await;
        assert_eq!(
            domain.bus.received(),
            expected(&[("b", 1), ("a", 2), ("a", 1)])
        );
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn several_publishers_share_the_work_and_publish_each_event_once() {
    for domain in domains().await {
        for number in 0..60 {
            domain
                .record_event(&(number % 20).to_string(), "thing.happened")
                .await;
        }
        let publishers: Vec<_> = (0..4).map(|_| domain.publisher()).collect();
        let work = publishers
            .iter()
            .map(|publisher| async move { while domain_is_busy(publisher).await {} });
        futures::future::join_all(work).await;
        domain.publish_all().await;
        let mut last: HashMap<String, i64> = HashMap::new();
        for (aggregate, sequence) in domain.bus.received() {
            let last = last.entry(aggregate).or_default();
            assert_eq!(sequence, *last + 1, "{}", domain.scratch.name);
            *last = sequence;
        }
        assert_eq!(last.len(), 20);
        assert!(last.values().all(|&last| last == 3), "{last:?}");
        domain.scratch.drop().await;
    }
}

async fn domain_is_busy(publisher: &Publisher) -> bool {
    publisher.publish_due().await.unwrap() == Round::Worked
}

#[tokio::test]
async fn what_a_publisher_left_behind_another_takes_when_its_claim_ends() {
    for domain in domains().await {
        domain.record_event("a", "thing.happened").await;
        let transaction = domain.context.database.begin().await.unwrap();
        let until = now() + TimeDelta::seconds(30);
        let left = outbox_event::claim(&transaction, now(), until, 10)
            .await
            .unwrap();
        assert_eq!(left.len(), 1);
        transaction.commit().await.unwrap();

        assert_eq!(domain.publisher().publish_due().await.unwrap(), Round::Idle);
        domain.clock.advance(TimeDelta::seconds(30));
        domain.publish_all().await;
        assert_eq!(domain.bus.received(), expected(&[("a", 1)]));
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn concurrent_changes_of_one_aggregate_get_numbers_without_gaps() {
    for domain in domains().await {
        let changes = (0..10).map(|_| domain.record_event("a", "thing.happened"));
        futures::future::join_all(changes).await;
        domain.publish_all().await;
        let numbers: Vec<_> = domain.bus.received().into_iter().map(|(_, n)| n).collect();
        assert_eq!(
            numbers,
            (1..=10).collect::<Vec<_>>(),
            "{}",
            domain.scratch.name
        );
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_sweep_deletes_what_was_published_long_ago_and_numbers_go_on() {
    for domain in domains().await {
        domain.record_event("a", "thing.happened").await;
        domain.publish_all().await;
        domain.record_event("a", "thing.happened").await;
        let database = &domain.context.database;
        let sweep_after = |days| sweep(database, now() + TimeDelta::days(days));
        assert_eq!(sweep_after(7).await.unwrap(), 0);
        assert_eq!(
            sweep_after(8).await.unwrap(),
            1,
            "the other is not published"
        );
        domain.publish_all().await;
        assert_eq!(sweep_after(8).await.unwrap(), 1);
        domain.record_event("a", "thing.happened").await;
        domain.publish_all().await;
        assert_eq!(
            domain.bus.received(),
            expected(&[("a", 1), ("a", 2), ("a", 3)])
        );
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_commit_wakes_the_publisher() {
    for domain in domains().await {
        let running = tokio::spawn(domain.publisher().run());
        let mut fastest = std::time::Duration::MAX;
        for number in 1..=3 {
            domain.record_event("a", "thing.happened").await;
            let committed = std::time::Instant::now();
            until("the event is published", async || {
                domain.bus.received().len() == number
            })
            .await;
            fastest = fastest.min(committed.elapsed());
        }
        // Each event comes right after a poll, so that the next poll would find it a whole interval later.
        assert!(fastest.as_millis() < 500, "{fastest:?}: found by the poll");
        domain.context.stop.cancel();
        running.await.unwrap();
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_refused_event_is_listed_and_hurried_before_it_is_given_up() {
    for domain in domains().await {
        let refused = domain.record_event("a", "thing.refused").await;
        domain.record_event("b", "thing.happened").await;
        domain.bus.refused.lock().unwrap().push("thing.refused");
        for _ in 0..6 {
            domain.publish_all().await;
            domain.clock.advance(TimeDelta::minutes(5));
        }
        domain.publish_all().await;
        let db = domain.context.database.write();
        let listed = failing(db, 10).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].id, listed[0].attempts), (refused, 7));
        assert!(listed[0].next_attempt_at > domain.clock.now());

        domain.bus.refused.lock().unwrap().clear();
        domain.publish_all().await;
        assert_eq!(domain.bus.received(), expected(&[("b", 1)]), "it waits");
        assert_eq!(requeue(db, None, domain.clock.now()).await.unwrap(), 1);
        domain.publish_all().await;
        assert_eq!(domain.bus.received(), expected(&[("b", 1), ("a", 1)]));
        assert_eq!(failing(db, 10).await.unwrap(), []);
        assert_eq!(requeue(db, None, domain.clock.now()).await.unwrap(), 0);
        domain.scratch.drop().await;
    }
}
