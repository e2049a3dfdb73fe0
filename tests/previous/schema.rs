//! A schema as a database describes it.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Schema(BTreeMap<String, Table>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) columns: BTreeMap<String, Column>,
    /// Their definitions. Of SQLite's, without CHECK: PostgreSQL has the same ones.
    pub(crate) constraints: BTreeSet<String>,
    /// Their definitions by name.
    pub(crate) indexes: BTreeMap<String, String>,
    pub(crate) triggers: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Column {
    /// As the database writes it.
    pub(crate) r#type: String,
    pub(crate) is_nullable: bool,
    pub(crate) default: Option<String>,
}

/// Queries of one kind of database. Each row begins with the table.
struct Queries {
    /// Name, type, whether it is nullable, default.
    columns: &'static str,
    /// Definition.
    constraints: &'static str,
    /// Name, definition.
    indexes: &'static str,
    /// Name.
    triggers: &'static str,
}

const SQLITE: Queries = Queries {
    columns: "SELECT t.name, c.name, c.type, c.\"notnull\" = 0, c.dflt_value \
        FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'",
    constraints: "SELECT t.name, CASE i.origin WHEN 'pk' THEN 'PRIMARY KEY (' ELSE 'UNIQUE (' END || \
            (SELECT group_concat(c.name, ', ') FROM (SELECT * FROM pragma_index_info(i.name) ORDER BY seqno) c) || ')' \
            FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table' AND i.origin <> 'c' \
        UNION ALL \
        SELECT t.name, 'FOREIGN KEY (' || f.\"from\" || ') REFERENCES ' || f.\"table\" || '(' || coalesce(f.\"to\", '') || ')' \
            FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
    indexes: "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    triggers: "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'",
};

const POSTGRES: Queries = Queries {
    columns: "SELECT t.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, \
            coalesce(pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attidentity <> '' THEN 'identity' END) \
        FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid \
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace \
            AND a.attnum > 0 AND NOT a.attisdropped",
    constraints: "SELECT t.relname::text, pg_get_constraintdef(k.oid) FROM pg_constraint k \
        JOIN pg_class t ON t.oid = k.conrelid \
        WHERE k.connamespace = current_schema()::regnamespace AND k.contype IN ('p', 'u', 'c', 'f', 'x')",
    indexes: "SELECT t.relname::text, i.relname::text, \
            replace(pg_get_indexdef(x.indexrelid), quote_ident(current_schema()) || '.', '') \
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
        WHERE t.relnamespace = current_schema()::regnamespace AND NOT EXISTS \
            (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))",
    triggers: "SELECT t.relname::text, g.tgname::text FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid \
        WHERE t.relnamespace = current_schema()::regnamespace AND NOT g.tgisinternal",
};

impl Schema {
    /// What the connection's database has.
    pub(crate) async fn of(connection: &impl ConnectionTrait) -> Result<Self, DbErr> {
        let queries = match connection.get_database_backend() {
            DbBackend::Sqlite => SQLITE,
            _ => POSTGRES,
        };
        let mut schema = Self::default();
        for row in rows(connection, queries.columns).await? {
            let column = Column {
                r#type: row.try_get_by_index(2)?,
                is_nullable: row.try_get_by_index(3)?,
                default: row.try_get_by_index(4)?,
            };
            let name = row.try_get_by_index(1)?;
            schema.table(&row)?.columns.insert(name, column);
        }
        for row in rows(connection, queries.constraints).await? {
            let definition = row.try_get_by_index(1)?;
            schema.table(&row)?.constraints.insert(definition);
        }
        for row in rows(connection, queries.indexes).await? {
            let (name, definition) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            schema.table(&row)?.indexes.insert(name, definition);
        }
        for row in rows(connection, queries.triggers).await? {
            let name = row.try_get_by_index(1)?;
            schema.table(&row)?.triggers.insert(name);
        }
        // SQLite's own tables, and that of the library for migrations.
        schema
            .0
            .retain(|name, _| !name.starts_with("sqlite_") && name != "seaql_migrations");
        Ok(schema)
    }

    pub(crate) fn tables(&self) -> &BTreeMap<String, Table> {
        &self.0
    }

    fn table(&mut self, row: &QueryResult) -> Result<&mut Table, DbErr> {
        let name: String = row.try_get_by_index(0)?;
        Ok(self.0.entry(name).or_default())
    }
}

async fn rows(connection: &impl ConnectionTrait, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    let backend = connection.get_database_backend();
    let statement = Statement::from_string(backend, sql);
    connection.query_all_raw(statement).await
}

#[tokio::test]
async fn a_database_describes_its_tables() {
    for database in crate::database::fresh("orders").await {
        let create = "CREATE TABLE things (id integer PRIMARY KEY, code text NOT NULL DEFAULT 'x', note text, UNIQUE (code), \
            FOREIGN KEY (note) REFERENCES leases(name)); CREATE UNIQUE INDEX things_note ON things (note)";
        let connection = &database.connection;
        connection.execute_unprepared(create).await.unwrap();
        let schema = Schema::of(connection).await.unwrap();
        let things = &schema.tables()["things"];
        let code = &things.columns["code"];
        assert_eq!(
            (code.r#type.to_lowercase().as_str(), code.is_nullable),
            ("text", false)
        );
        assert!(code.default.as_deref().unwrap().starts_with("'x'"));
        assert!(things.columns["note"].is_nullable);
        for constraint in [
            "UNIQUE (code)",
            "FOREIGN KEY (note) REFERENCES leases(name)",
        ] {
            assert!(things.constraints.contains(constraint), "{things:?}");
        }
        assert_eq!(things.indexes.len(), 1, "{things:?}");
        assert!(things.indexes["things_note"].contains("UNIQUE"));
        assert!(schema.tables()["orders"].columns.len() > 5);
        assert!(!schema.tables().contains_key("seaql_migrations"));
        database.drop().await;
    }
}
