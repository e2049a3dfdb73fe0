//! Runs statements and judges their plans, on SQLite and PostgreSQL.

use std::sync::Mutex;

use async_trait::async_trait;
use migrations::migrate;
use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    Statement,
};
use sea_orm_migration::MigratorTrait;
use uuid::Uuid;

/// Tables that stay small regardless of the shop's size, so that full scans are cheap.
const SMALL: [&str; 9] = [
    "category_vectors",
    "exchange_rates",
    "call_rates",
    "tasks",
    "leases",
    "order_payments",
    // Of those that wait for a person, by partial indexes.
    "order_reviews",
    "return_reviews",
    // What carriers and EasyPost refuse.
    "unvoided_labels",
];

/// Statements that scan a large table by design.
const WHOLE: [&str; 6] = [
    // For commands.
    "product_vector::count",
    "product_vector::products",
    // Counted for a metric and for the search index.
    "product::count_active",
    // For a report on the quality of searches.
    "product::categories",
    // For the report on an experiment.
    "search_exposure::totals",
    // For a support report.
    "customer_return::refunded_by_order",
];

/// Indexes whose first column has low selectivity: few values, each in a large share of the rows.
const COARSE: [&str; 2] = ["return_id=? AND", "(return_id=?)"];

/// The same where a statement names its rows by their keys: all that wait have the same state.
const STATES: [&str; 2] = ["(state=?)", "(status=?)"];

/// Runs statements and records their plans.
pub(crate) struct Planner {
    db: DatabaseConnection,
    /// Statements, each with the lines of its plan.
    plans: Mutex<Vec<(String, Vec<String>)>>,
    /// On PostgreSQL.
    schema: Option<String>,
}

impl Planner {
    /// A migrated, empty database of SQLite.
    pub(crate) async fn over<M: MigratorTrait>() -> Self {
        Self::connect::<M>("sqlite::memory:", None).await
    }

    /// The same on each kind of database on this machine.
    pub(crate) async fn each<M: MigratorTrait>() -> Vec<Self> {
        let mut all = vec![Self::over::<M>().await];
        if let Ok(url) = std::env::var("VANTAGE_TEST_POSTGRES_URL") {
            let schema = format!("plans_{}", Uuid::now_v7().simple());
            all.push(Self::connect::<M>(&url, Some(schema)).await);
        }
        all
    }

    async fn connect<M: MigratorTrait>(url: &str, schema: Option<String>) -> Self {
        let mut options = sea_orm::ConnectOptions::new(url);
        // Settings are of a connection.
        options.max_connections(1).min_connections(1);
        let db = Database::connect(options).await.unwrap();
        if let Some(schema) = &schema {
            // Tables are empty: without this, reading them whole would be the best plan.
            let settings = format!(
                "CREATE SCHEMA \"{schema}\"; SET search_path TO \"{schema}\"; SET enable_seqscan TO off"
            );
            db.execute_unprepared(&settings).await.unwrap();
        }
        migrate::<M>(&db).await.unwrap();
        Self {
            db,
            plans: Mutex::default(),
            schema,
        }
    }

    /// Removes the schema from the server.
    pub(crate) async fn drop(self) {
        if let Some(schema) = &self.schema {
            let sql = format!("DROP SCHEMA \"{schema}\" CASCADE");
            self.db.execute_unprepared(&sql).await.unwrap();
        }
    }

    async fn plan(&self, statement: &Statement) {
        let mut explain = statement.clone();
        let (prefix, column) = match self.schema {
            None => ("EXPLAIN QUERY PLAN", "detail"),
            Some(_) => ("EXPLAIN", "QUERY PLAN"),
        };
        explain.sql = format!("{prefix} {}", statement.sql);
        let rows = self.db.query_all_raw(explain).await.unwrap();
        let lines = rows.iter().map(|row| row.try_get("", column).unwrap());
        let plan = (statement.sql.clone(), lines.collect());
        self.plans.lock().unwrap().push(plan);
    }

