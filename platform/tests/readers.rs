//! Reads a SQLite file from more tasks than it has connections, some of which are cancelled.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use futures::FutureExt;
use futures::future::{join_all, try_join_all};
use platform::database::{Database, DatabaseConfig};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// More than a file has readers.
const MANY: u64 = 32;

async fn database() -> (tempfile::TempDir, Database) {
    let directory = tempfile::tempdir().unwrap();
    let config = DatabaseConfig::sqlite(directory.path().to_owned());
    let database = Database::open(&config, "test").await.unwrap();
    (directory, database)
}

fn statement(sql: impl Into<String>) -> Statement {
    Statement::from_string(DbBackend::Sqlite, sql)
}

async fn echo(database: &Database, number: u64) -> u64 {
    let row = database
        .read()
        .query_one_raw(statement(format!("SELECT {number} AS number")));
    let number: i64 = row.await.unwrap().unwrap().try_get("", "number").unwrap();
    number.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_statements_than_readers_take_turns() {
    let (_directory, database) = database().await;
    let answers = join_all((0..MANY).map(|number| echo(&database, number))).await;
    assert_eq!(answers, (0..MANY).collect::<Vec<_>>());
    assert_eq!(database.statements(), MANY);
    assert_eq!(database.for_workers().statements(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_wait_for_the_answer_costs_nobody_a_reader() {
    let (_directory, database) = database().await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    for number in 0..MANY {
        // Ensure that there is a connection to cancel.
        assert_eq!(echo(&database, number).await, number);
        let cut_off = database.read().query_all_raw(statement(endless));
        assert!(cut_off.now_or_never().is_none());
    }
    let answers = join_all((0..MANY).map(|number| echo(&database, number))).await;
    assert_eq!(answers, (0..MANY).collect::<Vec<_>>());
}

/// It never returns a row, so it cannot notice by itself that nobody waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_nobody_waits_for_is_stopped() {
    let (_directory, database) = database().await;
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    for number in 0..MANY {
        assert_eq!(echo(&database, number).await, number);
        let cut_off = database.read().query_all_raw(statement(endless));
        assert!(cut_off.now_or_never().is_none());
    }
    let answers = join_all((0..MANY).map(|number| echo(&database, number))).await;
    assert_eq!(answers, (0..MANY).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_costs_nobody_a_reader() {
    let (_directory, database) = database().await;
    let nonsense = (0..MANY).map(|_| database.read().query_all_raw(statement("SELECT nothing")));
    assert!(try_join_all(nonsense).await.is_err());
    let answers = join_all((0..MANY).map(|number| echo(&database, number))).await;
    assert_eq!(answers, (0..MANY).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_read() {
    let (_directory, database) = database().await;
    let write = database.write();
    write
        .execute_unprepared("CREATE TABLE things (name TEXT)")
        .await
        .unwrap();
    for count in 1..=3_usize {
        write
            .execute_unprepared("INSERT INTO things VALUES ('one more')")
            .await
            .unwrap();
        let things = database
            .read()
            .query_all_raw(statement("SELECT name FROM things"));
        assert_eq!(things.await.unwrap().len(), count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_after_the_end_is_refused() {
    let (_directory, database) = database().await;
    assert_eq!(echo(&database, 1).await, 1);
    database.close().await;
    let refused = database.read().query_one_raw(statement("SELECT 1"));
    assert!(refused.await.is_err());
}
