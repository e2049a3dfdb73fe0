//! Queues of what waits for a person: what the tables of reviews have in common. A row is opened again if its subject needs
//! a person again.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ExprTrait, PaginatorTrait, QueryOrder, QuerySelect};

use crate::keys;

/// A table of reviews, and its columns.
pub(crate) trait ReviewQueue: EntityTrait {
    /// Whose review it is.
    const SUBJECT: Self::Column;
    /// Since when it waits, or waited.
    const SINCE: Self::Column;
    /// When it was closed; null while it waits.
    const CLOSED_AT: Self::Column;
    /// When it was last reported that it waits for too long.
    const REMINDED_AT: Self::Column;
}

/// The sort key of a queue.
pub(crate) type Key = (DateTime<Utc>, Uuid);

/// Closes the review of this subject, if it is open.
pub(crate) async fn close<E: ReviewQueue>(
    db: &impl ConnectionTrait,
    subject: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    E::update_many()
        .col_expr(E::CLOSED_AT, Expr::value(now))
        .filter(E::SUBJECT.eq(subject))
        .filter(E::CLOSED_AT.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Records that it is reported now that this one waits for too long, and returns whether it was not since `before`.
pub(crate) async fn report<E: ReviewQueue>(
    db: &impl ConnectionTrait,
    subject: Uuid,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let reported = E::update_many()
        .col_expr(E::REMINDED_AT, Expr::value(now))
        .filter(E::SUBJECT.eq(subject))
        .filter(unreported::<E>(before))
        .exec(db)
        .await?;
    Ok(reported.rows_affected == 1)
}

fn unreported<E: ReviewQueue>(before: DateTime<Utc>) -> Condition {
    Condition::any()
        .add(E::REMINDED_AT.is_null())
        .add(E::REMINDED_AT.lt(before))
}

/// Puts the next report of these off.
pub(crate) async fn remind<E: ReviewQueue>(
    db: &impl ConnectionTrait,
    subjects: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    E::update_many()
        .col_expr(E::REMINDED_AT, Expr::value(now))
        .filter(keys::one_of(db, E::SUBJECT, subjects))
        .exec(db)
        .await?;
    Ok(())
}

/// Reviews that are open, or that were closed.
pub(crate) fn list<E: ReviewQueue>(is_open: bool) -> Select<E> {
    E::find().filter(match is_open {
        true => E::CLOSED_AT.is_null(),
        false => E::CLOSED_AT.is_not_null(),
    })
}

/// A page of these reviews, those that wait longest first.
pub(crate) async fn page<E: ReviewQueue>(
    db: &impl ConnectionTrait,
    mut reviews: Select<E>,
    after: Option<Key>,
    limit: u64,
) -> Result<Vec<E::Model>, DbErr> {
    if let Some((since, subject)) = after {
        let key = Expr::tuple([E::SINCE.into_expr(), E::SUBJECT.into_expr()]);
        let after = Expr::tuple([Expr::value(since), Expr::value(subject)]);
        reviews = reviews.filter(key.gt(after));
    }
    reviews
        .order_by_asc(E::SINCE)
        .order_by_asc(E::SUBJECT)
        .limit(limit)
        .all(db)
        .await
}

/// Open reviews since before then that were not reported since, at most `limit`.
pub(crate) async fn overdue<E: ReviewQueue>(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<E::Model>, DbErr> {
    list::<E>(true)
        .filter(E::SINCE.lt(before))
        .filter(unreported::<E>(before))
        .order_by_asc(E::SINCE)
        .limit(limit)
        .all(db)
        .await
}

/// How many reviews are open, and since when the oldest one is.
pub(crate) async fn waiting<E>(
    db: &impl ConnectionTrait,
) -> Result<(u64, Option<DateTime<Utc>>), DbErr>
where
    E: ReviewQueue,
    E::Model: Sync,
{
    let oldest = list::<E>(true)
        .select_only()
        .column(E::SINCE)
        .order_by_asc(E::SINCE)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    Ok((list::<E>(true).count(db).await?, oldest))
}
