//! How many questions a carrier still allows: one bucket for all instances.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "carrier_budgets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub carrier: String,
    /// When the bucket is full again if nobody asks any more.
    pub full_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// When the bucket is full, locked until the transaction ends; a new one is full now.
pub async fn lock(
    db: &impl ConnectionTrait,
    carrier: &str,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, DbErr> {
    let new = ActiveModel {
        carrier: Set(carrier.to_owned()),
        full_at: Set(now),
    };
    Entity::insert(new)
        .on_conflict_do_nothing_on([Column::Carrier])
        .exec_without_returning(db)
        .await?;
    let row = Entity::find_by_id(carrier.to_owned())
        .lock_exclusive()
        .one(db)
        .await?;
    Ok(row.map_or(now, |row| row.full_at))
}

pub async fn update(
    db: &impl ConnectionTrait,
    carrier: &str,
    full_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::FullAt, Expr::value(full_at))
        .filter(Column::Carrier.eq(carrier))
        .exec(db)
        .await?;
    Ok(())
}
