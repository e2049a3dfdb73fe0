//! Runs statements and judges their plans, on SQLite and PostgreSQL.

use std::collections::HashSet;
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
const SMALL: [&str; 8] = [
    "category_vectors",
    "exchange_rates",
    "call_rates",
    "tasks",
    "leases",
    // Of those that wait for a person, by partial indexes.
    "order_reviews",
    "return_reviews",
    // What carriers and EasyPost refuse.
    "unvoided_labels",
];

/// Statements that scan a large table by design.
const WHOLE: [&str; 13] = [
    // For commands.
    "product_vector::count",
    "product_vector::products",
    "outbox_event::dead",
    "outbox_event::failing",
    "outbox_event::requeue",
    "inbox_delivery::dead",
    "inbox_delivery::failing",
    "inbox_delivery::requeue",
    "inbox_delivery::requeue of some",
    // Counted for a metric and for the search index.
    "product::count_active",
    // Counted for support agents who ask for it.
    "order::count_all",
    // For a report on the quality of searches.
    "product::categories",
    // For the report on an experiment.
    "search_exposure::totals",
];

/// Statements that sort more than they return, where what they sort is bounded otherwise.
const SORTED: [&str; 18] = [
    // What one customer, return or order has, or a few of them.
    "device_token::forget_oldest",
    "payment_method::of_customer",
    "customer_return::of_customer",
    "search_exposure::of_customer",
    "unvoided_label::oldest",
    "notification::list of an order",
    "shipment::due of orders",
    // The returns with one number, and the rates of one country.
    "customer_return::lock_tracked",
    "label_rate::nearest",
    // Returns at a stage that lasts days.
    "customer_return::unscanned",
    "customer_return::unlabelled",
    "customer_return::unrefunded",
    // What waits to be done.
    "task::due",
    "task::next_due",
    "task::list",
    // For the report on an experiment.
    "search_exposure::latency",
    // What customers did in the last days, for a job.
    "signal::counts_by_product",
    // Parcels under way, for the demo shop.
    "shipment::outward_least_recently_polled",
];

/// The highest cost that PostgreSQL may estimate in a large shop, where reading its orders whole costs more.
const MOST_COST: f64 = 1_000.0;

/// Indexes whose first column has low selectivity: few values, each in a large share of the rows.
const COARSE: [&str; 2] = ["return_id=? AND", "(return_id=?)"];

/// The same where a statement names its rows by their keys or their customer: all that wait have the same state.
const STATES: [&str; 2] = ["(state=?)", "(status=?)"];

/// Runs statements and records their plans.
pub(crate) struct Planner {
    db: DatabaseConnection,
    /// Statements, each with the lines of its plan.
    plans: Mutex<Vec<(String, Vec<String>)>>,
    /// On PostgreSQL.
    schema: Option<String>,
    /// The tables with many rows, in a large shop.
    large: Option<HashSet<String>>,
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
            large: None,
        }
    }

    /// A domain's part of a large shop on PostgreSQL.
    pub(crate) async fn of_large_shop(url: &str, domain: &str) -> Self {
        let mut options = sea_orm::ConnectOptions::new(url);
        options
            .max_connections(1)
            .min_connections(1)
            .set_schema_search_path(domain);
        let db = Database::connect(options).await.unwrap();
        // Otherwise the planner knows nothing of the new rows.
        db.execute_unprepared("ANALYZE").await.unwrap();
        let sql = "SELECT relname::text AS name FROM pg_class WHERE reltuples > 2000 AND relkind = 'r' \
                   AND relnamespace = current_schema()::regnamespace";
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let rows = db.query_all_raw(statement).await.unwrap();
        let large = rows.iter().map(|row| row.try_get("", "name").unwrap());
        let large: HashSet<String> = large.collect();
        assert!(!large.is_empty(), "{domain} has no large table");
        Self {
            db,
            plans: Mutex::default(),
            schema: Some(domain.to_owned()),
            large: Some(large),
        }
    }

    /// Removes the schema from the server; a large shop is removed as a whole.
    pub(crate) async fn drop(self) {
        if let (Some(schema), None) = (&self.schema, &self.large) {
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
                Some(_) => self.wrong_on_postgres(finder, &sql, &lines),
            };
            wrong.extend(
                found
                    .into_iter()
                    .map(|line| format!("{finder}: {line}\n    {sql}")),
            );
        }
        wrong
    }

    /// Nodes that read a whole table, or a whole index that nothing bounds; in a large shop also plans of a high cost.
    fn wrong_on_postgres(&self, finder: &str, sql: &str, lines: &[String]) -> Vec<String> {
        if WHOLE.contains(&finder) {
            return Vec::new();
        }
        let has_limit = sql.contains("LIMIT");
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
            let is_large = match &self.large {
                Some(large) => large.contains(table),
                None => !SMALL.contains(&table),
            };
            let is_whole = match node {
                // Up to a limit where nearly all rows match, it is the best plan if there are statistics.
                node if node.starts_with("Seq Scan") => self.large.is_none() || !has_limit,
                node if node.starts_with("Index") => !is_narrowed && !has_limit,
                _ => false,
            };
            if is_whole && is_large {
                wrong.push(line.trim().to_owned());
            }
        }
        let most = lines.first().map_or(0.0, |line| cost(line));
        if self.large.is_some() && most > MOST_COST && !SORTED.contains(&finder) {
            wrong.push(format!("costs {most}"));
        }
        wrong
    }
}

