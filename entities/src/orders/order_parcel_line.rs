//! How many units of an order's line are in a parcel.

use sea_orm::entity::prelude::*;

use crate::keys;

#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_parcel_lines")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub parcel_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_item_id: Uuid,
    pub quantity: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The lines of these parcels.
pub async fn of_parcels(db: &impl ConnectionTrait, parcels: &[Uuid]) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(keys::one_of(db, Column::ParcelId, parcels))
        .all(db)
        .await
}
