//! A change of a product's price: the history of `product_price`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::keys;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price_history")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub product_id: Uuid,
    /// In cents, as of this change.
    pub base_usd_minor: i64,
    /// In cents.
    pub compare_at_usd_minor: Option<i64>,
    pub changed_at: DateTime<Utc>,
    /// In cents, adjustments included, as of this change; `None` in rows from before this column.
    pub current_usd_minor: Option<i64>,
    pub reason: Option<String>,
    /// Who made the change.
    pub actor: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The changes since a given time, by product, newest first.
pub async fn of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
    since: DateTime<Utc>,
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ProductId, products))
        .filter(Column::ChangedAt.gte(since))
        .order_by_desc(Column::ChangedAt)
        .order_by_desc(Column::Id)
        .all(db)
        .await?;
    let mut by_product: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_product.entry(row.product_id).or_default().push(row);
    }
    Ok(by_product)
}
