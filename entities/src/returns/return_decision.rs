//! What support decided about a return: who, when, why, and what it changed. Decisions are added, never changed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder};

use super::customer_return::ReturnStatus;
use super::return_review::ReviewReason;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// What support can decide about a return.
    ReviewDecision {
        /// Get a label, in place of an earlier one.
        RetryLabel = "retry_label",
        /// Ask again to void a label.
        RetryVoid = "retry_void",
        /// Refund, without waiting for the package.
        Refund = "refund",
        /// Refund as store credit.
        RefundToStoreCredit = "refund_to_store_credit",
        /// Close the return without a refund by us.
        Reject = "reject",
        /// Leave it in the queue.
        Wait = "wait",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "return_decisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub return_id: Uuid,
    /// Why the return waited for a person, and since when.
    pub reason: ReviewReason,
    pub since: DateTime<Utc>,
    pub decision: ReviewDecision,
    pub note: String,
    /// The subject of the person's token.
    pub actor: String,
    pub decided_at: DateTime<Utc>,
    pub status_before: ReturnStatus,
    pub status_after: ReturnStatus,
    /// In minor units of the return's currency.
    pub refund_before: i64,
    pub refund_after: i64,
    /// Whether `refund_after` is what a person decided, which is not computed again.
    pub is_refund_fixed: bool,
    /// The carrier that a new label has to be of.
    pub carrier: Option<String>,
    /// Whether a new label may cost any price.
    pub accepts_any_rate: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub async fn insert(db: &impl ConnectionTrait, decision: Model) -> Result<(), DbErr> {
    decision.into_active_model().insert(db).await?;
    Ok(())
}

/// The last decision about a return, and not about the price of one of its labels.
pub async fn latest(db: &impl ConnectionTrait, return_id: Uuid) -> Result<Option<Model>, DbErr> {
    newest_first(return_id)
        .filter(Column::Reason.ne(ReviewReason::LabelNotVoided))
        .one(db)
        .await
}

/// The last decision of a return, whatever it was about.
pub async fn latest_of_all(
    db: &impl ConnectionTrait,
    return_id: Uuid,
) -> Result<Option<Model>, DbErr> {
    newest_first(return_id).one(db).await
}

fn newest_first(return_id: Uuid) -> Select<Entity> {
    Entity::find()
        .filter(Column::ReturnId.eq(return_id))
        .order_by_desc(Column::DecidedAt)
        .order_by_desc(Column::Id)
}

/// Deletes the notes of the decisions about these returns, and returns how many.
pub async fn delete_notes(db: &impl ConnectionTrait, returns: &[Uuid]) -> Result<u64, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Note, Expr::value(""))
        .filter(keys::one_of(db, Column::ReturnId, returns))
        .filter(Column::Note.ne(""))
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// By return, in the order they were made.
pub async fn of_returns(
    db: &impl ConnectionTrait,
    returns: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ReturnId, returns))
        .order_by_asc(Column::DecidedAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_return: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_return.entry(row.return_id).or_default().push(row);
    }
    Ok(by_return)
}
