//! A product's price before adjustments, in US dollars.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    Condition, ExprTrait, IntoActiveModel, JoinType, QueryOrder, QuerySelect, RelationDef,
};

use super::price_adjustment;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "product_prices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub product_id: Uuid,
    /// In cents.
    pub base_usd_minor: i64,
    /// In cents: the price to show struck through, if any.
    pub compare_at_usd_minor: Option<i64>,
    pub updated_at: DateTime<Utc>,
    /// How often it was set.
    pub version: i64,
    /// How often a change of it was published.
    pub sequence: i64,
    /// In cents, adjustments included: the price as last published.
    pub published_usd_minor: Option<i64>,
    /// When the next adjustment begins or ends.
    pub next_change_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A price with the adjustments that are active, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjusted {
    pub price: Model,
    pub adjustments: Vec<price_adjustment::Model>,
}

/// By product, with the adjustments that are active at this time.
pub async fn adjusted(
    db: &impl ConnectionTrait,
    products: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, Adjusted>, DbErr> {
    let rows = Entity::find()
        .join(JoinType::LeftJoin, active_adjustments(now))
        .select_also(price_adjustment::Entity)
        .filter(Column::ProductId.is_in(products.iter().copied()))
        .order_by_asc(price_adjustment::Column::ActiveFrom)
        .order_by_asc(price_adjustment::Column::Id)
        .all(db)
        .await?;
    let mut by_product = HashMap::with_capacity(products.len());
    for (price, adjustment) in rows {
        let adjusted = by_product.entry(price.product_id);
        let adjusted = adjusted.or_insert_with(|| Adjusted {
            price,
            adjustments: Vec::new(),
        });
        adjusted.adjustments.extend(adjustment);
    }
    Ok(by_product)
}

fn active_adjustments(now: DateTime<Utc>) -> RelationDef {
    let adjustments: RelationDef = Entity::belongs_to(price_adjustment::Entity)
        .from(Column::ProductId)
        .to(price_adjustment::Column::ProductId)
        .into();
    adjustments.on_condition(move |_, adjustment| {
        use price_adjustment::Column::{ActiveFrom, ActiveUntil};
        let column = |column| Expr::col((adjustment.clone(), column));
        Condition::all().add(column(ActiveFrom).lte(now)).add(
            Condition::any()
                .add(column(ActiveUntil).is_null())
                .add(column(ActiveUntil).gt(now)),
        )
    })
}

/// By product.
pub async fn of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find()
        .filter(Column::ProductId.is_in(products.iter().copied()))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.product_id, row)).collect())
}

/// By product; until the end of the transaction, others who lock them wait.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find()
        .filter(Column::ProductId.is_in(products.iter().copied()))
        // Always in the same order, so that nobody waits for each other.
        .order_by_asc(Column::ProductId)
        .lock_exclusive()
        .all(transaction)
        .await?;
    Ok(rows.into_iter().map(|row| (row.product_id, row)).collect())
}

/// Stores these prices in place of those that their products have.
pub async fn put(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model))
        .on_conflict(
            OnConflict::column(Column::ProductId)
                .update_columns([
                    Column::BaseUsdMinor,
                    Column::CompareAtUsdMinor,
                    Column::UpdatedAt,
                    Column::Version,
                    Column::Sequence,
                    Column::PublishedUsdMinor,
                    Column::NextChangeAt,
                ])
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Products with an adjustment that has begun or ended by now and was not looked at since, oldest first.
pub async fn due(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::ProductId)
        .filter(Column::NextChangeAt.lte(now))
        .order_by_asc(Column::NextChangeAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// When the next adjustment of all begins or ends.
pub async fn next_change(db: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>, DbErr> {
    let next = Entity::find()
        .select_only()
        .column(Column::NextChangeAt)
        .filter(Column::NextChangeAt.is_not_null())
        .order_by_asc(Column::NextChangeAt)
        .limit(1)
        .into_tuple::<DateTime<Utc>>();
    next.one(db).await
}
