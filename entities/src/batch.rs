//! Walks and deletions that proceed in batches, and which of many rows exist.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{Condition, QueryOrder, QuerySelect};

use crate::keys;

/// Deletes at most this many rows that match and returns how many. Rows that no longer match when they are deleted stay.
pub(crate) async fn delete<E>(
    db: &impl ConnectionTrait,
    key: E::Column,
    which: Condition,
    limit: u64,
) -> Result<u64, DbErr>
where
    E: EntityTrait + Default,
{
    let keys = Query::select()
        .column(key)
        .from(E::default())
        .cond_where(which.clone())
        .limit(limit)
        .to_owned();
    let deleted = E::delete_many()
        .filter(key.in_subquery(keys))
        .filter(which)
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// When rows have changed since this time, with their keys, in the order of their changes, after this one: one step of a
/// walk over all.
pub(crate) async fn changed_since<E>(
    db: &impl ConnectionTrait,
    (changed_at, key): (E::Column, E::Column),
    since: DateTime<Utc>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u64,
) -> Result<Vec<(DateTime<Utc>, Uuid)>, DbErr>
where
    E: EntityTrait,
{
    let mut query = E::find()
        .select_only()
        .columns([changed_at, key])
        .filter(changed_at.gte(since))
        .order_by_asc(changed_at)
        .order_by_asc(key)
        .limit(limit);
    if let Some((at, id)) = after {
        let later = Condition::any()
            .add(changed_at.gt(at))
            .add(Condition::all().add(changed_at.eq(at)).add(key.gt(id)));
        query = query.filter(changed_at.gte(at)).filter(later);
    }
    query.into_tuple().all(db).await
}

/// Different values of a column after this one, in order: one step of a walk over all.
pub(crate) async fn ids_after<E>(
    db: &impl ConnectionTrait,
    column: E::Column,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr>
where
    E: EntityTrait,
{
    let mut query = E::find()
        .select_only()
        .column(column)
        .distinct()
        .order_by_asc(column)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(column.gt(after));
    }
    query.into_tuple().all(db).await
}

/// Which of these rows exist, whatever else is in them.
pub(crate) async fn existing<E>(
    db: &impl ConnectionTrait,
    key: E::Column,
    ids: &[Uuid],
) -> Result<HashSet<Uuid>, DbErr>
where
    E: EntityTrait,
{
    let rows: Vec<Uuid> = E::find()
        .select_only()
        .column(key)
        .filter(keys::one_of(db, key, ids))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}
