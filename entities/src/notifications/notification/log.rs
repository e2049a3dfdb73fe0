//! The delivery log as operators read it, and messages that were given up.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, PaginatorTrait, QueryOrder, QuerySelect};

use super::{Column, DeliveryStatus, Entity, Model};
use crate::keys;

/// Gives messages that were given up another chance: these, or all. Returns them.
pub async fn requeue(
    db: &impl ConnectionTrait,
    ids: Option<&[Uuid]>,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let dead = Entity::find().order_by_asc(Column::Id).limit(limit);
    let given_up = DeliveryStatus::DeadLettered;
    let dead = match ids {
        Some(ids) => dead
            .filter(Column::Id.is_in(ids.iter().copied()))
            .filter(keys::unindexed(Column::Status).eq(given_up.as_str())),
        None => dead.filter(Column::Status.eq(given_up)),
    };
    let dead = dead.all(db).await?;
    if dead.is_empty() {
        return Ok(dead);
    }
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Scheduled))
        .col_expr(Column::ScheduledFor, Expr::value(now))
        .col_expr(Column::Attempts, Expr::value(0))
        .filter(Column::Id.is_in(dead.iter().map(|row| row.id)))
        .filter(keys::unindexed(Column::Status).eq(given_up.as_str()))
        .exec(db)
        .await?;
    Ok(dead)
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub status: Option<DeliveryStatus>,
    pub customer: Option<Uuid>,
    pub order: Option<Uuid>,
}

/// Deliveries, newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    listed: &Listed,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut found = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(status) = listed.status {
        found = found.filter(Column::Status.eq(status));
    }
    if let Some(customer) = listed.customer {
        found = found.filter(Column::CustomerId.eq(customer));
    }
    if let Some(order) = listed.order {
        found = found.filter(Column::OrderId.eq(order));
    }
    found.all(db).await
}

/// How many were given up.
pub async fn count_dead_letters(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::Status.eq(DeliveryStatus::DeadLettered))
        .count(db)
        .await
}
