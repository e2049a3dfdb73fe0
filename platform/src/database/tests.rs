//! Whatever fails on the way, exactly what was acknowledged is stored, and later writes work.

mod arrivals;
mod cancellation;
mod power_cut;
mod round_trips;
mod rows;

use futures::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::faults::Fault;
use super::{Database, DatabaseConfig};
use crate::testing::scratch_databases;

async fn create(database: &Database) {
    database
        .write()
        .execute_unprepared("CREATE TABLE things (id BIGINT PRIMARY KEY, content TEXT NOT NULL)")
        .await
        .unwrap();
}

fn insert(database: &Database, id: i64, length: usize) -> Statement {
    Statement::from_sql_and_values(
        database.write().get_database_backend(),
        "INSERT INTO things (id, content) VALUES ($1, $2)",
        [id.into(), "x".repeat(length).into()],
    )
}

/// Writes two rows in one transaction.
async fn pair(database: &Database, id: i64, length: usize) -> Result<(), DbErr> {
    let transaction = database.begin().await?;
    for id in [id, id + 1] {
        let statement = insert(database, id, length);
        transaction.execute_raw(statement).await?;
    }
    transaction.commit().await
}

async fn single(database: &Database, id: i64) -> Result<(), DbErr> {
    let statement = insert(database, id, 1);
    database.write().execute_raw(statement).await.map(drop)
}

async fn ids(database: &Database) -> Vec<i64> {
    let statement = Statement::from_string(
        database.read().get_database_backend(),
        "SELECT id FROM things ORDER BY id",
    );
    let rows = database.read().query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "id").unwrap())
        .collect()
}

/// BEGIN, two statements, COMMIT.
const STEPS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_at_any_step_undoes_its_transaction_and_no_other() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        create(database).await;
        let mut expected = Vec::new();
        let mut next = 0;
        // Also twice in a row: the second failure may hit what the first left behind.
        for (fault, step, times) in Fault::ALL
            .into_iter()
            .flat_map(|fault| (0..STEPS).map(move |step| (fault, step)))
            .flat_map(|(fault, step)| [1, 2].map(|times| (fault, step, times)))
        {
            let case = format!("{} {fault:?} at {step}, {times}", scratch.name);
            for _ in 0..times {
                database.faults().fail_after(step, fault);
                let outcome = pair(database, next, 1).await;
                // A transaction that never began may begin on another connection.
                let begins_anew = fault == Fault::Cut && step == 0 && scratch.name == "postgres";
                assert_eq!(outcome.is_ok(), begins_anew, "{case}");
                assert!(!database.faults().clear(), "{case}: it was not reached");
                // When the answer to a commit is lost its outcome is unknown; here it is known to have succeeded.
                if begins_anew || fault == Fault::Unanswered && step == STEPS - 1 {
                    expected.extend([next, next + 1]);
                }
                next += 2;
            }
            pair(database, next, 1).await.expect(&case);
            single(database, next + 2).await.expect(&case);
            expected.extend([next, next + 1, next + 2]);
            next += 3;
            assert_eq!(ids(database).await, expected, "{case}");
        }
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_a_single_statement_costs_no_later_one() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        create(database).await;
        for (fault, id) in Fault::ALL.into_iter().zip((0..).step_by(10)) {
            database.faults().fail_after(0, fault);
            assert!(single(database, id).await.is_err(), "{fault:?}");
            pair(database, id + 1, 1).await.unwrap();
            single(database, id + 3).await.unwrap();
            let there = ids(database).await;
            let there = there.iter().filter(|there| **there > id).count();
            assert_eq!(there, 3, "{} {fault:?}", scratch.name);
        }
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let config = DatabaseConfig::sqlite(directory.path());
    let database = Database::open(&config, "full").await.unwrap();
    create(&database).await;
    single(&database, 0).await.unwrap();
    let limit = "PRAGMA max_page_count = 20";
    database.write().execute_unprepared(limit).await.unwrap();
    // SQLite rolls these back by itself in the middle of a transaction.
    for id in [100, 200, 300] {
        let full = pair(&database, id, 100_000).await.unwrap_err();
        assert!(full.to_string().contains("full"), "{full}");
        database.write().execute_unprepared(limit).await.unwrap();
    }
    for id in (10..30).step_by(2) {
        pair(&database, id, 1).await.unwrap();
    }
    database.close().await;
    let again = Database::open(&config, "full").await.unwrap();
    let expected: Vec<i64> = [0].into_iter().chain(10..30).collect();
    assert_eq!(ids(&again).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_statement_a_transaction_can_only_end() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        create(database).await;
        single(database, 1).await.unwrap();
        let transaction = database.begin().await.unwrap();
        let statement = insert(database, 2, 1);
        transaction.execute_raw(statement).await.unwrap();
        let again = insert(database, 1, 1);
        let refused = transaction.execute_raw(again).await.unwrap_err();
        assert!(refused.sql_err().is_some(), "{refused}");
        let third = insert(database, 3, 1);
        assert!(transaction.execute_raw(third).await.is_err());
        assert!(transaction.commit().await.is_err());
        assert_eq!(ids(database).await, [1], "{}", scratch.name);
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_transaction_is_rolled_back_before_the_next_begins() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        create(database).await;
        for id in 0..50 {
            let transaction = database.begin().await.unwrap();
            let statement = insert(database, id, 1);
            transaction.execute_raw(statement).await.unwrap();
            drop(transaction);
        }
        // These are cancelled in mid-statement, unless the statement is faster.
        for id in 60..65 {
            let transaction = database.begin().await.unwrap();
            let statement = insert(database, id, 1);
            let cut_off = futures::FutureExt::now_or_never(transaction.execute_raw(statement));
            if cut_off.is_none() {
                assert!(transaction.commit().await.is_err());
            }
        }
        pair(database, 70, 1).await.unwrap();
        assert_eq!(ids(database).await, [70, 71], "{}", scratch.name);
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_wakes_who_waits_and_a_failed_one_does_not() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        create(database).await;
        let mut commits = database.commits();
        commits.mark_unchanged();
        for step_before_commit in 0..STEPS - 1 {
            database
                .faults()
                .fail_after(step_before_commit, Fault::Refused);
            assert!(pair(database, 1, 1).await.is_err());
            assert!(!commits.has_changed().unwrap());
        }
        pair(database, 1, 1).await.unwrap();
        assert!(commits.has_changed().unwrap());
        scratch.drop().await;
    }
}