    /// Problems in the plans since the last call.
    pub(crate) fn wrong(&self, finder: &str) -> Vec<String> {
        let plans = std::mem::take(&mut *self.plans.lock().unwrap());
        assert!(!plans.is_empty(), "{finder} ran no statement");
        let mut wrong = Vec::new();
        for (sql, lines) in plans {
            let found = match self.schema {
                None => lines
                    .into_iter()
                    .filter(|line| is_wrong(finder, &sql, line))
                    .collect(),
                Some(_) => wrong_on_postgres(finder, &sql, &lines),
            };
            wrong.extend(
                found
                    .into_iter()
                    .map(|line| format!("{finder}: {line}\n    {sql}")),
            );
        }
        wrong
    }
}

fn is_wrong(finder: &str, sql: &str, detail: &str) -> bool {
    if let Some(scanned) = detail.strip_prefix("SCAN ") {
        let table = scanned.split(' ').next().unwrap_or_default();
        let is_table = sql.contains(&format!("\"{table}\""));
        // Index-ordered scan up to the limit: reads no more rows than it returns.
        let is_bounded = scanned.contains("USING") && sql.contains("LIMIT");
        return is_table && !is_bounded && !SMALL.contains(&table) && !WHOLE.contains(&finder);
    }
    // Asked for each row.
    if detail.starts_with("SEARCH prior ") && !detail.contains("COVERING INDEX") {
        return true;
    }
    let names_rows = sql.contains("id\" IN (");
    if names_rows && STATES.iter().any(|state| detail.ends_with(state)) {
        return true;
    }
    // Parcels that belong to no return, which are nearly all.
    COARSE.iter().any(|coarse| detail.contains(coarse)) && sql.contains("\"return_id\" IS NULL")
}

/// Nodes that read a whole table, or a whole index that nothing bounds.
fn wrong_on_postgres(finder: &str, sql: &str, lines: &[String]) -> Vec<String> {
    if WHOLE.contains(&finder) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((node, scanned)) = line.split_once(" on ") else {
            continue;
        };
        let table = scanned.split(' ').next().unwrap_or_default();
        let node = node.trim_start_matches([' ', '-', '>']);
        let mut details = lines[index + 1..]
            .iter()
            .take_while(|line| !line.contains("->"));
        let is_narrowed = details.any(|line| line.contains("Index Cond:"));
        let is_whole = match node {
            node if node.starts_with("Seq Scan") => true,
            node if node.starts_with("Index") => !is_narrowed && !sql.contains("LIMIT"),
            _ => false,
        };
        if is_whole && !SMALL.contains(&table) {
            wrong.push(line.trim().to_owned());
        }
    }
    wrong
}

#[async_trait]
impl ConnectionTrait for Planner {
    fn get_database_backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.plan(&statement).await;
        self.db.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.db.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.plan(&statement).await;
        self.db.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.plan(&statement).await;
        self.db.query_all_raw(statement).await
    }
}

#[tokio::test]
async fn a_statement_that_reads_a_table_whole_is_found_on_each_database() {
    for planner in Planner::each::<migrations::notifications::Migrator>().await {
        for (sql, is_whole) in [
            (
                "SELECT * FROM \"notifications\" WHERE \"title\" = 'x'",
                true,
            ),
            (
                "SELECT * FROM \"notifications\" WHERE \"status\" = 'sent'",
                false,
            ),
            (
                "SELECT * FROM \"notifications\" ORDER BY \"id\" LIMIT 20",
                false,
            ),
        ] {
            let statement = Statement::from_string(planner.get_database_backend(), sql);
            planner.query_all_raw(statement).await.unwrap();
            let wrong = planner.wrong("a statement");
            assert_eq!(!wrong.is_empty(), is_whole, "{sql}: {wrong:?}");
        }
        planner.drop().await;
    }
}
