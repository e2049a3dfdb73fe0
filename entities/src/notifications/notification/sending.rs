//! What becomes of a message.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, IntoActiveModel, TryInsertResult, UpdateMany};

use super::{Column, DeliveryStatus, Entity, Model};
use crate::keys;

/// Writes a new message, unless there is one for this event, customer and channel. Returns whether there was none.
pub async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<bool, DbErr> {
    let inserted = Entity::insert(row.into_active_model())
        .on_conflict_do_nothing_on([Column::EventId, Column::CustomerId, Column::Channel])
        .exec_without_returning(db)
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

/// Statuses of messages that may still be sent.
pub const OPEN: [DeliveryStatus; 2] = [DeliveryStatus::Scheduled, DeliveryStatus::Failed];

/// Changes a message that may still be sent.
fn update_open(id: Uuid) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(id))
        .filter(Column::Status.is_in(OPEN))
}

/// Schedules a message that may still be sent for this time. Returns whether it may.
pub async fn schedule(
    db: &impl ConnectionTrait,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = update_open(id)
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Scheduled))
        .col_expr(Column::ScheduledFor, Expr::value(at))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Schedules those of these messages for this time that may still be sent.
pub async fn schedule_all(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .filter(keys::one_of(db, Column::Id, ids))
        .filter(keys::unindexed(Column::Status).is_in(OPEN.map(DeliveryStatus::as_str)))
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Scheduled))
        .col_expr(Column::ScheduledFor, Expr::value(at))
        .exec(db)
        .await?;
    Ok(())
}

/// Records that the provider is about to be called. Returns whether the message may still be sent.
pub async fn begin_attempt(
    db: &impl ConnectionTrait,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = update_open(id)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::AttemptedAt, Expr::value(now))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Records which devices have a message that is being sent, and by whom. One that was erased meanwhile keeps nothing about
/// them.
pub async fn set_accepted_devices(
    db: &impl ConnectionTrait,
    id: Uuid,
    provider: &str,
    devices: Json,
) -> Result<(), DbErr> {
    update_open(id)
        .col_expr(Column::AcceptedDevices, Expr::value(devices))
        .col_expr(Column::Provider, Expr::value(provider))
        .exec(db)
        .await?;
    Ok(())
}

/// What was sent, and by whom.
#[derive(Clone, Debug)]
pub struct Sent<'a> {
    pub title: &'a str,
    pub body: &'a str,
    pub provider: &'a str,
    pub provider_id: Option<&'a str>,
    /// Why it was not sent to all devices; `None` if it was.
    pub reason: Option<&'a str>,
    /// Its number among the customer's messages.
    pub position: i64,
    pub at: DateTime<Utc>,
}

/// Records that it was sent. Returns whether it was not recorded before.
pub async fn set_sent(db: &impl ConnectionTrait, id: Uuid, sent: &Sent<'_>) -> Result<bool, DbErr> {
    let changed = update_open(id)
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Sent))
        .col_expr(Column::Title, Expr::value(sent.title))
        .col_expr(Column::Body, Expr::value(sent.body))
        .col_expr(Column::Provider, Expr::value(sent.provider))
        .col_expr(
            Column::ProviderId,
            Expr::value(sent.provider_id.map(str::to_owned)),
        )
        .col_expr(Column::Position, Expr::value(sent.position))
        .col_expr(Column::SentAt, Expr::value(sent.at))
        .col_expr(Column::Reason, Expr::value(sent.reason.map(str::to_owned)))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Records why it was not sent: [`DeliveryStatus::Failed`] if it will be retried. Returns whether it was open.
pub async fn set_not_sent(
    db: &impl ConnectionTrait,
    id: Uuid,
    status: DeliveryStatus,
    reason: &str,
) -> Result<bool, DbErr> {
    let changed = update_open(id)
        .col_expr(Column::Status, Expr::value(status))
        .col_expr(Column::Reason, Expr::value(reason))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}
