//! A message to a customer, sent or pending: the delivery log.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{PaginatorTrait, QueryOrder, QuerySelect};

use super::preference::{NotificationCategory, NotificationChannel};
use crate::stored_enum::stored_enum;

stored_enum! {
    /// The delivery status of a message.
    DeliveryStatus {
        /// Waits for its time: the end of quiet hours, or its place in the queue.
        Scheduled = "scheduled",
        Sent = "sent",
        /// Failed, and will be retried.
        Failed = "failed",
        /// Failed for good.
        DeadLettered = "dead_lettered",
        /// Not sent, because the customer opted out.
        Suppressed = "suppressed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    pub order_id: Option<Uuid>,
    pub category: NotificationCategory,
    pub channel: NotificationChannel,
    pub title: String,
    pub body: String,
    pub deep_link: Option<String>,
    pub status: DeliveryStatus,
    pub scheduled_for: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The customer's messages about each order, oldest first. Ids are UUIDv7, so their order is time's.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    customer: Uuid,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::OrderId.is_in(orders.iter().copied()))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_order: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        if let Some(order) = row.order_id {
            by_order.entry(order).or_default().push(row);
        }
    }
    Ok(by_order)
}

/// Messages by id, of any customer.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// A page of the customer's messages, newest first, of those older than `before`.
pub async fn page(
    db: &impl ConnectionTrait,
    customer: Uuid,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .order_by_desc(Column::Id)
        .limit(limit);
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before));
    }
    query.all(db).await
}

pub async fn count(db: &impl ConnectionTrait, customer: Uuid) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .count(db)
        .await
}
