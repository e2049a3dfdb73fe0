//! A product in the search domain: a copy of data from the catalog, prices, stock and reviews.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{PaginatorTrait, QueryOrder, QuerySelect};

use crate::{batch, insert, keys, lock};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "products")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub title: String,
    pub description: String,
    pub brand: Option<String>,
    pub category: String,
    pub image_url: Option<String>,
    /// Average review rating, 1 to 5; `None` without reviews.
    pub rating: Option<f64>,
    pub review_count: i32,
    pub available_quantity: i32,
    /// In cents, for filtering and sorting; the actual price comes from the pricing domain.
    pub price_usd_minor: i64,
    /// Recent views and purchases.
    pub popularity: i64,
    /// Whether it can be found and bought. Old orders may still show an inactive product.
    pub active: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// The newest price change that was applied, by its number among the product's.
    pub price_sequence: i64,
    /// Of one packed unit; positive.
    pub weight_grams: Option<i32>,
    /// Of one packed unit, as the two below: all three or none.
    pub length_mm: Option<i32>,
    pub width_mm: Option<i32>,
    pub height_mm: Option<i32>,
    /// Digits of the Harmonized System.
    pub hs_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub origin_country: Option<String>,
    /// How often its catalog data has changed: the number of its newest event.
    pub catalog_sequence: i64,
    /// The newest change by another system's event that was applied, by its number among the product's.
    pub source_sequence: i64,
    /// The newest level of the ledger of stock that was applied, by its number among the product's.
    pub stock_sequence: i64,
    /// When the ledger of stock was told of the product.
    pub stock_announced_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What most pages show of a product. Reading all columns takes three times as long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub id: Uuid,
    pub title: String,
    pub image_url: Option<String>,
}

/// By id, active or not. Shared, because a page may show a product more than once.
pub async fn summaries(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Arc<Summary>>, DbErr> {
    type Row = (Uuid, String, Option<String>);
    let rows = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Title, Column::ImageUrl])
        .filter(keys::one_of(db, Column::Id, ids))
        .into_tuple::<Row>()
        .all(db)
        .await?;
    let summary = |(id, title, image_url)| {
        let summary = Summary {
            id,
            title,
            image_url,
        };
        (id, Arc::new(summary))
    };
    Ok(rows.into_iter().map(summary).collect())
}

/// By id, active or not. Shared, because a page may show a product more than once.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Arc<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::Id, ids))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, Arc::new(row)))
        .collect())
}

/// When these products came into the catalog.
pub async fn created_at(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, DateTime<Utc>>, DbErr> {
    let rows: Vec<(Uuid, DateTime<Utc>)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::CreatedAt])
        .filter(keys::one_of(db, Column::Id, ids))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Active products with an id greater than this one, in order of id: one step of a walk over all.
pub async fn active_after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::Active.eq(true))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    query.all(db).await
}

/// The same with ids alone.
pub async fn active_ids_after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let mut query = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Active.eq(true))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    query.into_tuple().all(db).await
}

/// When products, active or not, have changed since this time, in the order of their changes, after this one: one step
/// of a walk over all.
pub async fn updated_since(
    db: &impl ConnectionTrait,
    since: DateTime<Utc>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u64,
) -> Result<Vec<(DateTime<Utc>, Uuid)>, DbErr> {
    let columns = (Column::UpdatedAt, Column::Id);
    batch::changed_since::<Entity>(db, columns, since, after, limit).await
}

/// Locks these products until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = lock::in_order::<Entity>(transaction, Column::Id, ids).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Stores what the catalog says of these products; of those that there are already, price, stock and popularity stay. At most
/// 1,000 at a time.
pub async fn put(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let changing = [
        Column::Title,
        Column::Description,
        Column::Brand,
        Column::Category,
        Column::ImageUrl,
        Column::Rating,
        Column::ReviewCount,
        Column::Active,
        Column::UpdatedAt,
        Column::WeightGrams,
        Column::LengthMm,
        Column::WidthMm,
        Column::HeightMm,
        Column::HsCode,
        Column::OriginCountry,
        Column::CatalogSequence,
        Column::SourceSequence,
    ];
    insert::upsert::<Entity>(db, [Column::Id], changing, rows).await
}

