//! Foreign keys of all tables of a database, and the rows that break them.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Query};
use sea_orm::{Condition, DbBackend, ExprTrait, QueryResult, Statement};

/// Columns of a table that refer to another table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignKey {
    pub table: String,
    pub parent: String,
    /// The columns, each with the parent's.
    pub columns: Vec<(String, String)>,
}

const OF_SQLITE: &str = "SELECT t.name, f.id, f.\"table\", f.\"from\", f.\"to\" \
    FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table' ORDER BY t.name, f.id, f.seq";

const OF_POSTGRES: &str = "SELECT t.relname::text, f.oid::bigint, p.relname::text, a.attname::text, b.attname::text \
    FROM pg_constraint f JOIN pg_class t ON t.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid \
    JOIN unnest(f.conkey, f.confkey) WITH ORDINALITY k (child, parent, position) ON true \
    JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.child \
    JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.parent \
    WHERE f.contype = 'f' AND f.connamespace = current_schema()::regnamespace \
    ORDER BY t.relname, f.oid, k.position";

/// The foreign keys of all tables.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<ForeignKey>, DbErr> {
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Sqlite => OF_SQLITE,
        _ => OF_POSTGRES,
    };
    let rows = db
        .query_all_raw(Statement::from_string(backend, sql))
        .await?;
    let mut keys: BTreeMap<(String, i64), ForeignKey> = BTreeMap::new();
    for row in rows {
        let table: String = row.try_get_by_index(0)?;
        let id: i64 = row.try_get_by_index(1)?;
        let parent = row.try_get_by_index(2)?;
        let key = keys.entry((table.clone(), id)).or_insert(ForeignKey {
            table,
            parent,
            columns: Vec::new(),
        });
        let pair = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        key.columns.push(pair);
    }
    Ok(keys.into_values().collect())
}

/// What rows of the table refer to that the parent does not have, as text: at most `limit`.
pub async fn orphans(
    db: &impl ConnectionTrait,
    key: &ForeignKey,
    limit: u64,
) -> Result<Vec<String>, DbErr> {
    let child = |column: &str| Expr::col((Alias::new("child"), Alias::new(column)));
    let mut is_parent = Condition::all();
    let mut refers = Condition::all();
    for (column, of_parent) in &key.columns {
        let of_parent = (Alias::new("parent"), Alias::new(of_parent));
        is_parent = is_parent.add(child(column).equals(of_parent));
        refers = refers.add(child(column).is_not_null());
    }
    let parent = Query::select()
        .expr(Expr::val(1))
        .from_as(Alias::new(&key.parent), Alias::new("parent"))
        .cond_where(is_parent)
        .to_owned();
    let mut orphans = Query::select();
    orphans
        .distinct()
        .from_as(Alias::new(&key.table), Alias::new("child"))
        .cond_where(refers)
        .and_where(Expr::exists(parent).not())
        .limit(limit);
    for (column, _) in &key.columns {
        orphans.expr(child(column));
    }
    let rows = db.query_all(&orphans).await?;
    rows.iter()
        .map(|row| text(row, key.columns.len()))
        .collect()
}

/// The values of a row, which are ids or text.
fn text(row: &QueryResult, columns: usize) -> Result<String, DbErr> {
    let values = (0..columns).map(|index| match row.try_get_by_index::<Uuid>(index) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => row.try_get_by_index::<String>(index),
    });
    Ok(values.collect::<Result<Vec<_>, _>>()?.join(" "))
}
