//! The last known rate of a currency. Stored durably, because a cache would lose it when it expires.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{IntoActiveModel, QueryOrder, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "exchange_rates")]
pub struct Model {
    /// ISO 4217 code. The other currency is always USD.
    #[sea_orm(primary_key, auto_increment = false)]
    pub currency: String,
    /// Units of the currency per US dollar, an exact decimal.
    pub rate: String,
    /// The provider of the rate.
    pub source: String,
    /// The provider's own timestamp.
    pub as_of: DateTime<Utc>,
    /// When we fetched it; the rate's age counts from here.
    pub fetched_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// All rates: at most one for each supported currency.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(db).await
}

/// Every rate there is, until the end of the transaction out of reach for others who lock them.
pub async fn lock_all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        // Always in the same order, so that nobody waits for each other.
        .order_by_asc(Column::Currency)
        .lock_exclusive()
        .all(db)
        .await
}

/// Replaces the last known rate of each currency.
pub async fn put_rates(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .on_conflict(
            OnConflict::column(Column::Currency)
                .update_columns([
                    Column::Rate,
                    Column::Source,
                    Column::AsOf,
                    Column::FetchedAt,
                ])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}
