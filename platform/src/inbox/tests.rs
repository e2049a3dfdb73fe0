//! The inbox on every database. A handled event's effect is a row: an event in the outbox.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;

use super::*;
use crate::bus::{EventBus, InProcessBus, tests::event};
use crate::outbox::tests::{Domain, domains};
use crate::outbox::{self, NewEvent};
use crate::tables::outbox_event;
use crate::workers::WorkerContext;

mod killed;

/// A handler that applies an effect, then behaves as the test configures it.
#[derive(Default)]
struct Effect {
    fails: AtomicBool,
    panics: AtomicBool,
    unusable: AtomicBool,
    seen: Mutex<Vec<i64>>,
}

#[async_trait]
impl Handler for Effect {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        self.seen.lock().unwrap().push(event.sequence);
        let effect = NewEvent {
            topic: "effects",
            event_type: "effect.had",
            aggregate_id: &event.aggregate_id,
            data: json!({ "of": event.sequence }),
        };
        outbox::append(transaction, effect, now).await?;
        if self.panics.load(Ordering::SeqCst) {
            panic!("as told");
        }
        if self.unusable.load(Ordering::SeqCst) {
            return Err(HandleError::Unusable("unknown format".to_owned()));
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(HandleError::Later("not today".to_owned()));
        }
        Ok(())
    }
}

fn subscriber(handler: Arc<dyn Handler>) -> Subscriber {
    Subscriber {
        group: ConsumerGroup {
            name: "tests.things",
            topics: &["things"],
        },
        handler,
    }
}

/// The events handled so far, in order.
async fn effects(context: &WorkerContext) -> Vec<i64> {
    let rows = outbox_event::Entity::find()
        .order_by_asc(outbox_event::Column::Id)
        .all(context.database.read())
        .await
        .unwrap();
    rows.iter()
        .filter(|row| row.topic == "effects")
        .map(|row| row.data["of"].as_i64().unwrap())
        .collect()
}

/// Publishes events to an in-process receiver, which stores them.
async fn receive(domain: &Domain, events: &[Arc<Event>]) {
    let bus = Arc::new(InProcessBus::new());
    let mut context = domain.context.clone();
    context.bus = bus.clone();
    let subscriber = subscriber(Arc::new(Effect::default()));
    let mut receiver = Receiver::join(context, &subscriber).unwrap();
    let (published, received) = tokio::join!(bus.publish(events), receiver.receive());
    received.unwrap();
    assert!(published.iter().all(Result::is_ok));
}

async fn deliver_all(deliverer: &Deliverer) {
    while deliverer.deliver_next().await.unwrap() {}
}

