//! A numbered change of a journey as published to watchers, kept for those who missed it.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder, QuerySelect};

use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tracking_changes")]
pub struct Model {
    /// The order or return whose parcels are numbered together.
    #[sea_orm(primary_key, auto_increment = false)]
    pub journey_id: Uuid,
    /// Numbers the changes of the journey from 1, without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i32,
    /// The message that was published.
    pub change: Json,
    pub recorded_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The journey's changes after this number, in order.
pub async fn after(
    db: &impl ConnectionTrait,
    journey: Uuid,
    sequence: i32,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::JourneyId.eq(journey))
        .filter(Column::Sequence.gt(sequence))
        .order_by_asc(Column::Sequence)
        .limit(limit)
        .all(db)
        .await
}

pub async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Deletes the changes of these journeys, and returns how many.
pub async fn delete_of_journeys(
    db: &impl ConnectionTrait,
    journeys: &[Uuid],
) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(keys::one_of(db, Column::JourneyId, journeys))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Deletes a batch of changes recorded before then and returns how many. A journey's last change need not be kept: its
/// parcels have the number.
pub async fn sweep(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    batch: u64,
) -> Result<u64, DbErr> {
    let old = Entity::find()
        .filter(Column::RecordedAt.lt(before))
        .order_by_asc(Column::RecordedAt)
        .limit(batch)
        .all(db)
        .await?;
    let Some(last) = old.last() else {
        return Ok(0);
    };
    let deleted = Entity::delete_many()
        .filter(Column::RecordedAt.lte(last.recorded_at))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
