//! A device that can be pushed to.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{IntoActiveModel, PaginatorTrait};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    pub customer_id: Uuid,
    /// `android`, `ios` or `web`.
    pub platform: String,
    /// `us`, `eu` or `apac`: which deals topic the device hears.
    pub region: String,
    pub created_at: DateTime<Utc>,
}

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

pub async fn count(db: &impl ConnectionTrait, customer: Uuid) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .count(db)
        .await
}

/// Registers the device. A token that another customer had is now this customer's: people sign
/// out and in on one device.
pub async fn put(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::column(Column::Token)
                .update_columns([Column::CustomerId, Column::Platform, Column::Region])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Forgets the customer's device, if it is theirs.
pub async fn delete(db: &impl ConnectionTrait, customer: Uuid, token: &str) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::Token.eq(token))
        .filter(Column::CustomerId.eq(customer))
        .exec(db)
        .await?;
    Ok(())
}
