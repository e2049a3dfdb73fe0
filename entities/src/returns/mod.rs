//! The returns database.

pub mod customer_return;
pub mod return_event;
pub mod return_item;

use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, Iterable};

/// Values that SQLite binds in one statement; PostgreSQL binds twice as many.
const MAX_BINDS: usize = 32_766;

/// Inserts rows in as few statements as the databases' limits allow.
async fn insert_chunked<E>(db: &impl ConnectionTrait, rows: Vec<E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::ActiveModel: Send,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let rows_per_statement = MAX_BINDS / E::Column::iter().count();
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    loop {
        let chunk: Vec<_> = rows.by_ref().take(rows_per_statement).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        E::insert_many(chunk).exec_without_returning(db).await?;
    }
}
