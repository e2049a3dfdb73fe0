//! Store credit given instead of money, because the original payment method is no longer usable.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ExprTrait, IntoActiveModel};

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
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Credits an amount of a return, adding to existing credit, and returns the credit's id. The caller must hold the
/// return's lock and know that this amount was not credited before.
pub async fn issue(db: &impl ConnectionTrait, credit: Model) -> Result<Uuid, DbErr> {
    let (new, return_id, amount) = (credit.id, credit.return_id, credit.amount);
    let inserted = Entity::insert(credit.into_active_model())
        .on_conflict(OnConflict::column(Column::ReturnId).do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    if inserted == 1 {
        return Ok(new);
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
    Ok(known.map_or(new, |known| known.id))
}