fn is_wrong(finder: &str, sql: &str, detail: &str) -> bool {
    if let Some(scanned) = detail.strip_prefix("SCAN ") {
        let table = scanned.split(' ').next().unwrap_or_default();
        let is_table = sql.contains(&format!("\"{table}\""));
        // Index-ordered scan up to the limit: reads no more rows than it returns, unless a condition leaves out most of
        // those in the order of the primary key. Other indexes are partial where that matters.
        let is_filtered = scanned.contains("sqlite_autoindex") && sql.contains("WHERE");
        let is_bounded = scanned.contains("USING") && sql.contains("LIMIT") && !is_filtered;
        return is_table && !is_bounded && !SMALL.contains(&table) && !WHOLE.contains(&finder);
    }
    // Reads all rows that match, however few of them it returns.
    let sorts = detail == "USE TEMP B-TREE FOR ORDER BY" && sql.contains("LIMIT");
    if sorts && !SORTED.contains(&finder) && !WHOLE.contains(&finder) {
        return true;
    }
    // Asked for each row.
    if detail.starts_with("SEARCH prior ") && !detail.contains("COVERING INDEX") {
        return true;
    }
    let is_narrow = sql.contains("id\" IN (") || sql.contains("customer_id\" = ?");
    if is_narrow && STATES.iter().any(|state| detail.ends_with(state)) {
        return true;
    }
    // Parcels that belong to no return, which are nearly all.
    COARSE.iter().any(|coarse| detail.contains(coarse)) && sql.contains("\"return_id\" IS NULL")
}

/// The cost of a plan, from its first line: `Limit  (cost=0.17..46.98 rows=20 width=182)`.
fn cost(line: &str) -> f64 {
    let (_, cost) = line.split_once("..").unwrap();
    cost.split(' ').next().unwrap().parse().unwrap()
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

#[tokio::test]
async fn a_page_that_sorts_or_passes_over_other_rows_is_found() {
    let planner = Planner::over::<migrations::notifications::Migrator>().await;
    for (sql, is_wrong) in [
        (
            "SELECT * FROM \"notifications\" WHERE \"title\" = 'x' ORDER BY \"id\" LIMIT 20",
            true,
        ),
        (
            "SELECT * FROM \"notifications\" WHERE \"status\" = 'sent' ORDER BY \"title\" LIMIT 20",
            true,
        ),
        (
            "SELECT * FROM \"notifications\" WHERE \"status\" = 'sent' ORDER BY \"id\" LIMIT 20",
            false,
        ),
    ] {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        planner.query_all_raw(statement).await.unwrap();
        let wrong = planner.wrong("a statement");
        assert_eq!(!wrong.is_empty(), is_wrong, "{sql}: {wrong:?}");
    }
}

#[test]
fn the_cost_of_a_plan_is_that_of_its_first_line() {
    let line = "Limit  (cost=0.17..46.98 rows=20 width=182)";
    assert!((cost(line) - 46.98).abs() < f64::EPSILON);
}
