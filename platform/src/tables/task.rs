//! A durable task: written with the change that causes it, performed in the background.

mod next_due;

use chrono::{DateTime, Duration, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, OnConflict};
use sea_orm::{Condition, ExprTrait, QueryOrder, QuerySelect, UpdateMany};

pub use next_due::next_due;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The task's subject; each kind has at most one task per key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Uuid,
    /// The public id of what it is about.
    pub subject: String,
    pub data: Json,
    pub due_at: DateTime<Utc>,
    /// When to run it again, if that was requested while it was running.
    pub again_at: Option<DateTime<Utc>>,
    pub claimed_by: Option<Uuid>,
    pub claimed_until: Option<DateTime<Utc>>,
    /// Failures since its last success.
    pub attempts: i32,
    pub last_error: Option<String>,
    pub dead_lettered_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// The span that enqueued it first, if it was traced.
    pub traceparent: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A claim on a task: nobody else works on it while the claim is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    pub kind: &'a str,
    pub key: Uuid,
    pub by: Uuid,
}

impl Claim<'_> {
    fn held(&self) -> Condition {
        task(self.kind, self.key).add(Column::ClaimedBy.eq(self.by))
    }
}

/// A task to enqueue.
#[derive(Clone, Debug)]
pub struct NewTask<'a> {
    pub kind: &'a str,
    pub key: Uuid,
    pub subject: String,
    pub data: Json,
    pub due_at: DateTime<Utc>,
    /// The span that enqueues it, if it is traced.
    pub traceparent: Option<String>,
}

fn task(kind: &str, key: Uuid) -> Condition {
    Condition::all()
        .add(Column::Kind.eq(kind))
        .add(Column::Key.eq(key))
}

/// The task is not claimed. A claim that ends further in the future than any claim can was made by a clock that has
/// since been set back.
fn is_free(now: DateTime<Utc>, ttl: Duration) -> Condition {
    Condition::any()
        .add(Column::ClaimedUntil.is_null())
        .add(Column::ClaimedUntil.lte(now))
        .add(Column::ClaimedUntil.gt(now + ttl * 2))
}

/// Enqueues the task. An existing one becomes due by then at the latest; one that is running is run again by then; one
/// that was given up gets another try.
pub async fn enqueue(
    db: &impl ConnectionTrait,
    new: NewTask<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let at = new.due_at;
    let is_later = |of: Column| column(of).gt(at);
    // Also for a claimed task, since its worker may be dead.
    let due: Expr = CaseStatement::new()
        .case(is_later(Column::DueAt), at)
        .finally(column(Column::DueAt))
        .into();
    let is_claimed = column(Column::ClaimedBy).is_not_null();
    let is_sooner = column(Column::AgainAt)
        .is_null()
        .or(is_later(Column::AgainAt));
    let again: Expr = CaseStatement::new()
        .case(is_claimed.and(is_sooner), at)
        .finally(column(Column::AgainAt))
        .into();
    let or_sooner = or_revived()
        .value(Column::DueAt, due)
        .value(Column::AgainAt, again)
        .to_owned();
    insert(db, new, now, or_sooner).await
}

/// Enqueues the task. An existing one keeps its schedule; one that was given up gets another try.
pub async fn ensure(
    db: &impl ConnectionTrait,
    new: NewTask<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let due: Expr = CaseStatement::new()
        .case(column(Column::DeadLetteredAt).is_not_null(), new.due_at)
        .finally(column(Column::DueAt))
        .into();
    let or_kept = or_revived().value(Column::DueAt, due).to_owned();
    insert(db, new, now, or_kept).await
}

fn column(column: Column) -> Expr {
    Expr::col((Entity, column))
}

/// An existing task that was given up gets another try.
fn or_revived() -> OnConflict {
    let attempts: Expr = CaseStatement::new()
        .case(column(Column::DeadLetteredAt).is_not_null(), 0)
        .finally(column(Column::Attempts))
        .into();
    OnConflict::columns([Column::Kind, Column::Key])
        .value(Column::Attempts, attempts)
        .value(Column::DeadLetteredAt, Expr::value(None::<DateTime<Utc>>))
        .to_owned()
}

async fn insert(
    db: &impl ConnectionTrait,
    new: NewTask<'_>,
    now: DateTime<Utc>,
    on_conflict: OnConflict,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        kind: Set(new.kind.to_owned()),
        key: Set(new.key),
        subject: Set(new.subject),
        data: Set(new.data),
        due_at: Set(new.due_at),
        again_at: Set(None),
        claimed_by: Set(None),
        claimed_until: Set(None),
        attempts: Set(0),
        last_error: Set(None),
        dead_lettered_at: Set(None),
        created_at: Set(now),
        traceparent: Set(new.traceparent),
    };
    Entity::insert(row)
        .on_conflict(on_conflict)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

pub async fn find(
    db: &impl ConnectionTrait,
    kind: &str,
    key: Uuid,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((kind.to_owned(), key)).one(db).await
}

/// Due and unclaimed tasks of these kinds, the longest due first.
pub async fn due(
    db: &impl ConnectionTrait,
    kinds: &[&str],
    now: DateTime<Utc>,
    ttl: Duration,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::DeadLetteredAt.is_null())
        .filter(Column::DueAt.lte(now))
        .filter(Column::Kind.is_in(kinds.iter().copied()))
        .filter(is_free(now, ttl))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .all(db)
        .await
}

