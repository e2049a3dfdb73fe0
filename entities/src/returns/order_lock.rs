//! An order lock: a row that serializes changes of an order's returns, since the order itself is in another domain's
//! database.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_turns")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    pub taken_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Acquires the order's lock and holds it until the transaction ends. What is read of the order's returns afterwards
/// stays true until then.
pub async fn acquire(
    transaction: &impl ConnectionTrait,
    order: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    // An upsert rather than a lock: the first return of an order finds no row to lock.
    Entity::insert(ActiveModel {
        order_id: Set(order),
        taken_at: Set(now),
    })
    .on_conflict(
        OnConflict::column(Column::OrderId)
            .update_column(Column::TakenAt)
            .to_owned(),
    )
    .exec_without_returning(transaction)
    .await?;
    Ok(())
}
