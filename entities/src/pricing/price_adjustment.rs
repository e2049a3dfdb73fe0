//! A change to a product's base price for a while: a sale, demand, clearance.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, QueryOrder};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price_adjustments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub product_id: Uuid,
    /// What it is called: `sale`, `demand`, `clearance`, ….
    pub kind: String,
    /// In cents, added to the base price: negative makes it cheaper.
    pub usd_minor: i64,
    /// Holds from here on, …
    pub active_from: DateTime<Utc>,
    /// … up to here, exclusively; without an end until it is removed.
    pub active_until: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The adjustments that hold at this moment, by product, oldest first.
pub async fn active_of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::ProductId.is_in(products.iter().copied()))
        .filter(Column::ActiveFrom.lte(now))
        .filter(
            Condition::any()
                .add(Column::ActiveUntil.is_null())
                .add(Column::ActiveUntil.gt(now)),
        )
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
