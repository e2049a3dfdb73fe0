//! A statement stops when nobody waits for it, on the server too.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::{BoxFuture, FutureExt, join_all};

use super::*;
use crate::testing::Scratch;

/// It never returns a row, so it cannot notice by itself that nobody waits.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n) \
    SELECT count(*) AS abandoned FROM n";
/// Waits for a lock held by another transaction.
const LOCKED: &str = "SELECT count(*) AS abandoned FROM things";

fn statement(database: &Database, sql: &str) -> Statement {
    Statement::from_string(database.read().get_database_backend(), sql)
}

/// Statements of this test that the PostgreSQL server is running.
async fn at_server(scratch: &Scratch) -> i64 {
    let database = &scratch.database;
    let sql = format!(
        "SELECT count(*) AS running FROM pg_stat_activity WHERE application_name = 'vantage-{}' \
         AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%abandoned%'",
        database.domain()
    );
    let row = database.read().query_one_raw(statement(database, &sql));
    row.await.unwrap().unwrap().try_get("", "running").unwrap()
}

async fn until_at_server(scratch: &Scratch, running: i64) {
    let waiting = async { while at_server(scratch).await != running {} };
    tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("{running} statements run"));
}

/// Runs it until its statement has begun, then drops it.
async fn abandon(scratch: &Scratch, begun: &AtomicBool, mut statement: BoxFuture<'_, ()>) {
    if scratch.name == "postgres" {
        tokio::select! {
            () = &mut statement => panic!("it ended"),
            () = until_at_server(scratch, 1) => {}
        }
    } else {
        while !begun.load(Ordering::Relaxed) {
            assert!((&mut statement).now_or_never().is_none(), "it ended");
            tokio::task::yield_now().await;
        }
    }
    drop(statement);
    if scratch.name == "postgres" {
        until_at_server(scratch, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_nobody_waits_for_are_stopped() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        create(database).await;
        for round in 0..8 {
            let begun = AtomicBool::new(false);
            let reading = async {
                begun.store(true, Ordering::Relaxed);
                let endless = statement(database, ENDLESS);
                drop(database.read().query_all_raw(endless).await);
            };
            abandon(&scratch, &begun, reading.boxed()).await;
            let begun = AtomicBool::new(false);
            let writing = async {
                let transaction = database.begin().await.unwrap();
                transaction
                    .execute_raw(insert(database, round, 1))
                    .await
                    .unwrap();
                begun.store(true, Ordering::Relaxed);
                let endless = statement(database, ENDLESS);
                drop(transaction.query_all_raw(endless).await);
            };
            abandon(&scratch, &begun, writing.boxed()).await;
        }
        // All connections are available and nothing of the transactions remains.
        let reading = join_all((0..8).map(|_| ids(database))).await;
        assert!(reading.iter().all(Vec::is_empty), "{}", scratch.name);
        single(database, 1).await.unwrap();
        assert_eq!(ids(database).await, [1], "{}", scratch.name);
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_wait_for_a_lock_are_stopped() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        // SQLite readers do not wait for locks.
        if scratch.name == "postgres" {
            create(database).await;
            let transaction = database.begin().await.unwrap();
            let lock = statement(database, "LOCK TABLE things IN ACCESS EXCLUSIVE MODE");
            transaction.execute_raw(lock).await.unwrap();
            let waiting = database.read().query_all_raw(statement(database, LOCKED));
            abandon(&scratch, &AtomicBool::new(true), waiting.map(drop).boxed()).await;
            transaction.rollback().await;
        }
        scratch.drop().await;
    }
}
