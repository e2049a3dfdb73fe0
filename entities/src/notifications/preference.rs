//! One cell of a customer's channel × category matrix. A cell without a row has the default value.

use std::collections::HashMap;

use chrono::{DateTime, NaiveTime, Utc};
use sea_orm::entity::prelude::*;

use crate::insert;
use crate::keys;
use crate::stored_enum::stored_enum;

stored_enum! {
    NotificationChannel {
        Push = "push",
        Email = "email",
        Sms = "sms",
    }
}

stored_enum! {
    NotificationCategory {
        Orders = "orders",
        Deals = "deals",
        Wishlist = "wishlist",
        Social = "social",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "preferences")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub channel: NotificationChannel,
    #[sea_orm(primary_key, auto_increment = false)]
    pub category: NotificationCategory,
    pub enabled: bool,
    pub quiet_hours_start: Option<NaiveTime>,
    pub quiet_hours_end: Option<NaiveTime>,
    pub updated_at: DateTime<Utc>,
    /// Written by the migration of legacy preferences, and not changed by the customer since.
    pub migrated: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The stored cells, by customer.
pub async fn of_customers(
    db: &impl ConnectionTrait,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::CustomerId, customers))
        .all(db)
        .await?;
    let mut by_customer: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_customer.entry(row.customer_id).or_default().push(row);
    }
    Ok(by_customer)
}

/// Inserts or updates cells.
pub async fn upsert(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let changing = [
        Column::Enabled,
        Column::QuietHoursStart,
        Column::QuietHoursEnd,
        Column::UpdatedAt,
        Column::Migrated,
    ];
    insert::upsert::<Entity>(
        db,
        [Column::CustomerId, Column::Channel, Column::Category],
        changing,
        rows,
    )
    .await
}

/// Deletes the customer's cells that were changed up to then, and returns how many.
pub async fn delete_of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    until: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::UpdatedAt.lte(until))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
