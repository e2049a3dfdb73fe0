//! What one process writes to a queue wakes the workers of another.

use std::time::Duration;

use chrono::Utc;
use futures::FutureExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::database::DatabaseTransaction;
use crate::outbox::{self, NewEvent};
use crate::tables::queue::Queue;
use crate::tables::task::{self, NewTask};

/// Far more than it takes: nothing else would ever wake these workers.
const PATIENCE: Duration = Duration::from_secs(60);

async fn append(database: &Database) {
    appended(database).await.commit().await.unwrap();
}

/// A transaction with an event, to be committed.
async fn appended(database: &Database) -> DatabaseTransaction {
    let event = NewEvent {
        topic: "things",
        event_type: "thing.happened",
        aggregate_id: "a",
        data: (),
    };
    let transaction = database.begin().await.unwrap();
    outbox::append(&transaction, event, Utc::now())
        .await
        .unwrap();
    transaction
}

async fn enqueue(database: &Database) {
    let new = NewTask {
        kind: "work",
        key: Uuid::now_v7(),
        subject: "wrk_1".to_owned(),
        data: serde_json::json!({}),
        due_at: Utc::now(),
        traceparent: None,
    };
    task::enqueue(database.write(), new, Utc::now())
        .await
        .unwrap();
}

async fn woken(arrivals: &mut watch::Receiver<u64>) {
    let changed = tokio::time::timeout(PATIENCE, arrivals.changed()).await;
    changed.expect("woken").unwrap();
}

/// Runs the test with a process that follows others, and another process.
async fn check(test: impl AsyncFn(&Database, &Database)) {
    for scratch in scratch_databases().await {
        let here = scratch.database.clone();
        migrate(&here).await;
        let there = here.reopen().await.unwrap();
        let stop = CancellationToken::new();
        let mut begun = here.arrivals(Queue::Outbox);
        let following = tokio::spawn({
            let (here, stop) = (here.clone(), stop.clone());
            async move { here.follow_others(&stop).await }
        });
        // What was written before it followed.
        woken(&mut begun).await;
        test(&here, &there).await;
        stop.cancel();
        following.await.unwrap();
        there.close().await;
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_another_process_wake_the_workers_of_this_one() {
    check(async |here, there| {
        let mut outbox = here.arrivals(Queue::Outbox);
        for _ in 0..3 {
            append(there).await;
            woken(&mut outbox).await;
        }
        let mut tasks = here.arrivals(Queue::Tasks);
        enqueue(there).await;
        woken(&mut tasks).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_workers_of_its_own_does_not_wake_others_on_postgres() {
    check(async |here, there| {
        if there.write().get_database_backend() != DbBackend::Postgres {
            return;
        }
        let (mut outbox, mut tasks) = (here.arrivals(Queue::Outbox), here.arrivals(Queue::Tasks));
        let own = there.arrivals(Queue::Outbox);
        append(there).await;
        assert!(own.has_changed().unwrap());
        // Notifications arrive in the order of their commits, so one of the event would be here by now.
        enqueue(there).await;
        woken(&mut tasks).await;
        assert!(!outbox.has_changed().unwrap());
        drop(own);
        append(there).await;
        woken(&mut outbox).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_transaction_are_told_once_it_is_committed() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        migrate(database).await;
        let mut events = database.events();
        let transaction = database.begin().await.unwrap();
        let event = NewEvent {
            topic: "things",
            event_type: "thing.undone",
            aggregate_id: "a",
            data: (),
        };
        outbox::append(&transaction, event, Utc::now())
            .await
            .unwrap();
        transaction.rollback().await;
        append(database).await;
        let told = events.try_recv().unwrap();
        assert_eq!(told.event_type, "thing.happened", "{}", scratch.name);
        assert_eq!(told.sequence, 1);
        assert!(events.try_recv().is_err(), "and no other");
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_wakes_the_workers_of_the_queues_that_it_has_changed_and_no_others() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        migrate(database).await;
        create(database).await;
        let [outbox, inbox, tasks] = Queue::ALL.map(|queue| database.arrivals(queue));
        pair(database, 1, 1).await.unwrap();
        append(database).await;
        assert!(outbox.has_changed().unwrap());
        assert!(!inbox.has_changed().unwrap());
        assert!(!tasks.has_changed().unwrap());
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_wakes_the_workers() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        migrate(database).await;
        let outbox = database.arrivals(Queue::Outbox);
        let transaction = appended(database).await;
        database.faults().fail_after(0, Fault::Unanswered);
        assert!(transaction.commit().await.is_err());
        assert!(outbox.has_changed().unwrap(), "{}", scratch.name);
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_nobody_waits_for_is_told_of() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        migrate(database).await;
        let (mut outbox, mut events) = (database.arrivals(Queue::Outbox), database.events());
        let transaction = appended(database).await;
        // Begins it, and gives up.
        drop(transaction.commit().now_or_never());
        woken(&mut outbox).await;
        let told = tokio::time::timeout(PATIENCE, events.recv()).await;
        let told = told.expect("told").unwrap();
        assert_eq!(told.event_type, "thing.happened", "{}", scratch.name);
        scratch.drop().await;
    }
}
