//! The events that are kept of aggregates, for checks.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, FromQueryResult, QueryOrder, QuerySelect};

use super::{Column, Entity};

/// Where an event is among those of its aggregate.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Position {
    pub aggregate_id: String,
    pub sequence: i64,
    pub event_type: String,
    pub occurred_at: DateTime<Utc>,
}

/// The events of these aggregates that are kept, in the order of the aggregates and their events, after this one: one step
/// of a walk over all.
pub async fn positions(
    db: &impl ConnectionTrait,
    topic: &str,
    aggregates: &[String],
    after: Option<&Position>,
    limit: u64,
) -> Result<Vec<Position>, DbErr> {
    let mut query = Entity::find()
        .select_only()
        .columns([
            Column::AggregateId,
            Column::Sequence,
            Column::EventType,
            Column::OccurredAt,
        ])
        .filter(Column::Topic.eq(topic))
        .filter(Column::AggregateId.is_in(aggregates))
        .order_by_asc(Column::AggregateId)
        .order_by_asc(Column::Sequence)
        .limit(limit);
    if let Some(after) = after {
        let key = Expr::tuple([
            Column::AggregateId.into_expr(),
            Column::Sequence.into_expr(),
        ]);
        let last = [
            Expr::value(after.aggregate_id.as_str()),
            Expr::value(after.sequence),
        ];
        query = query.filter(key.gt(Expr::tuple(last)));
    }
    query.into_model::<Position>().all(db).await
}

/// Which of these aggregates have events that not all consumers have received yet, and that are not given up.
pub async fn undelivered(
    db: &impl ConnectionTrait,
    topic: &str,
    aggregates: &[String],
) -> Result<HashSet<String>, DbErr> {
    let rows: Vec<String> = Entity::find()
        .select_only()
        .column(Column::AggregateId)
        .distinct()
        .filter(Column::Topic.eq(topic))
        .filter(Column::AggregateId.is_in(aggregates))
        .filter(Column::ConfirmedAt.is_null())
        .filter(Column::DeadLetteredAt.is_null())
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}
