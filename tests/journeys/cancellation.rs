//! The work of a request ends with it: in every process, and at the database.

use entities::notifications::preference;
use platform::database::Database;
use sea_orm::{ConnectionTrait, DbBackend, EntityName, Statement};
use serde_json::json;

use crate::kit::{Graph, Layout, layouts};
use crate::wait::until;

const PREFERENCES: &str = "{ me { notificationPreferences { preferences { enabled } } } }";
const CHANGE: &str = "mutation($customer: ID!) { notificationPreferencesUpdate(customerId: $customer, idempotencyKey: \"1\", \
    input: { updates: [{ channel: EMAIL, category: DEALS, enabled: false }] }) { updated userErrors { message } } }";

/// Looks at a state this often before it is believed: threads sleep for a moment in between.
const LOOKS: usize = 10;

/// The table of preferences in two states: as it is, and such that no statement which reads it ever ends.
struct Preferences {
    database: Database,
    table: &'static str,
}

impl Preferences {
    async fn endless(&self) {
        let table = self.table;
        self.run(format!("ALTER TABLE {table} RENAME TO kept"))
            .await;
        self.run(format!(
            "CREATE VIEW {table} AS SELECT kept.* FROM kept WHERE (WITH RECURSIVE n(i) AS \
             (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n) < 0"
        ))
        .await;
    }

    async fn as_they_were(&self) {
        let table = self.table;
        self.run(format!("DROP VIEW {table}")).await;
        self.run(format!("ALTER TABLE kept RENAME TO {table}"))
            .await;
    }

    async fn run(&self, sql: String) {
        let done = self.database.write().execute_unprepared(&sql).await;
        done.unwrap();
    }

    /// Whether PostgreSQL works on a statement of these.
    async fn are_read_at_the_server(&self) -> bool {
        let sql = format!(
            "SELECT count(*) AS running FROM pg_stat_activity WHERE datname = current_database() \
             AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%{}%'",
            self.table
        );
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = self.database.read().query_one_raw(statement).await;
        let running: i64 = row.unwrap().unwrap().try_get("", "running").unwrap();
        running > 0
    }
}

/// Whether a thread of SQLite has work.
fn is_sqlite_busy(graph: &Graph) -> bool {
    let id = graph.router.child.id().unwrap();
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    threads.flatten().any(|thread| {
        // A thread may end while it is looked at.
        let state = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        state.contains("(sqlx-sqlite") && state.contains(") R ")
    })
}

async fn until_statements(graph: &Graph, layout: Layout, preferences: &Preferences, run: bool) {
    let mut looks = 0;
    until("the statement", async || {
        let running = match layout {
            Layout::Sqlite => is_sqlite_busy(graph),
            Layout::Postgres | Layout::Separate => preferences.are_read_at_the_server().await,
        };
        looks = if running == run { looks + 1 } else { 0 };
        (looks == LOOKS).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_work_of_a_request_ends_with_it() {
    // Enough for a statement to begin.
    let settings = [("VANTAGE_ROUTER__DEADLINE", "8s")];
    for layout in layouts() {
        let graph = Graph::start(layout, &settings, &[]).await;
        let token = graph.demo_token().await;
        let ask = || graph.query(Some(&token), PREFERENCES, json!({}));
        // There is something to read.
        let me = graph.query(Some(&token), "{ me { id } }", json!({})).await;
        let customer = json!({ "customer": me["data"]["me"]["id"] });
        let changed = graph.query(Some(&token), CHANGE, customer).await;
        let updated = &changed["data"]["notificationPreferencesUpdate"]["updated"];
        assert_eq!(*updated, 1, "{changed}");
        let answer = ask().await;
        let preferences = Preferences {
            database: graph.database("notifications").await,
            table: preference::Entity.table_name(),
        };
        preferences.endless().await;

        // The client leaves.
        tokio::select! {
            answer = ask() => panic!("{answer}"),
            () = until_statements(&graph, layout, &preferences, true) => {}
        }
        until_statements(&graph, layout, &preferences, false).await;

        // The deadline passes.
        let late = ask().await;
        let code = &late["errors"][0]["extensions"]["code"];
        assert_eq!(code, "DEADLINE_EXCEEDED", "{late}");
        until_statements(&graph, layout, &preferences, false).await;

        preferences.as_they_were().await;
        assert_eq!(ask().await, answer);
        preferences.database.close().await;
        graph.stop().await;
    }
}
