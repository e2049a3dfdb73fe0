//! Requests to the payment provider for an order, with their state. Written before the provider is called, so
//! that a call of unknown outcome is settled later.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{ExprTrait, IntoActiveModel, QueryOrder, QuerySelect};

use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// The state of an order's payment at the provider.
    PaymentState {
        /// To be captured; the outcome is not known yet.
        Requested = "wanted",
        /// The customer or their bank has to act first.
        AwaitingCustomer = "waiting",
        Captured = "taken",
        /// The bank holds the amount for us; captured when something is sent.
        Authorized = "authorized",
        /// Something was sent: its price is to be captured.
        CaptureRequested = "to_capture",
        /// The order is cancelled: what was captured is to be refunded, and nothing more captured.
        ReleaseRequested = "unwanted",
        /// Nothing was captured, or all of it was refunded.
        Released = "released",
        /// It could not be refunded, or another amount was captured: a person has to settle it.
        NeedsReview = "stuck",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_payments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: Uuid,
    pub state: PaymentState,
    /// Why the provider declined it: `insufficient_funds`, ….
    pub decline_code: Option<String>,
    /// The provider's id of the refund, `re_…`.
    pub refund_id: Option<String>,
    /// What was captured after an authorization; `None` before, and for a payment that was charged at once.
    pub captured_amount: Option<i64>,
    /// How much is to be captured in total, for what was sent so far.
    pub capture_target: Option<i64>,
    /// Until when an authorization can be captured.
    pub authorized_until: Option<DateTime<Utc>>,
    /// When support was told that the authorization is about to end.
    pub expiry_alerted_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The payment of an order. To change it, lock the order.
pub async fn of_order(db: &impl ConnectionTrait, order: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(order).one(db).await
}

/// Authorizations that end before this time, the first ones first.
pub async fn ending_before(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::State.eq(PaymentState::Authorized))
        .filter(Column::AuthorizedUntil.lt(before))
        .order_by_asc(Column::AuthorizedUntil)
        .limit(limit)
        .all(db)
        .await
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

/// The states in which something remains to be done.
pub const OPEN: [PaymentState; 4] = [
    PaymentState::Requested,
    PaymentState::AwaitingCustomer,
    PaymentState::ReleaseRequested,
    PaymentState::CaptureRequested,
];

/// Orders whose payments are open, have not changed since `before`, and have no task of this kind.
pub async fn open_without_task(
    db: &impl ConnectionTrait,
    kind: &str,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let tasks = Query::select()
        .column("key")
        .from("tasks")
        .and_where(Expr::col("kind").eq(kind))
        .to_owned();
    Entity::find()
        .select_only()
        .column(Column::OrderId)
        .filter(Column::State.is_in(OPEN))
        .filter(Column::UpdatedAt.lt(before))
        .filter(Column::OrderId.not_in_subquery(tasks))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// By order.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    keys::rows_by::<Entity>(db, Column::OrderId, orders, |row| row.order_id).await
}

/// Orders whose payments are open and have not changed since `before`.
pub async fn open_since(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::OrderId)
        .filter(Column::State.is_in(OPEN))
        .filter(Column::UpdatedAt.lt(before))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// How many payments are unsettled, by state.
pub async fn count_unsettled(db: &impl ConnectionTrait) -> Result<Vec<(PaymentState, i64)>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::State)
        .column_as(Column::OrderId.count(), "count")
        .filter(Column::State.is_in(OPEN))
        .group_by(Column::State)
        .into_tuple()
        .all(db)
        .await
}
