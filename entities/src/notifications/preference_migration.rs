//! How far the migration of legacy preferences has got: one row.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

/// The only id.
const ID: i32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "preference_migrations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Customers up to this one are migrated.
    pub last_customer: Option<Uuid>,
    /// How many customers.
    pub migrated: i64,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub async fn find(db: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(ID).one(db).await
}

/// Starts the migration, from its beginning if it has finished. One that is under way goes on.
pub async fn start(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::FinishedAt.is_not_null())
        .exec(db)
        .await?;
    let row = ActiveModel {
        id: Set(ID),
        last_customer: Set(None),
        migrated: Set(0),
        started_at: Set(now),
        finished_at: Set(None),
    };
    let unless_started = OnConflict::column(Column::Id).do_nothing().to_owned();
    Entity::insert(row)
        .on_conflict(unless_started)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The state, locked until the transaction ends.
pub async fn lock(db: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(ID).lock_exclusive().one(db).await
}

/// Records that customers up to this one are migrated.
pub async fn advance(
    db: &impl ConnectionTrait,
    last_customer: Uuid,
    migrated: i64,
) -> Result<(), DbErr> {
    Entity::update_many()
        .filter(Column::Id.eq(ID))
        .col_expr(Column::LastCustomer, Expr::value(last_customer))
        .col_expr(Column::Migrated, Expr::value(migrated))
        .exec(db)
        .await?;
    Ok(())
}

pub async fn finish(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<(), DbErr> {
    Entity::update_many()
        .filter(Column::Id.eq(ID))
        .col_expr(Column::FinishedAt, Expr::value(now))
        .exec(db)
        .await?;
    Ok(())
}
