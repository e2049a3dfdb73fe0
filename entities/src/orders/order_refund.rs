//! A refund that support made of an order's payment. It is written before the payment provider is called.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder};

use crate::batch;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// The state of a refund by support.
    OrderRefundState {
        /// The payment provider has not confirmed it yet.
        Requested = "requested",
        Issued = "issued",
        /// The payment provider or the bank refused it: nothing was refunded.
        Refused = "refused",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_refunds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    /// In minor units of the order's currency.
    pub amount: i64,
    pub state: OrderRefundState,
    /// The payment provider's id of the refund, `re_…`.
    pub provider_id: Option<String>,
    /// Why it was refused, in the payment provider's words.
    pub failure: Option<String>,
    pub requested_at: DateTime<Utc>,
    /// When it was issued or, at last, refused.
    pub settled_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub async fn insert(db: &impl ConnectionTrait, refund: Model) -> Result<(), DbErr> {
    refund.into_active_model().insert(db).await?;
    Ok(())
}

/// How much these refunds have given back or will: all but those that were refused, in minor units.
pub fn total<'a>(refunds: impl IntoIterator<Item = &'a Model>) -> i64 {
    refunds
        .into_iter()
        .filter(|refund| refund.state != OrderRefundState::Refused)
        .map(|refund| refund.amount)
        .sum()
}

pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// Settles a refund, and returns whether it did. One that was issued can still be refused; one that was refused stays so.
pub async fn settle(db: &impl ConnectionTrait, refund: &Model) -> Result<bool, DbErr> {
    let before: &[OrderRefundState] = match refund.state {
        OrderRefundState::Requested => &[],
        OrderRefundState::Issued => &[OrderRefundState::Requested],
        OrderRefundState::Refused => &[OrderRefundState::Requested, OrderRefundState::Issued],
    };
    let settled = Entity::update_many()
        .col_expr(Column::State, Expr::value(refund.state))
        .col_expr(Column::ProviderId, Expr::value(refund.provider_id.clone()))
        .col_expr(Column::Failure, Expr::value(refund.failure.clone()))
        .col_expr(Column::SettledAt, Expr::value(refund.settled_at))
        .filter(Column::Id.eq(refund.id))
        .filter(Column::State.is_in(before.iter().copied()))
        .exec(db)
        .await?;
    Ok(settled.rows_affected == 1)
}

/// By order, in the order they were requested.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        .order_by_asc(Column::RequestedAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_order: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_order.entry(row.order_id).or_default().push(row);
    }
    Ok(by_order)
}

/// Which of these exist.
pub async fn existing(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashSet<Uuid>, DbErr> {
    batch::existing::<Entity>(db, Column::Id, ids).await
}
