//! Cancelling a request stops its work in every process and in every database.

use std::time::{Duration, Instant};

use entities::notifications::device_token;
use entities::{notifications, orders, returns, tracking};
use platform::database::Database;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityName, EntityTrait, PaginatorTrait, QueryFilter,
    Statement,
};
use serde_json::{Value, json};

use crate::kit::{Graph, Layout, layouts, processor_time};
use crate::wait::until;

/// Queries three subgraphs concurrently, after a fourth.
const PAGE: &str = "{ me { notificationPreferences { preferences { enabled } } \
    orders(first: 20) { nodes { shipments { history { status } } returns { timeline { event } } } } } }";
/// Queries a subgraph that calls another.
const PREVIEW: &str =
    "query($input: ReturnCreateInput!) { returnPreview(input: $input) { eligible } }";
const ORDER: &str = "{ me { id orders(first: 1) { nodes { id items { id } } } } }";
const CHANGE: &str = "mutation($customer: ID!) { notificationPreferencesUpdate(customerId: $customer, idempotencyKey: \"1\", \
    input: { updates: [{ channel: EMAIL, category: DEALS, enabled: false }] }) { updated userErrors { message } } }";

/// Samples of a state before it is trusted, since threads sleep briefly in between.
const LOOKS: usize = 10;

/// Processor time each statement may use after its request has ended. Measured in processor time because a busy machine
/// slows everything down.
const LAST_WORK: Duration = Duration::from_millis(500);
/// The part of a processor (1/n) that the processes' own work in the background uses at most: in a debug build on a slow machine.
const BACKGROUND: u32 = 3;

/// An endless row source that neither database materializes; it would have to clean up afterwards.
const ENDLESS_IN_SQLITE: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
const ENDLESS_IN_POSTGRES: &str =
    "SELECT count(*) FROM (SELECT generate_series(1, 9000000000000000000)) AS n";

/// A table that can be replaced by a view on which statements never end.
struct Table {
    database: Database,
    name: &'static str,
}

impl Table {
    async fn endless(&self) {
        let name = self.name;
        self.run(format!("ALTER TABLE {name} RENAME TO kept")).await;
        let endless = match self.database.read().get_database_backend() {
            DbBackend::Postgres => ENDLESS_IN_POSTGRES,
            _ => ENDLESS_IN_SQLITE,
        };
        self.run(format!(
            "CREATE VIEW {name} AS SELECT kept.* FROM kept WHERE ({endless}) < 0"
        ))
        .await;
    }

    async fn as_it_was(&self) {
        let name = self.name;
        self.run(format!("DROP VIEW {name}")).await;
        self.run(format!("ALTER TABLE kept RENAME TO {name}")).await;
    }

    async fn run(&self, sql: String) {
        let done = self.database.write().execute_unprepared(&sql).await;
        done.unwrap();
    }

    /// PostgreSQL backends running statements on the table.
    async fn readers_at_the_server(&self) -> Vec<u32> {
        let sql = format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
             AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%{}%'",
            self.name
        );
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let rows = self.database.read().query_all_raw(statement).await.unwrap();
        let pids = rows
            .iter()
            .map(|row| row.try_get::<i32>("", "pid").unwrap());
        pids.map(|pid| pid.try_into().unwrap()).collect()
    }
}

/// SQLite threads that are busy.
fn busy_threads(graph: &Graph) -> usize {
    let id = graph.router.child.id().unwrap();
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let threads = threads.flatten().filter(|thread| {
        // A thread may exit while being inspected.
        let state = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        state.contains("(sqlx-sqlite") && state.contains(") R ")
    });
    threads.count()
}

/// The endless tables of a graph, and the work of statements that read them.
struct Work<'g> {
    graph: &'g Graph,
    layout: Layout,
    tables: Vec<Table>,
    /// PostgreSQL backends seen reading them, with their processor time when last seen.
    servers: Vec<(u32, Duration)>,
}

