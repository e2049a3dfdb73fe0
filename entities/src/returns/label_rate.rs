//! What a label cost when one was last asked for, by the customer's country and the parcel's weight.

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::insert;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "label_rates")]
pub struct Model {
    /// ISO 3166-1 alpha-2.
    #[sea_orm(primary_key, auto_increment = false)]
    pub country: String,
    /// Begun ones.
    #[sea_orm(primary_key, auto_increment = false)]
    pub pounds: i32,
    pub carrier: String,
    pub service: String,
    /// In US cents.
    pub cents: i64,
    pub seen_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Writes the latest rates.
pub async fn write(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let changing = [
        Column::Carrier,
        Column::Service,
        Column::Cents,
        Column::SeenAt,
    ];
    insert::upsert::<Entity>(db, [Column::Country, Column::Pounds], changing, rows).await
}

/// That of the lightest known parcel from the country that is at least this heavy, or else of the heaviest.
pub async fn nearest(
    db: &impl ConnectionTrait,
    country: &str,
    pounds: i32,
) -> Result<Option<Model>, DbErr> {
    let of_country = || Entity::find().filter(Column::Country.eq(country));
    let heavier = of_country()
        .filter(Column::Pounds.gte(pounds))
        .order_by_asc(Column::Pounds);
    if let Some(rate) = heavier.one(db).await? {
        return Ok(Some(rate));
    }
    let heaviest = of_country().order_by_desc(Column::Pounds);
    heaviest.one(db).await
}
