//! A temporary change of a product's base price: a sale, demand, clearance.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price_adjustments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub product_id: Uuid,
    /// The kind of adjustment: `sale`, `demand`, `clearance`, ….
    pub kind: String,
    /// In cents, added to the base price; negative for a discount.
    pub usd_minor: i64,
    /// Start, inclusive.
    pub active_from: DateTime<Utc>,
    /// End, exclusive; `None`: until it is removed.
    pub active_until: Option<DateTime<Utc>>,
    /// The percentage of the base price that `usd_minor` is, an exact decimal; `None` for a fixed amount.
    pub percent: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// All that there are, whether or not they are active, by product, oldest first.
pub async fn of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ProductId, products))
        .order_by_asc(Column::ActiveFrom)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_product: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_product.entry(row.product_id).or_default().push(row);
    }
    Ok(by_product)
}

/// Removes all adjustments of these products.
pub async fn remove(db: &impl ConnectionTrait, products: &[Uuid]) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(keys::one_of(db, Column::ProductId, products))
        .exec(db)
        .await?;
    Ok(())
}
