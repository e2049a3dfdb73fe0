//! Deals that wait for their time, one row for each message. A row is deleted when its message is sent, or not to be sent.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ExprTrait, PaginatorTrait, QueryOrder, QuerySelect};

use super::notification::{self, DeliveryStatus};
use super::preference::NotificationChannel;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    DealState {
        /// For its time, or its turn.
        Waiting = "waiting",
        /// It was handed to a queue outside of the database.
        Queued = "queued",
        /// It was handed to the task that sends it.
        Released = "released",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deal_queue")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub notification_id: Uuid,
    pub customer_id: Uuid,
    pub channel: NotificationChannel,
    pub state: DealState,
    /// Higher ones first, among customers.
    pub priority: i32,
    /// When to decide about it next.
    pub due_at: DateTime<Utc>,
    pub window_start: DateTime<Utc>,
    pub window_end: DateTime<Utc>,
    /// How often it was handed to a queue outside of the database.
    pub rounds: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Waiting deals of this priority that are due, those first that have been due for longest. Of each customer only the
/// first one, and none while an earlier one is being sent. What a customer has waiting for later costs nothing.
pub async fn due(
    db: &impl ConnectionTrait,
    priority: i32,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let of_prior = |column: Column| Expr::col((PRIOR, column));
    let handed_on = of_same_customer()
        .and_where(
            of_prior(Column::State)
                .is_in([DealState::Queued.as_str(), DealState::Released.as_str()]),
        )
        .to_owned();
    let before = of_same_customer()
        .and_where(of_prior(Column::State).eq(DealState::Waiting.as_str()))
        .and_where(of_prior(Column::DueAt).lte(now))
        .and_where(of_prior(Column::NotificationId).lt(Expr::col((Entity, Column::NotificationId))))
        .to_owned();
    Entity::find()
        .filter(Column::State.eq(DealState::Waiting))
        .filter(Column::Priority.eq(priority))
        .filter(Column::DueAt.lte(now))
        .filter(Expr::exists(handed_on).not())
        .filter(Expr::exists(before).not())
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::NotificationId)
        .limit(limit)
        .all(db)
        .await
}

/// Another deal of the same customer.
const PRIOR: &str = "prior";

/// Deals of the same customer. The offset keeps PostgreSQL from joining them: it would read the deals of all customers,
/// where each one's are found by their index.
fn of_same_customer() -> SelectStatement {
    Query::select()
        .expr(Expr::value(1))
        .from_as(Entity, PRIOR)
        .and_where(
            Expr::col((PRIOR, Column::CustomerId)).eq(Expr::col((Entity, Column::CustomerId))),
        )
        .limit(1)
        .offset(0)
        .to_owned()
}

/// The customer's waiting deals that are due, those first that have been due for longest.
pub async fn due_of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::State.eq(DealState::Waiting))
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::NotificationId)
        .limit(limit)
        .all(db)
        .await
}

/// These deals.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(keys::one_of(db, Column::NotificationId, ids))
        .order_by_asc(Column::NotificationId)
        .all(db)
        .await
}

/// Whether any of the customer's deals waits.
pub async fn has_waiting(db: &impl ConnectionTrait, customer: Uuid) -> Result<bool, DbErr> {
    let first: Option<Uuid> = Entity::find()
        .select_only()
        .column(Column::NotificationId)
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::State.eq(DealState::Waiting))
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    Ok(first.is_some())
}

/// The customer's waiting deals after this one, in the order of their ids.
pub async fn waiting_of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    page_of_waiting(after, limit)
        .filter(Column::CustomerId.eq(customer))
        .all(db)
        .await
}

/// Waiting deals after this one, in the order of their ids.
pub async fn waiting_after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    page_of_waiting(after, limit).all(db).await
}

/// Nearly all deals wait, so their state narrows nothing.
fn page_of_waiting(after: Option<Uuid>, limit: u64) -> Select<Entity> {
    Entity::find()
        .filter(Column::NotificationId.gt(after.unwrap_or_default()))
        .filter(keys::unindexed(Column::State).eq(DealState::Waiting.as_str()))
        .order_by_asc(Column::NotificationId)
        .limit(limit)
}

