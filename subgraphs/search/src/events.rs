//! The events this domain publishes through its outbox, and those of other systems' catalogs that it follows.

use chrono::{DateTime, Utc};
use entities::search::product;
use platform::database::DatabaseTransaction;
use platform::event_type::EventType;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use sea_orm::DbErr;
use serde::Serialize;

pub(crate) const TOPIC: &str = "search.events";

/// Where another system that owns the catalog publishes it, by events of the same types.
pub(crate) const CATALOG_TOPIC: &str = "catalog.events";

/// Products are new, or have changed.
pub(crate) const PRODUCT_UPSERTED: &str = "product.upserted.v1";

/// Products are no longer for sale.
pub(crate) const PRODUCT_DELETED: &str = "product.deleted.v1";

/// The stock that products had before its ledger in the orders domain began.
pub(crate) const PRODUCT_STOCK: &str = "product.stock.v1";

/// The events this domain publishes.
pub const TYPES: &[EventType] = &[
    EventType::new::<Products<'_, UpsertedProduct>>(TOPIC, PRODUCT_UPSERTED),
    EventType::new::<Products<'_, DeletedProduct>>(TOPIC, PRODUCT_DELETED),
    EventType::new::<Products<'_, ProductStock>>(TOPIC, PRODUCT_STOCK),
];

/// All products are one aggregate: their sequence numbers say which change is the newer one.
const PRODUCTS: &str = "products";

/// What is popular in each category. No event is about it: its name is only locked.
const CATEGORY_VECTORS: &str = "category_vectors";

/// Most products of one event.
const PRODUCTS_PER_EVENT: usize = 100;

/// What happened to products of the catalog. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Products<'a, P> {
    version: u32,
    products: &'a [P],
}

/// A product as it is from now on.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpsertedProduct {
    id: String,
    /// Counts the changes of this product in the catalog.
    sequence: i64,
    /// Whether it was unknown before.
    created: bool,
    title: String,
    description: String,
    brand: Option<String>,
    category: String,
    image_url: Option<String>,
    available_quantity: i32,
    rating: Option<f64>,
    review_count: i32,
    weight_grams: Option<i32>,
    length_mm: Option<i32>,
    width_mm: Option<i32>,
    height_mm: Option<i32>,
    hs_code: Option<String>,
    origin_country: Option<String>,
    /// What it costs unless it has a price already; only when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    base_price_usd: Option<Decimal>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletedProduct {
    id: String,
    /// Counts the changes of this product in the catalog.
    sequence: i64,
}

impl UpsertedProduct {
    pub(crate) fn new(
        row: &product::Model,
        created: bool,
        base_price_usd: Option<Decimal>,
    ) -> Self {
        Self {
            id: IdKind::Product.format(row.id),
            sequence: row.catalog_sequence,
            created,
            title: row.title.clone(),
            description: row.description.clone(),
            brand: row.brand.clone(),
            category: row.category.clone(),
            image_url: row.image_url.clone(),
            available_quantity: row.available_quantity,
            rating: row.rating,
            review_count: row.review_count,
            weight_grams: row.weight_grams,
            length_mm: row.length_mm,
            width_mm: row.width_mm,
            height_mm: row.height_mm,
            hs_code: row.hs_code.clone(),
            origin_country: row.origin_country.clone(),
            base_price_usd,
        }
    }
}

/// What a product's ledger begins with.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProductStock {
    id: String,
    available_quantity: i32,
}

impl ProductStock {
    pub(crate) fn new(row: &product::Model) -> Self {
        Self {
            id: IdKind::Product.format(row.id),
            available_quantity: row.available_quantity,
        }
    }
}

impl DeletedProduct {
    pub(crate) fn new(row: &product::Model) -> Self {
        Self {
            id: IdKind::Product.format(row.id),
            sequence: row.catalog_sequence,
        }
    }
}

/// Makes all others who change several products wait until the transaction ends. Whoever does takes this first, before
/// any row, so that nobody waits for each other.
pub(crate) async fn lock_products(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    outbox::lock(transaction, TOPIC, PRODUCTS).await
}

/// Makes others who replace what is popular in each category wait until the transaction ends.
pub(crate) async fn lock_category_vectors(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    outbox::lock(transaction, TOPIC, CATEGORY_VECTORS).await
}

pub(crate) async fn products_upserted(
    transaction: &DatabaseTransaction,
    products: &[UpsertedProduct],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    publish(transaction, PRODUCT_UPSERTED, products, now).await
}

pub(crate) async fn products_deleted(
    transaction: &DatabaseTransaction,
    products: &[DeletedProduct],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    publish(transaction, PRODUCT_DELETED, products, now).await
}

pub(crate) async fn product_stock(
    transaction: &DatabaseTransaction,
    products: &[ProductStock],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    publish(transaction, PRODUCT_STOCK, products, now).await
}

async fn publish<P: Serialize>(
    transaction: &DatabaseTransaction,
    event_type: &str,
    products: &[P],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for products in products.chunks(PRODUCTS_PER_EVENT) {
        let event = NewEvent {
            topic: TOPIC,
            event_type,
            aggregate_id: PRODUCTS,
            data: Products {
                version: 1,
                products,
            },
        };
        outbox::append(transaction, event, now).await?;
    }
    Ok(())
}
