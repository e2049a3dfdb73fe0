//! Which events may be published now, and when the next may be.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, Query};
use sea_orm::{ExprTrait, QuerySelect};

use super::{Column, Entity, waiting};

/// Whether any event may be published now.
pub async fn is_any_due(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let due = due(now).select_only().column(Column::Id).limit(1);
    Ok(due.into_tuple::<Uuid>().one(db).await?.is_some())
}

/// When the next event may be published. A publisher that dies holds its events for a while.
pub async fn next_due(db: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>, DbErr> {
    let column = |column: Column| Expr::col((Entity, column));
    let is_held = column(Column::ClaimedUntil).gt(column(Column::NextAttemptAt));
    let free_at: Expr = CaseStatement::new()
        .case(is_held, column(Column::ClaimedUntil))
        .finally(column(Column::NextAttemptAt))
        .into();
    let next = first()
        .select_only()
        .column_as(free_at.min(), "next")
        .into_tuple::<Option<DateTime<Utc>>>();
    Ok(next.one(db).await?.flatten())
}

/// The first waiting event of each aggregate.
fn first() -> Select<Entity> {
    let of_earlier = |column: Column| Expr::col(("earlier", column));
    let of_this = |column: Column| Expr::col((Entity, column));
    let earlier = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, "earlier")
        .and_where(of_earlier(Column::Topic).eq(of_this(Column::Topic)))
        .and_where(of_earlier(Column::AggregateId).eq(of_this(Column::AggregateId)))
        .and_where(of_earlier(Column::Sequence).lt(of_this(Column::Sequence)))
        .and_where(of_earlier(Column::PublishedAt).is_null())
        .and_where(of_earlier(Column::DeadLetteredAt).is_null())
        .to_owned();
    waiting().filter(Expr::not_exists(earlier))
}

/// Events that may be published now: the first of each aggregate, if no publisher holds it and its next attempt is due.
pub(super) fn due(now: DateTime<Utc>) -> Select<Entity> {
    let is_free = Column::ClaimedUntil
        .is_null()
        .or(Column::ClaimedUntil.lte(now));
    first()
        .filter(Column::NextAttemptAt.lte(now))
        .filter(is_free)
}
