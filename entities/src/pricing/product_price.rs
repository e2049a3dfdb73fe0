//! A product's price before adjustments, in US dollars.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{IntoIden, SelectStatement};
use sea_orm::{
    Condition, DbBackend, ExprTrait, JoinType, QueryOrder, QuerySelect, QueryTrait, RelationDef,
};

use super::price_adjustment;

use crate::{insert, keys, lock};

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

/// What the price to pay is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amounts {
    /// In cents.
    pub base_usd_minor: i64,
    /// In cents: the price to show struck through, if any.
    pub compare_at_usd_minor: Option<i64>,
    /// How often the price was set.
    pub version: i64,
    /// In cents, of each adjustment that is active, in any order; negative for a discount.
    pub adjustments_usd_minor: Vec<i64>,
    /// When the next adjustment begins or ends.
    pub next_change_at: Option<DateTime<Utc>>,
}

/// A price with the adjustments that are active, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjusted {
    pub amounts: Amounts,
    pub adjustments: Vec<ActiveAdjustment>,
}

/// An adjustment that is active. Its fields are those of [`price_adjustment::Model`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveAdjustment {
    pub kind: String,
    pub usd_minor: i64,
    pub percent: Option<String>,
    pub active_from: DateTime<Utc>,
    pub active_until: Option<DateTime<Utc>>,
}

/// By product, with the adjustments that are active at this time, and the number that `count` selects in the same statement;
/// 0 if it selects none.
pub async fn amounts(
    db: &impl ConnectionTrait,
    products: &[Uuid],
    now: DateTime<Utc>,
    count: SelectStatement,
) -> Result<(i64, HashMap<Uuid, Amounts>), DbErr> {
    type Time = Option<DateTime<Utc>>;
    type Row = (Uuid, i64, Option<i64>, i64, Time, Option<i64>, Option<i64>);
    let rows = select_amounts(db, products, now)
        .expr(Expr::from(count))
        .into_tuple::<Row>();
    let (mut by_product, mut counted) = (HashMap::with_capacity(products.len()), None);
    for (product, base, compare_at, version, next, adjustment, count) in rows.all(db).await? {
        let amounts = by_product.entry(product);
        let amounts = amounts.or_insert_with(|| Amounts::new(base, compare_at, version, next));
        amounts.adjustments_usd_minor.extend(adjustment);
        counted = count;
    }
    Ok((counted.unwrap_or_default(), by_product))
}

/// Like [`amounts`], with all that there is to say of the adjustments, which is twice as much to read.
pub async fn adjusted(
    db: &impl ConnectionTrait,
    products: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, Adjusted>, DbErr> {
    use price_adjustment::Column::{ActiveFrom, ActiveUntil, Id, Kind, Percent};
    type Text = Option<String>;
    type Time = Option<DateTime<Utc>>;
    type Row = (
        Uuid,
        i64,
        Option<i64>,
        i64,
        Time,
        Option<i64>,
        Text,
        Text,
        Time,
        Time,
    );
    let rows = select_amounts(db, products, now)
        .columns([Kind, Percent, ActiveFrom, ActiveUntil])
        .order_by_asc(ActiveFrom)
        .order_by_asc(Id)
        .into_tuple::<Row>();
    let mut by_product = HashMap::with_capacity(products.len());
    for (product, base, compare_at, version, next, usd, kind, percent, from, until) in
        rows.all(db).await?
    {
        let adjusted = by_product.entry(product).or_insert_with(|| Adjusted {
            amounts: Amounts::new(base, compare_at, version, next),
            adjustments: Vec::new(),
        });
        // All of an adjustment is missing if there is none.
        if let (Some(usd_minor), Some(kind), Some(active_from)) = (usd, kind, from) {
            adjusted.amounts.adjustments_usd_minor.push(usd_minor);
            adjusted.adjustments.push(ActiveAdjustment {
                kind,
                usd_minor,
                percent,
                active_from,
                active_until: until,
            });
        }
    }
    Ok(by_product)
}

/// Selects the columns of [`Amounts`] after the product, in a row for each adjustment that is active.
fn select_amounts(
    db: &impl ConnectionTrait,
    products: &[Uuid],
    now: DateTime<Utc>,
) -> Select<Entity> {
    use Column::{BaseUsdMinor, CompareAtUsdMinor, NextChangeAt, ProductId, Version};
    let prices = Entity::find()
        .select_only()
        .columns([
            ProductId,
            BaseUsdMinor,
            CompareAtUsdMinor,
            Version,
            NextChangeAt,
        ])
        .column(price_adjustment::Column::UsdMinor)
        .filter(keys::any_of(db, ProductId, products));
    match db.get_database_backend() {
        DbBackend::Postgres => join_adjustments_of_each(prices, now),
        _ => prices.join(JoinType::LeftJoin, active_adjustments(now)),
    }
}

/// Reads the adjustments of each price by their index. For the prices of a thousand products, PostgreSQL would otherwise
/// read all adjustments of the shop, which takes ten times as long.
fn join_adjustments_of_each(mut prices: Select<Entity>, now: DateTime<Utc>) -> Select<Entity> {
    let of_price = Expr::col(("price_adjustments", "product_id"));
    let active = price_adjustment::Entity::find()
        .filter(of_price.equals(("product_prices", "product_id")))
        .filter(is_active(price_adjustment::Entity, now))
        // Skips nothing, but keeps the two queries from being planned as one.
        .offset(0)
        .into_query();
    let always = Expr::cust("TRUE");
    QueryTrait::query(&mut prices).join_lateral(
        JoinType::LeftJoin,
        active,
        "price_adjustments",
        always,
    );
    prices
}

impl Amounts {
    fn new(
        base_usd_minor: i64,
        compare_at_usd_minor: Option<i64>,
        version: i64,
        next_change_at: Option<DateTime<Utc>>,
    ) -> Self {
        Self {
            base_usd_minor,
            compare_at_usd_minor,
            version,
            adjustments_usd_minor: Vec::new(),
            next_change_at,
        }
    }
}

fn active_adjustments(now: DateTime<Utc>) -> RelationDef {
    let adjustments: RelationDef = Entity::belongs_to(price_adjustment::Entity)
        .from(Column::ProductId)
        .to(price_adjustment::Column::ProductId)
        .into();
    adjustments.on_condition(move |_, adjustment| is_active(adjustment, now))
}

/// The adjustment of this table or alias is active.
fn is_active(adjustment: impl IntoIden, now: DateTime<Utc>) -> Condition {
    use price_adjustment::Column::{ActiveFrom, ActiveUntil};
    let adjustment = adjustment.into_iden();
    let column = |column| Expr::col((adjustment.clone(), column));
    Condition::all().add(column(ActiveFrom).lte(now)).add(
        Condition::any()
            .add(column(ActiveUntil).is_null())
            .add(column(ActiveUntil).gt(now)),
    )
}

/// By product.
pub async fn of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    keys::rows_by::<Entity>(db, Column::ProductId, products, |row| row.product_id).await
}

/// By product; until the end of the transaction, others who lock them wait.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = lock::in_order::<Entity>(transaction, Column::ProductId, products).await?;
    Ok(rows.into_iter().map(|row| (row.product_id, row)).collect())
}

/// Stores these prices in place of those that their products have.
pub async fn put(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let changing = [
        Column::BaseUsdMinor,
        Column::CompareAtUsdMinor,
        Column::UpdatedAt,
        Column::Version,
        Column::Sequence,
        Column::PublishedUsdMinor,
        Column::NextChangeAt,
    ];
    insert::upsert::<Entity>(db, [Column::ProductId], changing, rows).await
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
