//! The number of a customer's newest sent message.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ExprTrait};

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
    let or_next = OnConflict::column(Column::CustomerId)
        .value(Column::Last, Expr::col((Entity, Column::Last)).add(1))
        .to_owned();
    let row = Entity::insert(first)
        .on_conflict(or_next)
        .exec_with_returning(db)
        .await?;
    Ok(row.last)
}

/// The number of the customer's newest sent message; 0 before the first.
pub async fn last(db: &impl ConnectionTrait, customer: Uuid) -> Result<i64, DbErr> {
    let row = Entity::find_by_id(customer).one(db).await?;
    Ok(row.map_or(0, |row| row.last))
}
