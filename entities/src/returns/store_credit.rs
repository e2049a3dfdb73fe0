//! Store credit given instead of money, because the original payment method is no longer usable.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ExprTrait, IntoActiveModel, QuerySelect};

use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// Why no money was refunded.
    StoreCreditReason {
        /// The payment method has expired or was closed.
        PaymentUnusable = "payment_unusable",
        /// The bank sent the refund back.
        RefundFailed = "refund_failed",
        /// Support decided so.
        SupportDecision = "support_decision",
        /// Store credit paid this part of the order.
        PaidByCredit = "paid_by_credit",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "store_credits")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    pub return_id: Uuid,
    /// In minor units of `currency`.
    pub amount: i64,
    pub currency: String,
    pub reason: StoreCreditReason,
    /// When the orders domain, where customers spend it, was told of it.
    pub announced_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Credits an amount of a return, adding to existing credit, and returns the credit. The caller must hold the return's
/// lock and know that this amount was not credited before.
pub async fn issue(db: &impl ConnectionTrait, credit: Model) -> Result<Model, DbErr> {
    let (return_id, amount) = (credit.return_id, credit.amount);
    let inserted = Entity::insert(credit.clone().into_active_model())
        .on_conflict(OnConflict::column(Column::ReturnId).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    if inserted == 1 {
        return Ok(credit);
    }
    Entity::update_many()
        .col_expr(Column::Amount, Expr::col(Column::Amount).add(amount))
        .filter(Column::ReturnId.eq(return_id))
        .exec(db)
        .await?;
    let known = Entity::find()
        .filter(Column::ReturnId.eq(return_id))
        .one(db)
        .await?;
    Ok(known.unwrap_or(credit))
}

/// Credits of which the orders domain was not told.
pub async fn unannounced(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::AnnouncedAt.is_null())
        .limit(limit)
        .lock_exclusive()
        .all(db)
        .await
}

/// Records that the orders domain was told of these credits.
pub async fn set_announced(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::AnnouncedAt, Expr::value(now))
        .filter(keys::one_of(db, Column::Id, ids))
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
