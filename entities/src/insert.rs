//! Inserts of many rows.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
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

/// Inserts rows in one statement. Of those whose key there is already, only these columns change.
pub(crate) async fn upsert<E>(
    db: &impl ConnectionTrait,
    key: impl IntoIterator<Item = E::Column>,
    changing: impl IntoIterator<Item = E::Column>,
    rows: Vec<E::Model>,
) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::ActiveModel: Send,
    E::Model: IntoActiveModel<E::ActiveModel>,
{
    if rows.is_empty() {
        return Ok(());
    }
    let or_change = OnConflict::columns(key).update_columns(changing).to_owned();
    E::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .on_conflict(or_change)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
