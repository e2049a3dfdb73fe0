//! Empty databases with this version's schema, of every kind on this machine.

use platform::testing::{Scratch, scratch_databases};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use crate::statement::Statement;

pub(crate) const DOMAINS: [&str; 6] = [
    "notifications",
    "orders",
    "pricing",
    "returns",
    "search",
    "tracking",
];

pub(crate) struct Fresh {
    /// `sqlite` or `postgres`.
    pub(crate) kind: &'static str,
    pub(crate) connection: DatabaseConnection,
    scratch: Scratch,
}

/// The domain's database.
pub(crate) async fn fresh(domain: &str) -> Vec<Fresh> {
    let mut all = Vec::new();
    for scratch in scratch_databases().await {
        let connection = scratch.database.connect_for_migrations().await.unwrap();
        migrate(domain, &connection).await;
        all.push(Fresh {
            kind: scratch.name,
            connection,
            scratch,
        });
    }
    all
}

async fn migrate(domain: &str, connection: &DatabaseConnection) {
    use migrations::{notifications, orders, pricing, returns, search, tracking};
    let migrated = match domain {
        "notifications" => migrations::migrate::<notifications::Migrator>(connection).await,
        "orders" => migrations::migrate::<orders::Migrator>(connection).await,
        "pricing" => migrations::migrate::<pricing::Migrator>(connection).await,
        "returns" => migrations::migrate::<returns::Migrator>(connection).await,
        "search" => migrations::migrate::<search::Migrator>(connection).await,
        "tracking" => migrations::migrate::<tracking::Migrator>(connection).await,
        other => panic!("{other} has no migrations"),
    };
    migrated.unwrap();
}

impl Fresh {
    /// Prepares and plans the statement without running it; the error says why that is impossible.
    pub(crate) async fn prepare(&self, statement: &Statement) -> Result<(), String> {
        let prepared = match self.connection.get_database_backend() {
            DbBackend::Sqlite => {
                let explain = format!("EXPLAIN {}", in_brackets(&statement.sql));
                let explain = sea_orm::Statement::from_string(DbBackend::Sqlite, explain);
                self.connection.query_all_raw(explain).await.map(drop)
            }
            _ => self.prepare_on_postgres(statement).await,
        };
        prepared.map_err(|error| error.to_string())
    }

    async fn prepare_on_postgres(&self, statement: &Statement) -> Result<(), DbErr> {
        let in_parentheses = |list: &[&str]| match list {
            [] => String::new(),
            list => format!("({})", list.join(", ")),
        };
        let types: Vec<&str> = statement.types.iter().map(String::as_str).collect();
        let values = in_parentheses(&vec!["NULL"; types.len()]);
        let types = in_parentheses(&types);
        let prepare = format!("PREPARE previous{types} AS {}", statement.sql);
        self.connection.execute_unprepared(&prepare).await?;
        // What an ON CONFLICT needs is only looked for when the statement is planned.
        let explain = format!("EXPLAIN EXECUTE previous{values}");
        let planned = self.connection.execute_unprepared(&explain).await;
        self.connection
            .execute_unprepared("DEALLOCATE previous")
            .await?;
        planned.map(drop)
    }

    pub(crate) async fn drop(self) {
        self.connection.close().await.unwrap();
        self.scratch.drop().await;
    }
}

/// Names in brackets: SQLite takes a name in quotation marks that it does not know for a text.
fn in_brackets(sql: &str) -> String {
    let (mut in_text, mut in_name) = (false, false);
    sql.chars()
        .map(|c| match c {
            '\'' if !in_name => {
                in_text = !in_text;
                c
            }
            '"' if !in_text => {
                in_name = !in_name;
                if in_name { '[' } else { ']' }
            }
            c => c,
        })
        .collect()
}

#[test]
fn names_are_put_in_brackets_and_texts_are_not() {
    assert_eq!(
        in_brackets(r#"SELECT "it's", 'a "b" ''c''' FROM "t""#),
        r#"SELECT [it's], 'a "b" ''c''' FROM [t]"#
    );
}
