//! What is popular in a category: the common direction of the preferences of customers who looked at its products.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "category_vectors")]
pub struct Model {
    /// As it is written in the catalog.
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: String,
    /// 128 floats, little-endian.
    pub vector: Vec<u8>,
    /// How many customers it was computed from.
    pub customers: i64,
    pub computed_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Of all categories: a few hundred at most.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(db).await
}

/// Replaces the vectors of all categories. Others who do must wait until the transaction ends, or both insert the same
/// categories.
pub async fn replace_all(
    transaction: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<(), DbErr> {
    Entity::delete_many().exec(transaction).await?;
    crate::insert_many::<Entity>(transaction, rows).await
}
