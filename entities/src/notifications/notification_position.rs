//! The number of a customer's newest sent message.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use crate::numbering;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_positions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    pub last: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The customer's next number, from 1. A concurrent transaction that requests one for this customer waits until this
/// one ends, so numbers are committed in order: whoever reads beyond a number misses nothing.
pub async fn next(db: &impl ConnectionTrait, customer: Uuid) -> Result<i64, DbErr> {
    let first = ActiveModel {
        customer_id: Set(customer),
        last: Set(1),
    };
    let row = numbering::next::<Entity>(db, first, Column::CustomerId, Column::Last).await?;
    Ok(row.last)
}

/// The number of the customer's newest sent message; 0 before the first.
pub async fn last(db: &impl ConnectionTrait, customer: Uuid) -> Result<i64, DbErr> {
    let row = Entity::find_by_id(customer).one(db).await?;
    Ok(row.map_or(0, |row| row.last))
}
