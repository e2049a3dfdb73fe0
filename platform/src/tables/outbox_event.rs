//! An event that was written with the change it tells of, and is published afterwards.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LockBehavior, LockType, Query};
use sea_orm::{ExprTrait, FromQueryResult, QueryOrder, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub topic: String,
    pub event_type: String,
    pub aggregate_id: String,
    /// Counts the events of one aggregate, from 1.
    pub sequence: i64,
    pub data: Json,
    pub occurred_at: DateTime<Utc>,
    pub published_at: Option<DateTime<Utc>>,
    /// Until then a publisher is at work on it.
    pub claimed_until: Option<DateTime<Utc>>,
    /// How often it was refused.
    pub attempts: i32,
    pub next_attempt_at: DateTime<Utc>,
    pub last_error: Option<String>,
    pub dead_lettered_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How much waits, since when, and how much was given up.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Backlog {
    pub waiting: i64,
    /// When the oldest of those that wait happened.
    pub oldest: Option<DateTime<Utc>>,
}

fn waiting() -> Select<Entity> {
    Entity::find()
        .filter(Column::PublishedAt.is_null())
        .filter(Column::DeadLetteredAt.is_null())
}

/// What waits to be published.
pub async fn backlog(db: &impl ConnectionTrait) -> Result<Backlog, DbErr> {
    let backlog = waiting()
        .select_only()
        .column_as(Column::Id.count(), "waiting")
        .column_as(Column::OccurredAt.min(), "oldest")
        .into_model::<Backlog>()
        .one(db)
        .await?;
    Ok(backlog.unwrap_or(Backlog {
        waiting: 0,
        oldest: None,
    }))
}

/// How many were given up.
pub async fn count_dead(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::DeadLetteredAt.is_not_null())
        .count(db)
        .await
}

/// Whether there is one that may be published now.
pub async fn is_any_due(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let due = due(now).select_only().column(Column::Id).limit(1);
    Ok(due.into_tuple::<Uuid>().one(db).await?.is_some())
}

/// Those that may be published now: of each aggregate the first that waits, and only when nobody
/// is at work on it and its next attempt has come.
fn due(now: DateTime<Utc>) -> Select<Entity> {
    let of_earlier = |column: Column| Expr::col(("earlier", column));
    let of_this = |column: Column| Expr::col((Entity, column));
    let earlier = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, "earlier")
        .and_where(of_earlier(Column::Topic).eq(of_this(Column::Topic)))
        .and_where(of_earlier(Column::AggregateId).eq(of_this(Column::AggregateId)))
        .and_where(of_earlier(Column::Sequence).lt(of_this(Column::Sequence)))
        .and_where(of_earlier(Column::PublishedAt).is_null())
        .and_where(of_earlier(Column::DeadLetteredAt).is_null())
        .to_owned();
    waiting()
        .filter(Column::NextAttemptAt.lte(now))
        .filter(
            Column::ClaimedUntil
                .is_null()
                .or(Column::ClaimedUntil.lte(now)),
        )
        .filter(Expr::not_exists(earlier))
}

/// Takes some of those that are due, oldest first, for one publisher: the others pass them over
/// until the claim ends.
pub async fn claim(
    transaction: &crate::database::DatabaseTransaction,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let claimed = due(now)
        .order_by_asc(Column::Id)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(transaction)
        .await?;
    if !claimed.is_empty() {
        Entity::update_many()
            .col_expr(Column::ClaimedUntil, Expr::value(until))
            .filter(Column::Id.is_in(claimed.iter().map(|event| event.id)))
            .exec(transaction)
            .await?;
    }
    Ok(claimed)
}

/// They are published; nobody has to look at them again.
pub async fn mark_published(
    db: &impl ConnectionTrait,
    events: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::PublishedAt, Expr::value(now))
        .filter(Column::Id.is_in(events.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}

/// They could not be published through no fault of theirs: they may be tried again from `at` on.
pub async fn postpone(
    db: &impl ConnectionTrait,
    events: &[Uuid],
    at: DateTime<Utc>,
    error: &str,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ClaimedUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::NextAttemptAt, Expr::value(at))
        .col_expr(Column::LastError, Expr::value(error))
        .filter(Column::Id.is_in(events.iter().copied()))
        .filter(Column::PublishedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// It was refused: once more it is tried at `at`, or given up when there is no such time.
pub async fn record_failure(
    db: &impl ConnectionTrait,
    event: &Model,
    at: Option<DateTime<Utc>>,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let dead = at.is_none().then_some(now);
    Entity::update_many()
        .col_expr(Column::ClaimedUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::Attempts, Expr::value(event.attempts + 1))
        .col_expr(Column::NextAttemptAt, Expr::value(at.unwrap_or(now)))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::DeadLetteredAt, Expr::value(dead))
        .filter(Column::Id.eq(event.id))
        .filter(Column::PublishedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Those that were given up, oldest first.
pub async fn dead(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::DeadLetteredAt.is_not_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Those that could not be published yet and will be tried again, oldest first.
pub async fn failing(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    waiting()
        .filter(Column::LastError.is_not_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Has those that were given up or refused, these or all, tried again at once; the number is of those.
pub async fn requeue(
    db: &impl ConnectionTrait,
    events: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::DeadLetteredAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::NextAttemptAt, Expr::value(now))
        .filter(Column::PublishedAt.is_null())
        .filter(
            Column::DeadLetteredAt
                .is_not_null()
                .or(Column::LastError.is_not_null()),
        );
    if let Some(events) = events {
        update = update.filter(Column::Id.is_in(events.iter().copied()));
    }
    Ok(update.exec(db).await?.rows_affected)
}

/// Deletes some of those that were published before `before`; the number is of those.
pub async fn sweep(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::PublishedAt.lt(before))
        .limit(limit)
        .to_owned();
    let deleted = Entity::delete_many()
        .filter(Column::Id.in_subquery(old))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