/// Says that what was changed at this time has changed now, and returns how many products did.
pub async fn touch(
    db: &impl ConnectionTrait,
    changed_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let touched = Entity::update_many()
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::UpdatedAt.eq(changed_at))
        .exec(db)
        .await?;
    Ok(touched.rows_affected)
}

/// A product's new price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewPrice {
    pub product: Uuid,
    /// In cents.
    pub usd_minor: i64,
    /// Its number among the changes of the product's price.
    pub sequence: i64,
}

/// Applies new prices to the products that there are, unless a newer one was applied already. Returns how many were.
pub async fn set_prices(
    transaction: &impl ConnectionTrait,
    prices: &[NewPrice],
    now: DateTime<Utc>,
) -> Result<usize, DbErr> {
    let new: HashMap<Uuid, &NewPrice> = prices.iter().map(|price| (price.product, price)).collect();
    let ids: Vec<Uuid> = new.keys().copied().collect();
    let products = lock(transaction, &ids).await?;
    let changed: Vec<Model> = products
        .into_values()
        .filter_map(|product| {
            let price = new.get(&product.id)?;
            (price.sequence > product.price_sequence).then_some(Model {
                price_usd_minor: price.usd_minor,
                price_sequence: price.sequence,
                updated_at: now,
                ..product
            })
        })
        .collect();
    let count = changed.len();
    let changing = [
        Column::PriceUsdMinor,
        Column::PriceSequence,
        Column::UpdatedAt,
    ];
    // The rows exist and are locked: this is one statement for all updates.
    insert::upsert::<Entity>(transaction, [Column::Id], changing, changed).await?;
    Ok(count)
}

/// How many products are active.
pub async fn count_active(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::Active.eq(true))
        .count(db)
        .await
}

/// The categories of active products, in alphabetical order.
pub async fn categories(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Category)
        .distinct()
        .filter(Column::Active.eq(true))
        .order_by_asc(Column::Category)
        .into_tuple()
        .all(db)
        .await
}

/// A product's new stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewStock {
    pub product: Uuid,
    pub available_quantity: i32,
    /// Its number among the changes of the product's stock.
    pub sequence: i64,
}

/// Applies new stock to the products that there are, unless a newer one was applied already. Returns how many were.
pub async fn set_stock(
    transaction: &impl ConnectionTrait,
    stock: &[NewStock],
    now: DateTime<Utc>,
) -> Result<usize, DbErr> {
    let ids: Vec<Uuid> = stock.iter().map(|new| new.product).collect();
    let mut changed: HashMap<Uuid, Model> = HashMap::new();
    let mut products = lock(transaction, &ids).await?;
    for new in stock {
        let Some(product) = products.get_mut(&new.product) else {
            continue;
        };
        if new.sequence > product.stock_sequence {
            product.available_quantity = new.available_quantity;
            product.stock_sequence = new.sequence;
            product.updated_at = now;
            changed.insert(product.id, product.clone());
        }
    }
    let count = changed.len();
    let changing = [
        Column::AvailableQuantity,
        Column::StockSequence,
        Column::UpdatedAt,
    ];
    // The rows exist and are locked: this is one statement for all updates.
    let rows = changed.into_values().collect();
    insert::upsert::<Entity>(transaction, [Column::Id], changing, rows).await?;
    Ok(count)
}

/// Products of which the ledger of stock has not been told, in order of id.
pub async fn stock_unannounced(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::StockAnnouncedAt.is_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// Records that the ledger of stock was told of these products.
pub async fn set_stock_announced(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::StockAnnouncedAt, Expr::value(now))
        .filter(keys::one_of(db, Column::Id, ids))
        .exec(db)
        .await?;
    Ok(())
}

/// Marks products as changed, so that they are indexed anew.
pub async fn touch_all(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(keys::one_of(db, Column::Id, ids))
        .exec(db)
        .await?;
    Ok(())
}
