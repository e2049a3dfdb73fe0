//! The remaining call rate of a third party: one bucket for all processes over this database.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "call_rates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    /// When the bucket is full again if nobody else calls.
    pub full_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// When the bucket is full, locked until the transaction ends; a new bucket is full.
pub async fn lock(
    db: &impl ConnectionTrait,
    provider: &str,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, DbErr> {
    let new = ActiveModel {
        provider: Set(provider.to_owned()),
        full_at: Set(now),
    };
    Entity::insert(new)
        .on_conflict(OnConflict::column(Column::Provider).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    let row = Entity::find_by_id(provider.to_owned())
        .lock_exclusive()
        .one(db)
        .await?;
    Ok(row.map_or(now, |row| row.full_at))
}

pub async fn update(
    db: &impl ConnectionTrait,
    provider: &str,
    full_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::FullAt, Expr::value(full_at))
        .filter(Column::Provider.eq(provider))
        .exec(db)
        .await?;
    Ok(())
}