async fn migrate(database: &Database) {
    let connection = database.connect_for_migrations().await.unwrap();
    migrations::migrate::<migrations::orders::Migrator>(&connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_to_is_not_ready_until_it_can() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        migrate(database).await;
        create(database).await;
        database.ready().await.unwrap();
        // A constraint violation says nothing about the database's health.
        single(database, 1).await.unwrap();
        single(database, 1).await.unwrap_err();
        database.faults().fail_after(0, Fault::Refused);
        database.ready().await.unwrap();
        database.faults().clear();

        for step in 0..STEPS {
            database.faults().fail_after(step, Fault::Refused);
            pair(database, 100, 1).await.unwrap_err();
            database.faults().fail_after(0, Fault::Refused);
            assert!(database.ready().await.is_err(), "{} {step}", scratch.name);
            // A readiness check is all it takes to recover.
            database.ready().await.unwrap();
        }
        scratch.drop().await;
    }
}

/// A primary that became a standby, or an administrator's setting.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_read_only_are_not_used_again() {
    for scratch in scratch_databases().await {
        let database = &scratch.database;
        if database.write().get_database_backend() != DbBackend::Postgres {
            continue;
        }
        create(database).await;
        // Several connections that are read-only for as long as they last.
        let transactions = join_all((0..4).map(|_| database.begin())).await;
        for transaction in transactions {
            let transaction = transaction.unwrap();
            let read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
            transaction.execute_unprepared(read_only).await.unwrap();
            transaction.commit().await.unwrap();
        }
        assert!(single(database, 1).await.is_err());
        for id in 2..12 {
            single(database, id).await.unwrap();
            database.ready().await.unwrap();
        }
        assert_eq!(ids(database).await, (2..12).collect::<Vec<_>>());
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_database_is_not_ready_though_a_few_bytes_fit() {
    let directory = tempfile::tempdir().unwrap();
    let config = DatabaseConfig::sqlite(directory.path());
    let database = Database::open(&config, "full").await.unwrap();
    migrate(&database).await;
    create(&database).await;
    let limit = "PRAGMA max_page_count = 40";
    database.write().execute_unprepared(limit).await.unwrap();
    let full = DbErr::Custom("the disk is full".to_owned());
    database.writes.health.record_failure(&full);
    assert!(database.ready().await.is_err());
    // The refused statement cost the connection, and the limit went with it.
    database.ready().await.unwrap();
}
