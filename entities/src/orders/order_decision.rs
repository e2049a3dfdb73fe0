//! What support did about an order: who, when, why, and what it changed. Entries are added, never changed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder};

use super::order::OrderStatus;
use super::order_review::ReviewReason;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// What support can do about an order.
    OrderDecision {
        /// Ask the payment provider again.
        RetryPayment = "retry_payment",
        /// Cancel the order, and return the payment.
        Cancel = "cancel",
        /// Nothing more is needed here.
        Resolve = "resolve",
        /// Leave it in the queue.
        Wait = "wait",
        /// Refund an amount.
        Refund = "refund",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_decisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    /// Why the order waited for a person, and since when; `None` if it did not.
    pub reason: Option<ReviewReason>,
    pub since: Option<DateTime<Utc>>,
    pub decision: OrderDecision,
    pub note: String,
    /// The subject of the person's token.
    pub actor: String,
    pub decided_at: DateTime<Utc>,
    pub status_before: OrderStatus,
    pub status_after: OrderStatus,
    /// What was to be refunded, in minor units of the order's currency.
    pub refund_amount: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub async fn insert(db: &impl ConnectionTrait, decision: Model) -> Result<(), DbErr> {
    decision.into_active_model().insert(db).await?;
    Ok(())
}

/// Deletes the notes of the decisions about these orders, and returns how many.
pub async fn delete_notes(db: &impl ConnectionTrait, orders: &[Uuid]) -> Result<u64, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Note, Expr::value(""))
        .filter(keys::one_of(db, Column::OrderId, orders))
        .filter(Column::Note.ne(""))
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// By order, in the order they were made.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        .order_by_asc(Column::DecidedAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_order: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_order.entry(row.order_id).or_default().push(row);
    }
    Ok(by_order)
}
