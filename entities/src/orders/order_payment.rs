//! What is wanted of the payment provider for an order, and how far it is. Written before the
//! provider is called, so that a call whose outcome is unknown is settled later.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    /// `wanted`, `waiting`, `taken`, `unwanted`, `released` or `stuck`.
    pub state: String,
    /// Why the provider did not take it: `insufficient_funds`, ….
    pub decline_code: Option<String>,
    /// The provider's name for what was given back, `re_…`.
    pub refund_id: Option<String>,
    /// Attempts to settle it that failed, since it last came further.
    pub attempts: i32,
    /// When it is looked at next; `None`: it is settled.
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The payment of an order. Who changes it holds its order.
pub async fn of_order(db: &impl ConnectionTrait, order: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(order).one(db).await
}

pub async fn insert(transaction: &impl ConnectionTrait, payment: Model) -> Result<(), DbErr> {
    payment.into_active_model().insert(transaction).await?;
    Ok(())
}

pub async fn update(transaction: &impl ConnectionTrait, payment: Model) -> Result<(), DbErr> {
    let mut row = payment.into_active_model().reset_all();
    row.not_set(Column::CreatedAt);
    row.update(transaction).await?;
    Ok(())
}

/// The orders whose payments are to be looked at by now, those that wait longest first.
pub async fn due(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::OrderId)
        .filter(Column::NextAttemptAt.lte(now))
        .order_by_asc(Column::NextAttemptAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// How many payments of each state are not settled.
pub async fn count_unsettled(db: &impl ConnectionTrait) -> Result<Vec<(String, i64)>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::State)
        .column_as(Column::OrderId.count(), "count")
        .filter(Column::NextAttemptAt.is_not_null())
        .group_by(Column::State)
        .into_tuple()
        .all(db)
        .await
}
