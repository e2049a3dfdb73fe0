//! A parcel that the warehouse sent for an order. Where it is is known to tracking; here are only the times that an
//! order's status follows from.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::IntoActiveModel;
use sea_orm::entity::prelude::*;

use super::order_parcel_line;
use crate::keys;
use crate::tracking_number;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_parcels")]
pub struct Model {
    /// Also the id of its shipment in tracking.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    /// In small letters, as in tracking's events: `dhl`, ….
    pub carrier: String,
    /// Normalized; unique for its carrier.
    pub tracking_number: String,
    /// Who registered it: a token's subject, an application, or the warehouse.
    pub registered_by: String,
    pub registered_at: DateTime<Utc>,
    /// When the carrier got it.
    pub shipped_at: Option<DateTime<Utc>>,
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was back at its sender.
    pub returned_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The parcels of an order, in the order of registration. To add one, lock the order.
pub async fn of_order(db: &impl ConnectionTrait, order: Uuid) -> Result<Vec<Model>, DbErr> {
    let mut rows = Entity::find()
        .filter(Column::OrderId.eq(order))
        .all(db)
        .await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// How many parcels each of these orders has; none if it is missing.
pub async fn count_of_orders(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, usize>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        .all(db)
        .await?;
    let mut counts = HashMap::new();
    for row in rows {
        *counts.entry(row.order_id).or_default() += 1;
    }
    Ok(counts)
}

/// The carrier's parcel with this number, of any order.
pub async fn by_number(
    db: &impl ConnectionTrait,
    carrier: &str,
    number: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Carrier.eq(carrier))
        .filter(Column::TrackingNumber.eq(tracking_number::normalized(number)))
        .one(db)
        .await
}

/// Adds a parcel with its lines.
pub async fn insert(
    transaction: &impl ConnectionTrait,
    parcel: Model,
    lines: Vec<order_parcel_line::Model>,
) -> Result<(), DbErr> {
    Entity::insert(parcel.into_active_model())
        .exec_without_returning(transaction)
        .await?;
    crate::insert_many::<order_parcel_line::Entity>(transaction, lines).await
}

/// Updates what the carrier reported. To change it, lock the order.
pub async fn update(transaction: &impl ConnectionTrait, parcel: Model) -> Result<(), DbErr> {
    let mut row = parcel.into_active_model();
    for column in [Column::ShippedAt, Column::DeliveredAt, Column::ReturnedAt] {
        row.reset(column);
    }
    Entity::update(row)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// The parcels of each order, in the order of registration.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let mut rows = Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        .all(db)
        .await?;
    rows.sort_by_key(|row| row.id);
    let mut by_order: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_order.entry(row.order_id).or_default().push(row);
    }
    Ok(by_order)
}
