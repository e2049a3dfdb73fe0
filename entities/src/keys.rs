//! Rows of many keys.

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::{DbBackend, ExprTrait};

/// The rows of these keys, where each has one at most.
pub(crate) async fn rows_by<E: EntityTrait>(
    db: &impl ConnectionTrait,
    column: E::Column,
    keys: &[Uuid],
    key: fn(&E::Model) -> Uuid,
) -> Result<HashMap<Uuid, E::Model>, DbErr> {
    let rows = E::find().filter(one_of(db, column, keys)).all(db).await?;
    Ok(rows.into_iter().map(|row| (key(&row), row)).collect())
}

/// Up to so many keys, PostgreSQL gets each as a parameter. It expects ten in an array: with fewer, it would find it
/// worthwhile to plan a statement anew each time.
const LISTED: usize = 8;

/// The column is one of these keys, of which there are few, as on a page. PostgreSQL gets more than [`LISTED`] as one
/// parameter, so that a statement is prepared and planned once and not for each number of keys. SQLite gets each, and plans
/// by how many there are.
pub(crate) fn one_of(db: &impl ConnectionTrait, column: impl ColumnTrait, keys: &[Uuid]) -> Expr {
    match db.get_database_backend() {
        DbBackend::Postgres if keys.len() > LISTED => column.eq_any(keys.iter().copied()),
        _ => column.is_in(keys.iter().copied()),
    }
}

/// The column is one of these keys. The database gets them as one parameter: a statement that is the same for any number
/// of keys is prepared once, while a list of a thousand parameters costs more than the rows.
pub(crate) fn any_of(db: &impl ConnectionTrait, column: impl ColumnTrait, keys: &[Uuid]) -> Expr {
    match db.get_database_backend() {
        DbBackend::Postgres => one_of(db, column, keys),
        _ => Expr::cust_with_exprs(
            "? IN (SELECT unhex(value) FROM json_each(?))",
            [Expr::col(column.as_column_ref()), Expr::val(list(keys))],
        ),
    }
}

/// A text column beside keys, to find by the keys alone. SQLite has no statistics: it takes an index on a state for more
/// selective than a list of keys, and reads all rows in that state.
pub(crate) fn unindexed(column: impl ColumnTrait) -> Expr {
    Expr::col(column.as_column_ref()).cast_as("text")
}

/// A column of ids beside keys, to find by the keys alone, as [`unindexed`] does for texts: one owner may have more rows
/// than the keys.
pub(crate) fn beside_keys(db: &impl ConnectionTrait, column: impl ColumnTrait) -> Expr {
    let column = Expr::col(column.as_column_ref());
    match db.get_database_backend() {
        DbBackend::Postgres => column,
        _ => Expr::cust_with_exprs("+?", [column]),
    }
}

/// A JSON array of the keys' 32 digits.
fn list(keys: &[Uuid]) -> String {
    let mut list = String::with_capacity(2 + keys.len() * 35);
    list.push('[');
    let mut digits = Uuid::encode_buffer();
    for (index, key) in keys.iter().enumerate() {
        let separator = if index == 0 { "\"" } else { ",\"" };
        list.push_str(separator);
        list.push_str(key.simple().encode_lower(&mut digits));
        list.push('"');
    }
    list.push(']');
    list
}