/// Claims the task if it exists, is free and was not given up, whether or not it is due. Returns its row.
pub async fn claim(
    db: &impl ConnectionTrait,
    claim: Claim<'_>,
    now: DateTime<Utc>,
    ttl: Duration,
) -> Result<Option<Model>, DbErr> {
    let claimed = Entity::update_many()
        .col_expr(Column::ClaimedBy, Expr::value(claim.by))
        .col_expr(Column::ClaimedUntil, Expr::value(now + ttl))
        // This run serves any request to run it again.
        .col_expr(Column::AgainAt, Expr::value(None::<DateTime<Utc>>))
        .filter(task(claim.kind, claim.key))
        .filter(Column::DeadLetteredAt.is_null())
        .filter(is_free(now, ttl))
        .exec(db)
        .await?;
    if claimed.rows_affected == 0 {
        return Ok(None);
    }
    Entity::find().filter(claim.held()).one(db).await
}

/// Extends the claim, and returns whether it was still held.
pub async fn renew(
    db: &impl ConnectionTrait,
    claim: Claim<'_>,
    until: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let renewed = Entity::update_many()
        .col_expr(Column::ClaimedUntil, Expr::value(until))
        .filter(claim.held())
        .exec(db)
        .await?;
    Ok(renewed.rows_affected == 1)
}

/// Finishes the task, unless it was asked to run again.
pub async fn finish(db: &impl ConnectionTrait, claim: Claim<'_>) -> Result<(), DbErr> {
    let deleted = Entity::delete_many()
        .filter(claim.held())
        .filter(Column::AgainAt.is_null())
        .exec(db)
        .await?;
    if deleted.rows_affected == 0 {
        succeeded(claim, Expr::col(Column::AgainAt))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Schedules another run at this time, or sooner if that was requested. Not a failure.
pub async fn repeat(
    db: &impl ConnectionTrait,
    claim: Claim<'_>,
    due_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let sooner = CaseStatement::new()
        .case(Column::AgainAt.lt(due_at), Expr::col(Column::AgainAt))
        .finally(due_at);
    succeeded(claim, sooner).exec(db).await?;
    Ok(())
}

fn succeeded(claim: Claim<'_>, due_at: impl Into<Expr>) -> UpdateMany<Entity> {
    released(claim, due_at)
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::LastError, Expr::value(None::<String>))
}

/// Releases the task unchanged, to be tried from then on.
pub async fn release(
    db: &impl ConnectionTrait,
    claim: Claim<'_>,
    due_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    released(claim, Expr::value(due_at)).exec(db).await?;
    Ok(())
}

/// Releases the task with its schedule unchanged, or sooner if that was requested.
pub async fn restore(db: &impl ConnectionTrait, claim: Claim<'_>) -> Result<(), DbErr> {
    released(claim, Expr::col(Column::DueAt)).exec(db).await?;
    Ok(())
}

/// Records a failure: the task is retried at this time, or given up if it is `None`, unless it was asked to run again.
pub async fn fail(
    db: &impl ConnectionTrait,
    claim: Claim<'_>,
    due_at: Option<DateTime<Utc>>,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (due, dead): (Expr, Expr) = match due_at {
        Some(at) => (Expr::value(at), Expr::value(None::<DateTime<Utc>>)),
        None => (
            Expr::col(Column::AgainAt).if_null(now),
            CaseStatement::new()
                .case(Column::AgainAt.is_null(), now)
                .finally(None::<DateTime<Utc>>)
                .into(),
        ),
    };
    released(claim, due)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::DeadLetteredAt, dead)
        .exec(db)
        .await?;
    Ok(())
}

fn released(claim: Claim<'_>, due_at: impl Into<Expr>) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::DueAt, due_at.into())
        .col_expr(Column::AgainAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::ClaimedBy, Expr::value(None::<Uuid>))
        .col_expr(Column::ClaimedUntil, Expr::value(None::<DateTime<Utc>>))
        .filter(claim.held())
}

/// How many tasks of each kind are pending.
pub async fn count(db: &impl ConnectionTrait) -> Result<Vec<(String, i64)>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Kind)
        .column_as(Column::Key.count(), "count")
        .filter(Column::DeadLetteredAt.is_null())
        .group_by(Column::Kind)
        .into_tuple()
        .all(db)
        .await
}

/// How many tasks were given up.
pub async fn count_dead(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::DeadLetteredAt.is_not_null())
        .count(db)
        .await
}

/// Failed and given-up tasks, or all tasks, oldest first.
pub async fn list(db: &impl ConnectionTrait, all: bool, limit: u64) -> Result<Vec<Model>, DbErr> {
    let mut found = Entity::find();
    if !all {
        found = found.filter(Column::LastError.is_not_null());
    }
    found
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Kind)
        .order_by_asc(Column::Key)
        .limit(limit)
        .all(db)
        .await
}

/// Retries failed and given-up tasks at once: this one, or all. Returns how many.
pub async fn retry(
    db: &impl ConnectionTrait,
    which: Option<(&str, &str)>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(now))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::DeadLetteredAt, Expr::value(None::<DateTime<Utc>>));
    update = match which {
        Some((kind, subject)) => update
            .filter(Column::Kind.eq(kind))
            .filter(Column::Subject.eq(subject)),
        None => update.filter(Column::LastError.is_not_null()),
    };
    Ok(update.exec(db).await?.rows_affected)
}

/// Deletes a task that is not running, and returns whether there was one.
pub async fn discard(
    db: &impl ConnectionTrait,
    kind: &str,
    subject: &str,
    now: DateTime<Utc>,
    ttl: Duration,
) -> Result<bool, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::Kind.eq(kind))
        .filter(Column::Subject.eq(subject))
        .filter(is_free(now, ttl))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected > 0)
}