#[tokio::test]
async fn an_event_that_is_told_often_has_its_effect_once() {
    for domain in domains().await {
        let handler = Arc::new(Effect::default());
        let deliverer = Deliverer::new(domain.context.clone(), subscriber(handler.clone()));
        let events = [event("things", "a", 1), event("things", "a", 2)];
        receive(&domain, &events).await;
        receive(&domain, &events).await;
        deliver_all(&deliverer).await;
        receive(&domain, &events).await;
        deliver_all(&deliverer).await;
        assert_eq!(
            effects(&domain.context).await,
            [1, 2],
            "{}",
            domain.scratch.name
        );
        assert_eq!(*handler.seen.lock().unwrap(), [1, 2]);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_handler_that_fails_has_no_effect_and_holds_up_its_aggregate_until_it_works() {
    for domain in domains().await {
        let handler = Arc::new(Effect::default());
        let deliverer = Deliverer::new(domain.context.clone(), subscriber(handler.clone()));
        let events = [1, 2].map(|sequence| event("things", "a", sequence));
        receive(&domain, &events).await;
        for failing in [&handler.fails, &handler.panics] {
            failing.store(true, Ordering::SeqCst);
            deliver_all(&deliverer).await;
            failing.store(false, Ordering::SeqCst);
            assert_eq!(effects(&domain.context).await, [] as [i64; 0]);
            domain.clock.advance(TimeDelta::minutes(5));
        }
        assert_eq!(*handler.seen.lock().unwrap(), [1, 1]);
        deliver_all(&deliverer).await;
        assert_eq!(
            effects(&domain.context).await,
            [1, 2],
            "{}",
            domain.scratch.name
        );
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_fails_for_too_long_is_a_dead_letter_that_can_be_requeued() {
    for domain in domains().await {
        let handler = Arc::new(Effect::default());
        let deliverer = Deliverer::new(domain.context.clone(), subscriber(handler.clone()));
        let events = [1, 2].map(|sequence| event("things", "a", sequence));
        receive(&domain, &events[..1]).await;
        handler.fails.store(true, Ordering::SeqCst);
        for _ in 0..12 {
            assert_eq!(
                dead_letters(domain.context.database.read(), 10)
                    .await
                    .unwrap(),
                []
            );
            deliver_all(&deliverer).await;
            domain.clock.advance(TimeDelta::minutes(5));
        }
        let dead = dead_letters(domain.context.database.read(), 10)
            .await
            .unwrap();
        assert_eq!((dead.len(), dead[0].event_id), (1, events[0].id));
        assert_eq!(dead[0].last_error.as_deref(), Some("not today"));

        // Later events are no longer blocked.
        handler.fails.store(false, Ordering::SeqCst);
        receive(&domain, &events).await;
        deliver_all(&deliverer).await;
        assert_eq!(effects(&domain.context).await, [2]);
        let at = domain.clock.now();
        let requeued = requeue(domain.context.database.write(), None, at)
            .await
            .unwrap();
        assert_eq!(requeued, 1);
        deliver_all(&deliverer).await;
        assert_eq!(
            effects(&domain.context).await,
            [2, 1],
            "{}",
            domain.scratch.name
        );
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_given_up_at_once() {
    for domain in domains().await {
        let handler = Arc::new(Effect::default());
        handler.unusable.store(true, Ordering::SeqCst);
        let deliverer = Deliverer::new(domain.context.clone(), subscriber(handler));
        receive(&domain, &[event("things", "a", 1)]).await;
        deliver_all(&deliverer).await;
        let dead = dead_letters(domain.context.database.read(), 10)
            .await
            .unwrap();
        assert_eq!(dead.len(), 1, "{}", domain.scratch.name);
        assert_eq!(effects(&domain.context).await, [] as [i64; 0]);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn several_processes_deliver_each_event_once_and_in_order() {
    for domain in domains().await {
        let events: Vec<_> = (0..30)
            .map(|n| event("things", &(n % 3).to_string(), n / 3 + 1))
            .collect();
        receive(&domain, &events).await;
        let handler = Arc::new(Effect::default());
        let work = (0..3).map(|_| {
            let deliverer = Deliverer::new(domain.context.clone(), subscriber(handler.clone()));
            async move { deliver_all(&deliverer).await }
        });
        futures::future::join_all(work).await;
        let last = Deliverer::new(domain.context.clone(), subscriber(handler));
        deliver_all(&last).await;
        let rows = outbox_event::Entity::find()
            .order_by_asc(outbox_event::Column::Sequence)
            .all(domain.context.database.read())
            .await
            .unwrap();
        assert_eq!(rows.len(), 30, "{}", domain.scratch.name);
        for row in rows {
            // The effects of an aggregate are numbered in the order they were applied.
            assert_eq!(row.data["of"], row.sequence, "{}", domain.scratch.name);
        }
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_third_partys_event_is_consumed_once() {
    for domain in domains().await {
        let database = &domain.context.database;
        for (consumer, id, first) in [
            ("orders.stripe", "evt_1", true),
            ("orders.stripe", "evt_1", false),
            ("orders.stripe", "evt_2", true),
            ("returns.stripe", "evt_1", true),
        ] {
            let transaction = database.begin().await.unwrap();
            let now = domain.clock.now();
            let is_first = consume_once(&transaction, consumer, id, now).await.unwrap();
            assert_eq!(is_first, first, "{consumer} {id}");
            transaction.commit().await.unwrap();
        }
        // A rolled-back event was not consumed.
        for _ in 0..2 {
            let transaction = database.begin().await.unwrap();
            let now = domain.clock.now();
            assert!(
                consume_once(&transaction, "orders.stripe", "evt_3", now)
                    .await
                    .unwrap()
            );
            transaction.rollback().await;
        }
        domain.scratch.drop().await;
    }
}
