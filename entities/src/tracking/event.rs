//! A carrier's report about a parcel: one entry in its history.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder, TryInsertResult};

use super::shipment::{Carrier, TrackingStatus};
use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tracking_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub shipment_id: Uuid,
    pub carrier: Carrier,
    pub tracking_number: String,
    pub status: TrackingStatus,
    pub location: Option<String>,
    /// The carrier's time, or the time of the report if that is earlier.
    pub occurred_at: DateTime<Utc>,
    /// The carrier's own time.
    pub carrier_time: DateTime<Utc>,
    /// Whether UTC was assumed, because the carrier gave a local time at a place whose time zone is unknown.
    pub zone_assumed: bool,
    pub recorded_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Each parcel's history, in the order of the events' own times.
pub async fn of_shipments(
    db: &impl ConnectionTrait,
    shipments: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ShipmentId, shipments))
        .order_by_asc(Column::OccurredAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_shipment: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_shipment.entry(row.shipment_id).or_default().push(row);
    }
    Ok(by_shipment)
}

/// Deletes where these parcels were, and returns how many entries had a place.
pub async fn delete_places(db: &impl ConnectionTrait, shipments: &[Uuid]) -> Result<u64, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Location, Expr::value(None::<String>))
        .filter(keys::one_of(db, Column::ShipmentId, shipments))
        .filter(Column::Location.is_not_null())
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// Records the event and returns whether it is new: the same status of the same parcel at the same time is the same
/// event.
pub async fn record(db: &impl ConnectionTrait, row: Model) -> Result<bool, DbErr> {
    let inserted = Entity::insert(row.into_active_model())
        .on_conflict_do_nothing_on([
            Column::Carrier,
            Column::TrackingNumber,
            Column::Status,
            Column::CarrierTime,
        ])
        .exec_without_returning(db)
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0))
}
