//! A call to a third party that a return waits for: written with the change that wants it, done
//! beside requests, and tried again until it has its effect.

use chrono::{DateTime, Duration, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, ExprTrait, QueryOrder, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "return_tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub return_id: Uuid,
    /// `label`, `void`, `refund` or `supplement`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    pub due_at: DateTime<Utc>,
    pub claimed_by: Option<Uuid>,
    pub claimed_until: Option<DateTime<Utc>>,
    /// Those that failed since it last worked.
    pub attempts: i32,
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A claim to a task: nobody else works on it as long as it is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    pub return_id: Uuid,
    pub kind: &'a str,
    pub by: Uuid,
}

impl Claim<'_> {
    fn key(&self) -> Condition {
        key(self.return_id, self.kind)
    }

    fn held(&self) -> Condition {
        self.key().add(Column::ClaimedBy.eq(self.by))
    }
}

fn key(return_id: Uuid, kind: &str) -> Condition {
    Condition::all()
        .add(Column::ReturnId.eq(return_id))
        .add(Column::Kind.eq(kind))
}

/// Nobody works on it. A claim further ahead than anybody makes one was made by a clock that has
/// been set back since.
fn is_free(now: DateTime<Utc>, ttl: Duration) -> Condition {
    Condition::any()
        .add(Column::ClaimedUntil.is_null())
        .add(Column::ClaimedUntil.lte(now))
        .add(Column::ClaimedUntil.gt(now + ttl * 2))
}

/// Enqueues this task of the return, if it is not enqueued already.
pub async fn enqueue(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    kind: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let task = ActiveModel {
        return_id: Set(return_id),
        kind: Set(kind.to_owned()),
        due_at: Set(now),
        claimed_by: Set(None),
        claimed_until: Set(None),
        attempts: Set(0),
        last_error: Set(None),
        created_at: Set(now),
    };
    Entity::insert(task)
        .on_conflict(
            OnConflict::columns([Column::ReturnId, Column::Kind])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

pub async fn find(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    kind: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((return_id, kind.to_owned()))
        .one(db)
        .await
}

/// What is due and free, the longest due first.
pub async fn due(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    ttl: Duration,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::DueAt.lte(now))
        .filter(is_free(now, ttl))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .all(db)
        .await
}

/// Takes the task if it is there and free, and says whether it did. Whether it is due is the
/// caller's business.
pub async fn claim(
    db: &impl ConnectionTrait,
    claim: Claim<'_>,
    now: DateTime<Utc>,
    ttl: Duration,
) -> Result<bool, DbErr> {
    let claimed = Entity::update_many()
        .col_expr(Column::ClaimedBy, Expr::value(claim.by))
        .col_expr(Column::ClaimedUntil, Expr::value(now + ttl))
        .filter(claim.key())
        .filter(is_free(now, ttl))
        .exec(db)
        .await?;
    Ok(claimed.rows_affected == 1)
}

/// Holds the claim for longer, and says whether it was still held.
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

/// It is done.
pub async fn finish(db: &impl ConnectionTrait, claim: Claim<'_>) -> Result<(), DbErr> {
    Entity::delete_many().filter(claim.held()).exec(db).await?;
    Ok(())
}

/// It is to be looked at again then, though nothing went wrong.
pub async fn rest(
    db: &impl ConnectionTrait,
    claim: Claim<'_>,
    due_at: DateTime<Utc>,
) -> Result<(), DbErr> {
    postponed(claim, due_at)
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::LastError, Expr::value(None::<String>))
        .exec(db)
        .await?;
    Ok(())
}

/// It failed, and is tried again then.
pub async fn fail(
    db: &impl ConnectionTrait,
    claim: Claim<'_>,
    due_at: DateTime<Utc>,
    error: &str,
) -> Result<(), DbErr> {
    postponed(claim, due_at)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::LastError, Expr::value(error))
        .exec(db)
        .await?;
    Ok(())
}

fn postponed(claim: Claim<'_>, due_at: DateTime<Utc>) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(due_at))
        .col_expr(Column::ClaimedBy, Expr::value(None::<Uuid>))
        .col_expr(Column::ClaimedUntil, Expr::value(None::<DateTime<Utc>>))
        .filter(claim.held())
}