impl<'g> Work<'g> {
    async fn on(graph: &'g Graph, layout: Layout, tables: &[(&str, &'static str)]) -> Self {
        let mut endless = Vec::new();
        for (domain, name) in tables {
            let database = graph.database(domain).await;
            endless.push(Table { database, name });
        }
        for table in &endless {
            table.endless().await;
        }
        Self {
            graph,
            layout,
            tables: endless,
            servers: Vec::new(),
        }
    }

    async fn end(self) {
        for table in &self.tables {
            table.as_it_was().await;
            table.database.close().await;
        }
    }

    /// Running statements.
    async fn statements(&mut self) -> usize {
        if self.layout == Layout::Sqlite {
            return busy_threads(self.graph);
        }
        let mut readers = Vec::new();
        for table in &self.tables {
            readers.extend(table.readers_at_the_server().await);
        }
        for reader in &readers {
            if self.servers.iter().all(|(known, _)| known != reader) {
                self.servers.push((*reader, Duration::ZERO));
            }
        }
        readers.len()
    }

    /// Processor time used for the graph by its processes and by PostgreSQL backends that read the tables.
    fn used(&mut self) -> Duration {
        for (id, used) in &mut self.servers {
            // Unknown for an exited process or one on another machine.
            *used = processor_time(*id).unwrap_or(*used).max(*used);
        }
        let servers: Duration = self.servers.iter().map(|(_, used)| *used).sum();
        self.graph.processor_time() + servers
    }

    async fn until_statements(&mut self, running: usize) {
        let mut looks = 0;
        until("the statements", async || {
            looks = if self.statements().await == running {
                looks + 1
            } else {
                0
            };
            self.used();
            (looks == LOOKS).then_some(())
        })
        .await;
    }

    /// Waits until each table is being read by a statement.
    async fn begins_before(&mut self, answer: impl Future<Output = Value>) {
        let tables = self.tables.len();
        tokio::select! {
            answer = answer => panic!("{answer}"),
            () = self.until_statements(tables) => {}
        }
    }

    /// Waits until all work has stopped, and checks the work done since then.
    async fn ends(&mut self, since: Duration, what: &str) {
        let left = Instant::now();
        self.until_statements(0).await;
        let work = self.used() - since;
        let allowed = LAST_WORK * self.tables.len() as u32 + left.elapsed() / BACKGROUND;
        assert!(work <= allowed, "{what}, {:?}: {work:?}", self.layout);
        assert_eq!(
            self.graph.active_requests().await,
            0,
            "{what}, {:?}",
            self.layout
        );
    }
}

/// Waits for the only work in the background that reads preferences in a shop where nothing happens. It needs a provider of
/// push messages, which separate processes do not have here.
async fn topics_are_recorded(graph: &Graph) {
    let database = graph.database("notifications").await;
    until("the topics of all devices are recorded", async || {
        let waiting = device_token::Entity::find()
            .filter(device_token::Column::TopicsSetAt.is_null())
            .count(database.read())
            .await
            .unwrap();
        (waiting == 0).then_some(())
    })
    .await;
    database.close().await;
}

#[tokio::test]
async fn the_work_of_a_request_ends_with_it() {
    // Long enough for the statements to start.
    let settings = [("VANTAGE_ROUTER__DEADLINE", "10s")];
    for layout in layouts() {
        let graph = Graph::start(layout, &settings, &[]).await;
        let token = graph.demo_token().await;
        if layout != Layout::Separate {
            topics_are_recorded(&graph).await;
        }
        // Make sure there is something to read.
        let order = graph.query(Some(&token), ORDER, json!({})).await;
        let me = &order["data"]["me"];
        let changed = graph
            .query(Some(&token), CHANGE, json!({ "customer": me["id"] }))
            .await;
        let updated = &changed["data"]["notificationPreferencesUpdate"]["updated"];
        assert_eq!(*updated, 1, "{changed}");
        let order = &me["orders"]["nodes"][0];
        let item = json!({ "orderItemId": order["items"][0]["id"], "quantity": 1, "condition": "OPENED_UNUSED", "reasonCode": "changed_mind" });
        let input = json!({ "input": { "orderId": order["id"], "items": [item] } });

        let page = [
            (
                "notifications",
                notifications::preference::Entity.table_name(),
            ),
            ("tracking", tracking::event::Entity.table_name()),
            ("returns", returns::return_event::Entity.table_name()),
        ];
        let preview = [("orders", orders::order_item::Entity.table_name())];
        let cases: [(&str, Value, &[_]); 2] =
            [(PAGE, json!({}), &page), (PREVIEW, input, &preview)];
        for (query, variables, tables) in cases {
            let ask = || graph.query(Some(&token), query, variables.clone());
            let answer = ask().await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            let mut work = Work::on(&graph, layout, tables).await;

            let mut request = Box::pin(ask());
            work.begins_before(&mut request).await;
            let left = work.used();
            drop(request);
            work.ends(left, "after the client left").await;

            let mut request = Box::pin(ask());
            work.begins_before(&mut request).await;
            let late = request.await;
            let left = work.used();
            let code = &late["errors"][0]["extensions"]["code"];
            assert_eq!(code, "DEADLINE_EXCEEDED", "{late}");
            work.ends(left, "after the deadline").await;

            work.end().await;
            assert_eq!(ask().await, answer);
        }
        graph.stop().await;
    }
}