/// Moves a deal from one state to another. Returns whether it was in that state.
pub async fn set_state(
    db: &impl ConnectionTrait,
    id: Uuid,
    from: DealState,
    to: DealState,
) -> Result<bool, DbErr> {
    let moved = Entity::update_many()
        .filter(Column::NotificationId.eq(id))
        .filter(Column::State.eq(from))
        .col_expr(Column::State, Expr::value(to.as_str()))
        .exec(db)
        .await?;
    Ok(moved.rows_affected == 1)
}

/// Moves deals from one state to another at once. Returns how many were in that state.
pub async fn set_states(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    from: DealState,
    to: DealState,
) -> Result<u64, DbErr> {
    let moved = Entity::update_many()
        .filter(keys::one_of(db, Column::NotificationId, ids))
        .filter(keys::unindexed(Column::State).eq(from.as_str()))
        .col_expr(Column::State, Expr::value(to.as_str()))
        .exec(db)
        .await?;
    Ok(moved.rows_affected)
}

/// Has deals wait until then: some that wait already, or that come back from another queue. Returns how many were in that
/// state.
pub async fn wait_until(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    from: DealState,
    due_at: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let moved = Entity::update_many()
        .filter(keys::one_of(db, Column::NotificationId, ids))
        .filter(keys::unindexed(Column::State).eq(from.as_str()))
        .col_expr(Column::State, Expr::value(DealState::Waiting.as_str()))
        .col_expr(Column::DueAt, Expr::value(due_at))
        .exec(db)
        .await?;
    Ok(moved.rows_affected)
}

/// Hands waiting deals to a queue outside of the database, in another round.
pub async fn begin_round(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .filter(keys::one_of(db, Column::NotificationId, ids))
        .filter(keys::unindexed(Column::State).eq(DealState::Waiting.as_str()))
        .col_expr(Column::State, Expr::value(DealState::Queued.as_str()))
        .col_expr(Column::DueAt, Expr::value(now))
        .col_expr(Column::Rounds, Expr::col(Column::Rounds).add(1))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes deals back that were handed to a queue outside of the database before this time, and not received since.
pub async fn take_back(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let taken = Entity::update_many()
        .filter(Column::State.eq(DealState::Queued))
        .filter(Column::DueAt.lt(before))
        .col_expr(Column::State, Expr::value(DealState::Waiting.as_str()))
        .col_expr(Column::DueAt, Expr::value(now))
        .exec(db)
        .await?;
    Ok(taken.rows_affected)
}

pub async fn delete(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<u64, DbErr> {
    if ids.is_empty() {
        return Ok(0);
    }
    let deleted = Entity::delete_many()
        .filter(keys::one_of(db, Column::NotificationId, ids))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Deletes deals whose messages are sent, or not to be sent: these, or all that were handed on.
pub async fn delete_settled(db: &impl ConnectionTrait, ids: Option<&[Uuid]>) -> Result<u64, DbErr> {
    let open = Query::select()
        .column(notification::Column::Id)
        .from(notification::Entity)
        .and_where(
            Expr::col((notification::Entity, notification::Column::Id))
                .eq(Expr::col((Entity, Column::NotificationId))),
        )
        .and_where(
            Expr::col((notification::Entity, notification::Column::Status)).is_in([
                DeliveryStatus::Scheduled.as_str(),
                DeliveryStatus::Failed.as_str(),
            ]),
        )
        .to_owned();
    let mut settled = Entity::delete_many().filter(Expr::exists(open).not());
    settled = match ids {
        Some(ids) => settled.filter(Column::NotificationId.is_in(ids.iter().copied())),
        None => settled.filter(Column::State.is_in([DealState::Queued, DealState::Released])),
    };
    Ok(settled.exec(db).await?.rows_affected)
}

/// How many deals there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub waiting: u64,
    pub handed_on: u64,
    pub due: u64,
}

pub async fn count(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Counts, DbErr> {
    let waiting = || Entity::find().filter(Column::State.eq(DealState::Waiting));
    Ok(Counts {
        waiting: waiting().count(db).await?,
        handed_on: Entity::find()
            .filter(Column::State.is_in([DealState::Queued, DealState::Released]))
            .count(db)
            .await?,
        due: waiting().filter(Column::DueAt.lte(now)).count(db).await?,
    })
}

/// Deletes the customer's deals.
pub async fn delete_of_customer(db: &impl ConnectionTrait, customer: Uuid) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::CustomerId.eq(customer))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
