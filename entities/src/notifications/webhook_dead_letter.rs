//! An event that a partner's webhook did not accept within all its attempts.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use crate::insert;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_dead_letters")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub endpoint_id: Uuid,
    /// The event's, in the log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub event_id: Uuid,
    pub attempts: i32,
    pub error: String,
    pub dead_lettered_at: DateTime<Utc>,
    /// When it was requested to send it again.
    pub requeued_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Stores an event that was given up, for the first time or again.
pub async fn store(db: &impl ConnectionTrait, letter: Model) -> Result<(), DbErr> {
    let changing = [
        Column::Attempts,
        Column::Error,
        Column::DeadLetteredAt,
        Column::RequeuedAt,
    ];
    insert::upsert::<Entity>(
        db,
        [Column::EndpointId, Column::Position],
        changing,
        vec![letter],
    )
    .await
}

/// The first that is to be sent again.
pub async fn first_requeued(
    db: &impl ConnectionTrait,
    endpoint: Uuid,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::EndpointId.eq(endpoint))
        .filter(Column::RequeuedAt.is_not_null())
        .order_by_asc(Column::Position)
        .one(db)
        .await
}

pub async fn delete(db: &impl ConnectionTrait, letter: &Model) -> Result<(), DbErr> {
    Entity::delete_by_id((letter.endpoint_id, letter.position))
        .exec(db)
        .await?;
    Ok(())
}

/// Those of one webhook or of all, oldest first.
pub async fn list(
    db: &impl ConnectionTrait,
    endpoint: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut letters = Entity::find();
    if let Some(endpoint) = endpoint {
        letters = letters.filter(Column::EndpointId.eq(endpoint));
    }
    letters
        .order_by_asc(Column::Position)
        .order_by_asc(Column::EndpointId)
        .limit(limit)
        .all(db)
        .await
}

pub async fn count(db: &impl ConnectionTrait, endpoint: Uuid) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::EndpointId.eq(endpoint))
        .count(db)
        .await
}

/// Requests to send all of a webhook again, and returns how many there are.
pub async fn requeue(
    db: &impl ConnectionTrait,
    endpoint: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let requeued = Entity::update_many()
        .col_expr(Column::RequeuedAt, Expr::value(now))
        .filter(Column::EndpointId.eq(endpoint))
        .exec(db)
        .await?;
    Ok(requeued.rows_affected)
}

/// Deletes those whose events are no longer kept.
pub async fn sweep(db: &impl ConnectionTrait, up_to: i64) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::Position.lte(up_to))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Deletes those of a webhook that was removed.
pub async fn delete_of(db: &impl ConnectionTrait, endpoint: Uuid) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::EndpointId.eq(endpoint))
        .exec(db)
        .await?;
    Ok(())
}
