//! The orders database. Every amount is in minor units of the currency code in its row.

pub mod customer;
pub mod order;
pub mod order_event;
pub mod order_item;
pub mod payment_method;

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Iterable};

/// Values that one statement may bind: SQLite takes 32,766, PostgreSQL 65,535.
const MAX_BINDS: usize = 32_766;

/// Inserts any number of rows, as few statements as the databases allow.
async fn insert_rows<E>(db: &impl ConnectionTrait, rows: Vec<E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: Send,
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
