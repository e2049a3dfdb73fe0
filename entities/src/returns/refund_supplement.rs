//! Shipping that is refunded separately, because it became due after the return's refund was issued.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::IntoActiveModel;
use sea_orm::entity::prelude::*;

use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refund_supplements")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub return_id: Uuid,
    /// In minor units of the return's currency; included in its `refund_total`.
    pub amount: i64,
    /// The payment to refund; `None`: given as store credit.
    pub payment_intent_id: Option<String>,
    /// The id of the provider's refund, or of the store credit.
    pub provider_id: Option<String>,
    pub requested_at: DateTime<Utc>,
    pub issued_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub async fn of_return(db: &impl ConnectionTrait, return_id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(return_id).one(db).await
}

pub async fn insert(db: &impl ConnectionTrait, supplement: Model) -> Result<(), DbErr> {
    supplement.into_active_model().insert(db).await?;
    Ok(())
}

/// Records that it was paid, and returns whether it had not been before.
pub async fn issue(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    provider_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let issued = Entity::update_many()
        .col_expr(Column::ProviderId, Expr::value(provider_id))
        .col_expr(Column::IssuedAt, Expr::value(now))
        .filter(Column::ReturnId.eq(return_id))
        .filter(Column::IssuedAt.is_null())
        .exec(db)
        .await?;
    Ok(issued.rows_affected == 1)
}

/// Records that it was given as store credit, because the bank sent the refund back.
pub async fn replace_refund(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    credit: &str,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ProviderId, Expr::value(credit))
        .filter(Column::ReturnId.eq(return_id))
        .exec(db)
        .await?;
    Ok(())
}

/// By return.
pub async fn of_returns(
    db: &impl ConnectionTrait,
    returns: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    keys::rows_by::<Entity>(db, Column::ReturnId, returns, |row| row.return_id).await
}
