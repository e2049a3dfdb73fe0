//! A product's vector from a file, which replaces the one computed from its text.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{PaginatorTrait, QuerySelect};

use crate::insert;
use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "product_vectors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub product_id: Uuid,
    /// 128 floats, little-endian.
    pub vector: Vec<u8>,
    pub imported_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The vectors of these products, where there are any.
pub async fn by_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Vec<u8>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ProductId, products))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.product_id, row.vector))
        .collect())
}

/// How many products have one.
pub async fn count(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find().count(db).await
}

/// Inserts or replaces vectors.
pub async fn write(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let changing = [Column::Vector, Column::ImportedAt];
    insert::upsert::<Entity>(db, [Column::ProductId], changing, rows).await
}

/// Deletes all, and returns how many there were.
pub async fn delete_all(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().exec(db).await?.rows_affected)
}

/// The products that have one.
pub async fn products(db: &impl ConnectionTrait) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::ProductId)
        .into_tuple()
        .all(db)
        .await
}
