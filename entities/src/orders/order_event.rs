//! An entry in an order's timeline. Entries are added, never changed.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder};

use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    /// Who changed an order.
    Actor {
        Customer = "customer",
        Payment = "payment",
        Carrier = "carrier",
        Support = "support",
        System = "system",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub order_id: Uuid,
    /// What happened: `order.placed`, `order.confirmed`, ….
    pub event: String,
    /// An [`Actor`] as text. It is only displayed, so values of newer versions are accepted.
    pub actor: String,
    /// An explanation in words: the reason of a cancellation.
    pub detail: Option<String>,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Adds an entry to an order's timeline.
pub async fn insert(transaction: &impl ConnectionTrait, event: Model) -> Result<(), DbErr> {
    event.into_active_model().insert(transaction).await?;
    Ok(())
}

/// Deletes the explanations in the timelines of these orders, and returns how many.
pub async fn delete_details(db: &impl ConnectionTrait, orders: &[Uuid]) -> Result<u64, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Detail, Expr::value(None::<String>))
        .filter(keys::one_of(db, Column::OrderId, orders))
        .filter(Column::Detail.is_not_null())
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// The timeline of each order, oldest first.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Arc<Model>>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::OrderId, orders))
        .order_by_asc(Column::OccurredAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_order: HashMap<Uuid, Vec<Arc<Model>>> = HashMap::with_capacity(orders.len());
    for row in rows {
        by_order.entry(row.order_id).or_default().push(row.into());
    }
    Ok(by_order)
}
