//! How far a partner's webhook has got, and how it fails. Its settings are in the clients file.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, QueryOrder, UpdateMany};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client: String,
    pub webhook: String,
    /// Events up to this position are sent or given up.
    pub position: i64,
    /// Failed attempts to send the event at `attempted_position`.
    pub attempts: i32,
    pub attempted_position: Option<i64>,
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub failing_since: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
    /// The receiver wants no more.
    pub disabled_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// Since when it has not been in the clients file, as far as was noticed.
    pub missing_since: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Failed attempts to send the event at a position.
    pub fn attempts_at(&self, position: i64) -> i32 {
        if self.attempted_position == Some(position) {
            self.attempts
        } else {
            0
        }
    }
}

/// A webhook whose first event is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct NewEndpoint<'a> {
    pub id: Uuid,
    pub client: &'a str,
    pub webhook: &'a str,
    pub position: i64,
}

/// Starts a webhook at this position, unless it has started before.
pub async fn start(
    db: &impl ConnectionTrait,
    new: NewEndpoint<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(new.id),
        client: Set(new.client.to_owned()),
        webhook: Set(new.webhook.to_owned()),
        position: Set(new.position),
        attempts: Set(0),
        attempted_position: Set(None),
        next_attempt_at: Set(None),
        failing_since: Set(None),
        last_error: Set(None),
        disabled_at: Set(None),
        created_at: Set(now),
        missing_since: Set(None),
    };
    let unless_started = OnConflict::column(Column::Id).do_nothing().to_owned();
    Entity::insert(row)
        .on_conflict(unless_started)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

pub async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::Client)
        .order_by_asc(Column::Webhook)
        .all(db)
        .await
}

/// Records that everything up to a position is sent or given up, unless another position was set meanwhile.
pub async fn advance(db: &impl ConnectionTrait, from: &Model, position: i64) -> Result<(), DbErr> {
    succeeded(from)
        .col_expr(Column::Position, Expr::value(position))
        .exec(db)
        .await?;
    Ok(())
}

/// Goes past events that the webhook does not get.
pub async fn skip(db: &impl ConnectionTrait, from: &Model, position: i64) -> Result<(), DbErr> {
    unchanged(from)
        .col_expr(Column::Position, Expr::value(position))
        .exec(db)
        .await?;
    Ok(())
}

/// Records that the receiver accepted an event that was given up before.
pub async fn recover(db: &impl ConnectionTrait, from: &Model) -> Result<(), DbErr> {
    succeeded(from).exec(db).await?;
    Ok(())
}

fn succeeded(from: &Model) -> UpdateMany<Entity> {
    let none = || Expr::value(None::<DateTime<Utc>>);
    unchanged(from)
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::NextAttemptAt, none())
        .col_expr(Column::FailingSince, none())
        .col_expr(Column::LastError, Expr::value(None::<String>))
}

/// Records a failed attempt to send the event at `position`.
pub async fn fail(
    db: &impl ConnectionTrait,
    from: &Model,
    position: i64,
    next_attempt_at: DateTime<Utc>,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    failing(from, error, now)
        .col_expr(
            Column::Attempts,
            Expr::value(from.attempts_at(position) + 1),
        )
        .col_expr(Column::AttemptedPosition, Expr::value(position))
        .col_expr(Column::NextAttemptAt, Expr::value(next_attempt_at))
        .exec(db)
        .await?;
    Ok(())
}

/// Records that an event was given up after its last attempt: the next one is tried at once. `position` is where to go
/// on from.
pub async fn give_up(
    db: &impl ConnectionTrait,
    from: &Model,
    position: i64,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    failing(from, error, now)
        .col_expr(Column::Position, Expr::value(position))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::NextAttemptAt, Expr::value(None::<DateTime<Utc>>))
        .exec(db)
        .await?;
    Ok(())
}

/// Records that the receiver wants no more.
pub async fn disable(
    db: &impl ConnectionTrait,
    from: &Model,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    failing(from, error, now)
        .col_expr(Column::DisabledAt, Expr::value(now))
        .exec(db)
        .await?;
    Ok(())
}

fn failing(from: &Model, error: &str, now: DateTime<Utc>) -> UpdateMany<Entity> {
    unchanged(from)
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(
            Column::FailingSince,
            Expr::value(from.failing_since.unwrap_or(now)),
        )
}

/// The row, unless an operator has set it back or forward since it was read.
fn unchanged(from: &Model) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(from.id))
        .filter(Column::Position.eq(from.position))
        .filter(Column::Attempts.eq(from.attempts))
}

/// Goes on at once, enabled and as if nothing had failed: from where it is, or from another position. Returns whether
/// the webhook has started.
pub async fn resume(
    db: &impl ConnectionTrait,
    id: Uuid,
    position: Option<i64>,
) -> Result<bool, DbErr> {
    let none = || Expr::value(None::<DateTime<Utc>>);
    let mut update = Entity::update_many()
        .filter(Column::Id.eq(id))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::NextAttemptAt, none())
        .col_expr(Column::FailingSince, none())
        .col_expr(Column::LastError, Expr::value(None::<String>))
        .col_expr(Column::DisabledAt, none());
    if let Some(position) = position {
        update = update.col_expr(Column::Position, Expr::value(position));
    }
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Records since when the webhook is missing, or that it is not.
pub async fn set_missing(
    db: &impl ConnectionTrait,
    id: Uuid,
    since: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .filter(Column::Id.eq(id))
        .col_expr(Column::MissingSince, Expr::value(since))
        .exec(db)
        .await?;
    Ok(())
}

pub async fn delete(db: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}
