//! Rows of any number and values of any kind arrive as they are stored.

use uuid::Uuid;

use super::*;
use crate::testing::Scratch;

fn statement(scratch: &Scratch, sql: &str) -> Statement {
    Statement::from_string(scratch.database.read().get_database_backend(), sql)
}

/// The numbers up to this one, one in each row.
fn numbers(last: i64, column: &str) -> String {
    format!(
        "WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {last}) \
         SELECT {column} AS id FROM n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_rows_arrive_in_order() {
    for scratch in scratch_databases().await {
        // SQLite hands rows over in batches, also where a batch is full at the end.
        for last in [1, 255, 256, 257, 512, 3_000] {
            let all = statement(&scratch, &numbers(last, "i"));
            let rows = scratch.database.read().query_all_raw(all).await.unwrap();
            let found: Vec<i64> = rows
                .iter()
                .map(|row| row.try_get("", "id").unwrap())
                .collect();
            assert_eq!(found, (1..=last).collect::<Vec<_>>(), "{}", scratch.name);
        }
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_after_many_rows_fails() {
    for scratch in scratch_databases().await {
        // The absolute value of the lowest number is too large, in SQLite; PostgreSQL does not divide by zero.
        let column = match scratch.name {
            "postgres" => "1 / (600 - i)",
            _ => "CASE i WHEN 600 THEN abs(-9223372036854775807 - 1) ELSE i END",
        };
        let failing = statement(&scratch, &numbers(1_000, column));
        let failed = scratch.database.read().query_all_raw(failing).await;
        assert!(failed.is_err(), "{}", scratch.name);
        let one = statement(&scratch, &numbers(1, "i"));
        let rows = scratch.database.read().query_all_raw(one).await.unwrap();
        assert_eq!(rows.len(), 1, "{}", scratch.name);
        scratch.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_kind_are_read() {
    let id = Uuid::from_u128(7);
    for scratch in scratch_databases().await {
        let statement = Statement::from_sql_and_values(
            scratch.database.read().get_database_backend(),
            "SELECT CAST(-9007199254740993 AS BIGINT) AS number, CAST('née' AS TEXT) AS name, \
             CAST('' AS TEXT) AS empty, CAST(NULL AS TEXT) AS missing, CAST(NULL AS BIGINT) AS none, \
             CAST(0.5 AS DOUBLE PRECISION) AS half, $1 AS id",
            [id.into()],
        );
        let row = scratch.database.read().query_one_raw(statement).await;
        let row = row.unwrap().unwrap();
        let number: i64 = row.try_get("", "number").unwrap();
        let texts: [Option<String>; 3] =
            ["name", "empty", "missing"].map(|column| row.try_get("", column).unwrap());
        let none: Option<i64> = row.try_get("", "none").unwrap();
        let half: f64 = row.try_get("", "half").unwrap();
        let read: Uuid = row.try_get("", "id").unwrap();
        assert_eq!((number, none, read), (-9_007_199_254_740_993, None, id));
        assert_eq!(texts, [Some("née".to_owned()), Some(String::new()), None]);
        assert!((half - 0.5).abs() < f64::EPSILON, "{half}");
        // A number is no text, whatever SQLite would make of it.
        assert!(row.try_get::<String>("", "number").is_err());
        scratch.drop().await;
    }
}
