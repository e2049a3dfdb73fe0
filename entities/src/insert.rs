//! Bulk inserts, for imports and demo data.

use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, Iterable};

/// SQLite's limit on bound values per statement; PostgreSQL's is twice as high.
const MAX_BINDS: usize = 32_766;

/// Inserts rows in as few statements as the databases' limits allow.
pub async fn insert_many<E>(db: &impl ConnectionTrait, rows: Vec<E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::ActiveModel: Send,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    let rows_of_a_statement = MAX_BINDS / E::Column::iter().count();
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    loop {
        let chunk: Vec<_> = rows.by_ref().take(rows_of_a_statement).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        E::insert_many(chunk).exec_without_returning(db).await?;
    }
}
