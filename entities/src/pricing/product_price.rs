//! A product's price before adjustments, in US dollars.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "product_prices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub product_id: Uuid,
    /// In cents.
    pub base_usd_minor: i64,
    /// In cents: the price to show struck through, if any.
    pub compare_at_usd_minor: Option<i64>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// By product.
pub async fn of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find()
        .filter(Column::ProductId.is_in(products.iter().copied()))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.product_id, row)).collect())
}
