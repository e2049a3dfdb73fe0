//! A device that receives push notifications.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::PaginatorTrait;
use sea_orm::entity::prelude::*;

use crate::batch;
use crate::insert;
use crate::stored_enum::stored_enum;

stored_enum! {
    DevicePlatform {
        Android = "android",
        Ios = "ios",
        Web = "web",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    pub customer_id: Uuid,
    pub platform: DevicePlatform,
    /// `us`, `eu` or `apac`: which deals topic the device is subscribed to.
    pub region: String,
    /// When it was last registered.
    pub created_at: DateTime<Utc>,
    /// Since when its topics are in `topic_memberships`; `None` for devices of before they were.
    pub topics_set_at: Option<DateTime<Utc>>,
}

/// Maximum number of devices deleted per statement; the next registration deletes more.
const MAX_FORGOTTEN: u64 = 1_000;

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The customer's devices, oldest first.
pub async fn of_customer(db: &impl ConnectionTrait, customer: Uuid) -> Result<Vec<Model>, DbErr> {
    use sea_orm::QueryOrder;
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Token)
        .all(db)
        .await
}

/// Which of these customers have a device.
pub async fn owners(db: &impl ConnectionTrait, customers: &[Uuid]) -> Result<HashSet<Uuid>, DbErr> {
    batch::existing::<Entity>(db, Column::CustomerId, customers).await
}

pub async fn count(db: &impl ConnectionTrait, customer: Uuid) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .count(db)
        .await
}

/// Registers or re-registers the device. A token that belonged to another customer moves to this one: people sign out
/// and in on one device.
pub async fn upsert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    let changing = [
        Column::CustomerId,
        Column::Platform,
        Column::Region,
        Column::CreatedAt,
        Column::TopicsSetAt,
    ];
    insert::upsert::<Entity>(db, [Column::Token], changing, vec![row]).await
}

/// Deletes the customer's devices, except the `kept` most recently registered, and returns their tokens.
pub async fn forget_oldest(
    db: &impl ConnectionTrait,
    customer: Uuid,
    kept: u64,
) -> Result<Vec<String>, DbErr> {
    use sea_orm::{QueryOrder, QuerySelect};
    let beyond: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Token)
        .filter(Column::CustomerId.eq(customer))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Token)
        .offset(kept)
        // SQLite supports no offset without a limit.
        .limit(MAX_FORGOTTEN)
        .into_tuple()
        .all(db)
        .await?;
    if beyond.is_empty() {
        return Ok(beyond);
    }
    Entity::delete_many()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::Token.is_in(beyond.iter().map(String::as_str)))
        .exec(db)
        .await?;
    Ok(beyond)
}

/// Deletes the device, if it is the customer's, and returns whether it was.
pub async fn delete(db: &impl ConnectionTrait, customer: Uuid, token: &str) -> Result<bool, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::Token.eq(token))
        .filter(Column::CustomerId.eq(customer))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected > 0)
}

/// Deletes devices, whoever has them.
pub async fn delete_tokens(db: &impl ConnectionTrait, tokens: &[String]) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::Token.is_in(tokens.iter().map(String::as_str)))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}

/// Customers with devices whose topics are not recorded.
pub async fn customers_without_topics(
    db: &impl ConnectionTrait,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    use sea_orm::QuerySelect;
    Entity::find()
        .select_only()
        .column(Column::CustomerId)
        .distinct()
        .filter(Column::TopicsSetAt.is_null())
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// Records that the topics of the customer's devices are recorded.
pub async fn topics_are_set(
    db: &impl ConnectionTrait,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::TopicsSetAt.is_null())
        .col_expr(Column::TopicsSetAt, Expr::value(now))
        .exec(db)
        .await?;
    Ok(())
}

/// Deletes the customer's devices that were registered up to then, and returns how many.
pub async fn delete_of_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    until: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::CreatedAt.lte(until))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
