//! An event that a consumer has received but not yet handled. The row is deleted in the transaction that handles it, so
//! the table is only as long as the queue.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LockBehavior, LockType, OnConflict, Query};
use sea_orm::{ExprTrait, IntoActiveModel, QueryOrder, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox_deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub consumer: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: Uuid,
    pub topic: String,
    pub event_type: String,
    pub aggregate_id: String,
    pub sequence: i64,
    pub data: Json,
    pub occurred_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    /// How often handling failed.
    pub attempts: i32,
    pub next_attempt_at: DateTime<Utc>,
    pub last_error: Option<String>,
    pub dead_lettered_at: Option<DateTime<Utc>>,
    /// The span that wrote the event, if it was traced.
    pub traceparent: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Stores received deliveries; existing rows stay as they are.
pub async fn store(db: &impl ConnectionTrait, deliveries: Vec<Model>) -> Result<(), DbErr> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let rows = deliveries
        .into_iter()
        .map(IntoActiveModel::into_active_model);
    Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The first waiting delivery of each aggregate.
fn first(consumer: &str) -> Select<Entity> {
    let of_earlier = |column: Column| Expr::col(("earlier", column));
    let of_this = |column: Column| Expr::col((Entity, column));
    let earlier = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, "earlier")
        .and_where(of_earlier(Column::Consumer).eq(of_this(Column::Consumer)))
        .and_where(of_earlier(Column::Topic).eq(of_this(Column::Topic)))
        .and_where(of_earlier(Column::AggregateId).eq(of_this(Column::AggregateId)))
        .and_where(of_earlier(Column::Sequence).lt(of_this(Column::Sequence)))
        .and_where(of_earlier(Column::DeadLetteredAt).is_null())
        .to_owned();
    Entity::find()
        .filter(Column::Consumer.eq(consumer))
        .filter(Column::DeadLetteredAt.is_null())
        .filter(Expr::not_exists(earlier))
}

/// Deliveries that may be handled now: the first of each aggregate, once its next attempt is due.
fn due(consumer: &str, now: DateTime<Utc>) -> Select<Entity> {
    first(consumer).filter(Column::NextAttemptAt.lte(now))
}

/// When the next delivery may be handled.
pub async fn next_due(
    db: &impl ConnectionTrait,
    consumer: &str,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let next = first(consumer)
        .select_only()
        .column_as(Column::NextAttemptAt.min(), "next")
        .into_tuple::<Option<DateTime<Utc>>>();
    Ok(next.one(db).await?.flatten())
}

/// Whether any delivery may be handled now.
pub async fn is_any_due(
    db: &impl ConnectionTrait,
    consumer: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let due = due(consumer, now)
        .select_only()
        .column(Column::EventId)
        .limit(1);
    Ok(due.into_tuple::<Uuid>().one(db).await?.is_some())
}

/// Locks a due delivery until the transaction ends; other workers skip it.
pub async fn lock_next(
    transaction: &impl ConnectionTrait,
    consumer: &str,
    now: DateTime<Utc>,
) -> Result<Option<Model>, DbErr> {
    due(consumer, now)
        .order_by_asc(Column::NextAttemptAt)
        .order_by_asc(Column::EventId)
        .limit(1)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .one(transaction)
        .await
}

/// Deletes a handled delivery.
pub async fn delete(db: &impl ConnectionTrait, delivery: &Model) -> Result<(), DbErr> {
    Entity::delete_by_id((delivery.consumer.clone(), delivery.event_id))
        .exec(db)
        .await?;
    Ok(())
}

/// Records a failure: the delivery is retried at `at`, or given up if that is `None`.
pub async fn record_failure(
    db: &impl ConnectionTrait,
    delivery: &Model,
    at: Option<DateTime<Utc>>,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let dead = at.is_none().then_some(now);
    Entity::update_many()
        .col_expr(Column::Attempts, Expr::value(delivery.attempts + 1))
        .col_expr(Column::NextAttemptAt, Expr::value(at.unwrap_or(now)))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::DeadLetteredAt, Expr::value(dead))
        .filter(Column::Consumer.eq(&delivery.consumer))
        .filter(Column::EventId.eq(delivery.event_id))
        .exec(db)
        .await?;
    Ok(())
}

/// How many of the consumer's deliveries are waiting.
pub async fn count_waiting(db: &impl ConnectionTrait, consumer: &str) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::Consumer.eq(consumer))
        .filter(Column::DeadLetteredAt.is_null())
        .count(db)
        .await
}

/// Which of these aggregates have deliveries that wait for the consumer.
pub async fn waiting_of(
    db: &impl ConnectionTrait,
    consumer: &str,
    topic: &str,
    aggregates: &[String],
) -> Result<HashSet<String>, DbErr> {
    let rows: Vec<String> = Entity::find()
        .select_only()
        .column(Column::AggregateId)
        .distinct()
        .filter(Column::Consumer.eq(consumer))
        .filter(Column::Topic.eq(topic))
        .filter(Column::AggregateId.is_in(aggregates))
        .filter(Column::DeadLetteredAt.is_null())
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// How many of the consumer's deliveries were given up.
pub async fn count_dead(db: &impl ConnectionTrait, consumer: &str) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::Consumer.eq(consumer))
        .filter(Column::DeadLetteredAt.is_not_null())
        .count(db)
        .await
}

/// Deliveries that were given up, oldest first.
pub async fn dead(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::DeadLetteredAt.is_not_null())
        .order_by_asc(Column::EventId)
        .order_by_asc(Column::Consumer)
        .limit(limit)
        .all(db)
        .await
}

/// Deliveries that failed and will be retried, oldest first.
pub async fn failing(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::DeadLetteredAt.is_null())
        .filter(Column::LastError.is_not_null())
        .order_by_asc(Column::EventId)
        .order_by_asc(Column::Consumer)
        .limit(limit)
        .all(db)
        .await
}

/// Retries given-up and failed deliveries at once: these or all. Returns how many.
pub async fn requeue(
    db: &impl ConnectionTrait,
    events: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::DeadLetteredAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::NextAttemptAt, Expr::value(now))
        .filter(
            Column::DeadLetteredAt
                .is_not_null()
                .or(Column::LastError.is_not_null()),
        );
    if let Some(events) = events {
        update = update.filter(Column::EventId.is_in(events.iter().copied()));
    }
    Ok(update.exec(db).await?.rows_affected)
}
