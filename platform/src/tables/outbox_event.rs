//! An event, written with the change it describes and published afterwards.

mod due;
mod positions;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, LockBehavior, LockType, Query};
use sea_orm::{Condition, ExprTrait, FromQueryResult, QueryOrder, QuerySelect};

use crate::bus::LogPosition;

pub use due::{is_any_due, next_due};
pub use positions::{Position, positions, undelivered};

use due::due;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub topic: String,
    pub event_type: String,
    pub aggregate_id: String,
    /// Numbers the events of one aggregate, from 1.
    pub sequence: i64,
    pub data: Json,
    pub occurred_at: DateTime<Utc>,
    pub published_at: Option<DateTime<Utc>>,
    /// A publisher holds the event until then.
    pub claimed_until: Option<DateTime<Utc>>,
    /// How often the bus refused it.
    pub attempts: i32,
    pub next_attempt_at: DateTime<Utc>,
    pub last_error: Option<String>,
    pub dead_lettered_at: Option<DateTime<Utc>>,
    /// The log that has it, once published.
    pub log: Option<String>,
    /// Its position in the log, as text that sorts in log order.
    pub log_offset: Option<String>,
    /// When every consumer group was known to have committed it.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// The span that wrote it, if it was traced.
    pub traceparent: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The length and age of the queue, and how many events were given up.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Backlog {
    pub waiting: i64,
    /// When the oldest waiting event happened.
    pub oldest: Option<DateTime<Utc>>,
}

fn waiting() -> Select<Entity> {
    Entity::find()
        .filter(Column::PublishedAt.is_null())
        .filter(Column::DeadLetteredAt.is_null())
}

/// The events waiting to be published.
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

/// How many events were given up.
pub async fn count_dead(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::DeadLetteredAt.is_not_null())
        .count(db)
        .await
}

/// Claims some due events, oldest first, for one publisher; others skip them until the claim expires.
pub async fn claim(
    transaction: &impl ConnectionTrait,
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

/// Marks events as published and confirmed by every group.
pub async fn mark_confirmed(
    db: &impl ConnectionTrait,
    events: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::PublishedAt, Expr::value(now))
        .col_expr(Column::ConfirmedAt, Expr::value(now))
        .col_expr(Column::LastError, Expr::value(None::<String>))
        .filter(Column::Id.is_in(events.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}

/// Marks events as stored in the log at these offsets; the groups have yet to read them.
pub async fn mark_logged(
    db: &impl ConnectionTrait,
    events: &[(Uuid, LogPosition)],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let per_event = |value: fn(&LogPosition) -> &String| {
        let cases = CaseStatement::new();
        events
            .iter()
            .fold(cases, |cases, (id, position)| {
                cases.case(Column::Id.eq(*id), Expr::value(value(position)))
            })
            .into()
    };
    Entity::update_many()
        .col_expr(Column::PublishedAt, Expr::value(now))
        .col_expr(Column::Log, per_event(|position| &position.log))
        .col_expr(Column::LogOffset, per_event(|position| &position.offset))
        .col_expr(Column::LastError, Expr::value(None::<String>))
        .filter(Column::Id.is_in(events.iter().map(|(id, _)| *id)))
        .exec(db)
        .await?;
    Ok(())
}

fn unconfirmed() -> Condition {
    Condition::all()
        .add(Column::PublishedAt.is_not_null())
        .add(Column::ConfirmedAt.is_null())
}

/// How many published events are not confirmed by every group.
pub async fn count_unconfirmed(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find().filter(unconfirmed()).count(db).await
}

/// The topics of published events that are not confirmed by every group.
pub async fn unconfirmed_topics(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Topic)
        .distinct()
        .filter(unconfirmed())
        .into_tuple()
        .all(db)
        .await
}

/// Marks as unpublished the events that were given to other logs than these, or that these no longer have: nobody can
/// read them there. `logs` are all of the topic's, each with its oldest offset if it is known. Returns how many.
pub async fn republish_lost(
    db: &impl ConnectionTrait,
    topic: &str,
    logs: &[(&str, Option<&str>)],
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let names = logs.iter().map(|(log, _)| *log);
    let elsewhere = Condition::any().add(Column::Log.is_not_in(names));
    let lost = logs
        .iter()
        .filter_map(|(log, oldest)| Some((log, oldest.as_ref()?)))
        .fold(elsewhere, |lost, (log, oldest)| {
            lost.add(Column::Log.eq(*log).and(Column::LogOffset.lt(*oldest)))
        });
    let updated = Entity::update_many()
        .col_expr(Column::PublishedAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::Log, Expr::value(None::<String>))
        .col_expr(Column::LogOffset, Expr::value(None::<String>))
        .col_expr(Column::ClaimedUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::NextAttemptAt, Expr::value(now))
        .filter(Column::Topic.eq(topic))
        .filter(unconfirmed())
        .filter(lost)
        .exec(db)
        .await?;
    Ok(updated.rows_affected)
}

/// Confirms the events that each of these logs has up to the offset beside it, or all of them when there is none.
pub async fn confirm(
    db: &impl ConnectionTrait,
    topic: &str,
    committed: &[(&str, Option<&str>)],
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let committed = committed
        .iter()
        .fold(Condition::any(), |committed, (log, offset)| {
            let in_log = Condition::all().add(Column::Log.eq(*log));
            committed.add(match offset {
                Some(offset) => in_log.add(Column::LogOffset.lte(*offset)),
                None => in_log,
            })
        });
    let update = Entity::update_many()
        .col_expr(Column::ConfirmedAt, Expr::value(now))
        .filter(Column::Topic.eq(topic))
        .filter(unconfirmed())
        .filter(committed);
    Ok(update.exec(db).await?.rows_affected)
}

/// Releases a publisher's claims without any other change.
pub async fn release(
    db: &impl ConnectionTrait,
    events: impl IntoIterator<Item = Uuid>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ClaimedUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::NextAttemptAt, Expr::value(now))
        .filter(Column::Id.is_in(events))
        .filter(Column::PublishedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Postpones events until `at`, without counting a failure.
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

/// Records a refusal: the event is retried at `at`, or given up if that is `None`.
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

/// Events that were given up, oldest first.
pub async fn dead(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::DeadLetteredAt.is_not_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Events that could not be published yet and will be retried, oldest first.
pub async fn failing(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    waiting()
        .filter(Column::LastError.is_not_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Retries given-up and refused events at once: these or all. Returns how many.
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

/// Deletes a batch of events confirmed before `before` and returns how many.
pub async fn sweep(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    delete(
        db,
        Condition::all().add(Column::ConfirmedAt.lt(before)),
        limit,
    )
    .await
}

/// Deletes a batch of events published before `before` and never confirmed, and returns how many.
pub async fn sweep_unconfirmed(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    delete(db, unconfirmed().add(Column::PublishedAt.lt(before)), limit).await
}

async fn delete(db: &impl ConnectionTrait, which: Condition, limit: u64) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(which)
        .limit(limit)
        .to_owned();
    let deleted = Entity::delete_many()
        .filter(Column::Id.in_subquery(old))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
