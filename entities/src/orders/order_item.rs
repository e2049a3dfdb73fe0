//! A line of an order, with the product as of when it was bought.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// Why a product cannot be returned.
    Restriction {
        Personalized = "personalized",
        Hazardous = "hazardous",
        Digital = "digital",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    /// The order's customer, copied here so that ownership can be checked without the order.
    pub customer_id: Uuid,
    /// Its position in the order, from 0.
    pub position: i32,
    pub product_id: Uuid,
    pub product_name: String,
    /// Why the product cannot be returned.
    pub restriction: Option<Restriction>,
    pub quantity: i32,
    pub unit_price_amount: i64,
    /// The tax on the whole line.
    pub tax_amount: i64,
    /// The order's currency.
    pub currency_code: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// By id.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Arc<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::Id, ids))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, Arc::new(row)))
        .collect())
}

/// The lines of each order, by position.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Arc<Model>>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        // As the index has them, so that nothing is sorted.
        .order_by_asc(Column::OrderId)
        .order_by_asc(Column::Position)
        .all(db)
        .await?;
    let mut by_order: HashMap<Uuid, Vec<Arc<Model>>> = HashMap::with_capacity(orders.len());
    for row in rows {
        by_order.entry(row.order_id).or_default().push(row.into());
    }
    Ok(by_order)
}
