//! When the runner has to look at its tasks again.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use super::{Column, Entity};

/// Tasks read to find when the next is due: those that run at once, and more.
const FIRST: u64 = 32;

/// When the next of these kinds' tasks is due, or free again if it is claimed: then or later.
pub async fn next_due(
    db: &impl ConnectionTrait,
    kinds: &[&str],
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let first: Vec<(DateTime<Utc>, Option<DateTime<Utc>>)> = Entity::find()
        .select_only()
        .column(Column::DueAt)
        .column(Column::ClaimedUntil)
        .filter(Column::DeadLetteredAt.is_null())
        .filter(Column::Kind.is_in(kinds.iter().copied()))
        .order_by_asc(Column::DueAt)
        .limit(FIRST)
        .into_tuple()
        .all(db)
        .await?;
    // All others are due after the last of these.
    let is_all = (first.len() as u64) < FIRST;
    let last = first.last().map(|(due, _)| *due).filter(|_| !is_all);
    let free = first
        .iter()
        .map(|(due, claimed)| claimed.map_or(*due, |claimed| claimed.max(*due)));
    Ok(free.chain(last).min())
}
