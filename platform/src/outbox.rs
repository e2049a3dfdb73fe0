//! The transactional outbox: an event is a row, written in the transaction of the change it tells
//! of. Nothing is told that did not happen, and nothing that happened is forgotten.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::Serialize;
use uuid::Uuid;

use crate::tables::outbox_event;

/// An event to be told. `data` is the versioned JSON that consumers read.
#[derive(Debug)]
pub struct NewEvent<'a, D> {
    /// Where it is published: `orders.events`, `returns.events`, ….
    pub topic: &'a str,
    /// What happened: `return.initiated`, ….
    pub event_type: &'a str,
    /// The public id of what it happened to. Events of one aggregate are published in order.
    pub aggregate_id: &'a str,
    pub data: D,
}

/// Writes the event with the change, giving it the next sequence number of its aggregate.
///
/// The caller must have locked or written the aggregate's row in this transaction already, so that
/// two changes of one aggregate cannot take the same number; the unique index refuses it anyway.
pub async fn append<D: Serialize>(
    transaction: &DatabaseTransaction,
    event: NewEvent<'_, D>,
    now: DateTime<Utc>,
) -> Result<Uuid, DbErr> {
    let last: Option<i64> = outbox_event::Entity::find()
        .select_only()
        .column_as(outbox_event::Column::Sequence.max(), "last")
        .filter(outbox_event::Column::Topic.eq(event.topic))
        .filter(outbox_event::Column::AggregateId.eq(event.aggregate_id))
        .into_tuple::<Option<i64>>()
        .one(transaction)
        .await?
        .flatten();
    let id = Uuid::now_v7();
    outbox_event::ActiveModel {
        id: Set(id),
        topic: Set(event.topic.to_owned()),
        event_type: Set(event.event_type.to_owned()),
        aggregate_id: Set(event.aggregate_id.to_owned()),
        sequence: Set(last.unwrap_or(0) + 1),
        data: Set(serde_json::to_value(event.data).map_err(|e| DbErr::Json(e.to_string()))?),
        occurred_at: Set(now),
        published_at: Set(None),
        attempts: Set(0),
        next_attempt_at: Set(now),
        last_error: Set(None),
        dead_lettered_at: Set(None),
    }
    .insert(transaction)
    .await?;
    Ok(id)
}

/// Events that were given up, oldest first.
pub async fn dead_letters(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<outbox_event::Model>, DbErr> {
    outbox_event::Entity::find()
        .filter(outbox_event::Column::DeadLetteredAt.is_not_null())
        .order_by_asc(outbox_event::Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Gives given-up events another try, these or all, and says how many there were.
pub async fn requeue(
    db: &impl ConnectionTrait,
    events: Option<&[Uuid]>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut update = outbox_event::Entity::update_many()
        .col_expr(
            outbox_event::Column::DeadLetteredAt,
            Expr::value(None::<DateTime<Utc>>),
        )
        .col_expr(outbox_event::Column::Attempts, Expr::value(0))
        .col_expr(outbox_event::Column::NextAttemptAt, Expr::value(now))
        .filter(outbox_event::Column::DeadLetteredAt.is_not_null());
    if let Some(events) = events {
        update = update.filter(outbox_event::Column::Id.is_in(events.iter().copied()));
    }
    Ok(update.exec(db).await?.rows_affected)
}
