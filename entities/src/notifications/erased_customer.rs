//! A customer who was erased and has asked for nothing since. The row outlives everything else about them: without
//! preferences, a customer would get messages by default.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::batch;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erased_customers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    pub erased_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Records that the customer was erased, unless that is recorded already.
pub async fn insert(
    db: &impl ConnectionTrait,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        customer_id: Set(customer),
        erased_at: Set(now),
    };
    let unless_known = OnConflict::column(Column::CustomerId)
        .do_nothing()
        .to_owned();
    Entity::insert(row)
        .on_conflict(unless_known)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Whether the customer was erased.
pub async fn exists(db: &impl ConnectionTrait, customer: Uuid) -> Result<bool, DbErr> {
    let found = Entity::find_by_id(customer).one(db).await?;
    Ok(found.is_some())
}

/// Which of these customers were erased.
pub async fn of_customers(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<HashSet<Uuid>, DbErr> {
    batch::existing::<Entity>(db, Column::CustomerId, customers).await
}

/// Forgets that the customer was erased, because they ask for messages again.
pub async fn delete(db: &impl ConnectionTrait, customer: Uuid) -> Result<(), DbErr> {
    Entity::delete_by_id(customer).exec(db).await?;
    Ok(())
}
