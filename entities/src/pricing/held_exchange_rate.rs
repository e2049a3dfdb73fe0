//! A fetched rate that moved too far to be believed at once: kept until somebody releases it, or a later
//! fetch is near the last known rate again.

use chrono::{DateTime, Utc};
use sea_orm::IntoActiveModel;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use super::exchange_rate;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "held_exchange_rates")]
pub struct Model {
    /// ISO 4217 code. The other side is always USD.
    #[sea_orm(primary_key, auto_increment = false)]
    pub currency: String,
    /// Units of the currency for one US dollar, an exact decimal.
    pub rate: String,
    pub source: String,
    /// The provider's own timestamp.
    pub as_of: DateTime<Utc>,
    /// When it was fetched last.
    pub fetched_at: DateTime<Utc>,
    /// When a rate of this currency was first held.
    pub held_since: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// As the rate that is used from now on.
    pub fn released(self) -> exchange_rate::Model {
        exchange_rate::Model {
            currency: self.currency,
            rate: self.rate,
            source: self.source,
            as_of: self.as_of,
            fetched_at: self.fetched_at,
        }
    }
}

/// Every rate that is held.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(db).await
}

/// Holds these rates in place of those that were held of their currencies.
pub async fn put(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
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
                    Column::HeldSince,
                ])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Holds nothing of these currencies anymore.
pub async fn remove<'a>(
    db: &impl ConnectionTrait,
    currencies: impl IntoIterator<Item = &'a str>,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::Currency.is_in(currencies))
        .exec(db)
        .await?;
    Ok(())
}
