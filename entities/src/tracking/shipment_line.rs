//! How many units of an order's line are in a parcel.

use std::collections::HashMap;

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::keys;

#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipment_lines")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub shipment_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_item_id: Uuid,
    pub quantity: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The lines of each parcel, in the order of the items' ids.
pub async fn of_shipments(
    db: &impl ConnectionTrait,
    shipments: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ShipmentId, shipments))
        .order_by_asc(Column::ShipmentId)
        .order_by_asc(Column::OrderItemId)
        .all(db)
        .await?;
    let mut by_shipment: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_shipment.entry(row.shipment_id).or_default().push(row);
    }
    Ok(by_shipment)
}
