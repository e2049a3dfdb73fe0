//! Reacts to other domains' events: returned products are restocked, prices follow those of the pricing domain, and
//! products those of another system that owns the catalog.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::search::product::{self, NewPrice};
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use crate::catalog_input::{Problem, ProductChange, ProductInput};
use crate::catalog_write::{self, Changes, MAX_PRODUCTS};
use crate::events::{self, CATALOG_TOPIC, PRODUCT_DELETED, PRODUCT_UPSERTED};

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[RETURNS, PRICES, CATALOG];

const RETURNS: ConsumerGroup = ConsumerGroup {
    name: "search.returns",
    topics: &["returns.events"],
};

const PRICES: ConsumerGroup = ConsumerGroup {
    name: "search.prices",
    topics: &["pricing.events"],
};

const CATALOG: ConsumerGroup = ConsumerGroup {
    name: "search.catalog",
    topics: &[CATALOG_TOPIC],
};

/// The subscribers of this domain.
pub fn subscribers() -> Vec<Subscriber> {
    vec![
        Subscriber {
            group: RETURNS,
            handler: Arc::new(RestockHandler),
        },
        Subscriber {
            group: PRICES,
            handler: Arc::new(PriceHandler),
        },
        Subscriber {
            group: CATALOG,
            handler: Arc::new(CatalogHandler),
        },
    ]
}

/// Restocks the units of a completed return.
struct RestockHandler;

/// The fields used of `return.completed`, version 1.
#[derive(Debug, Deserialize)]
struct Completed {
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    /// Null in returns from before this field existed.
    product_id: Option<String>,
    quantity: i32,
}

#[async_trait]
impl Handler for RestockHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(completed) = inbox::read::<Completed>(event, "return.completed")? else {
            return Ok(());
        };
        events::lock_products(transaction).await?;
        for item in completed.items {
            let Some(product_id) = item.product_id else {
                continue;
            };
            let id = IdKind::Product.of_event(&product_id)?;
            let before = product::restock(transaction, id, item.quantity, now).await?;
            if before.is_none() {
                tracing::warn!(product_id, "returned product is not in the catalog");
            }
        }
        Ok(())
    }
}

/// Copies changed prices, which results are filtered and sorted by.
struct PriceHandler;

/// The fields used of `price.changed`, version 1.
#[derive(Debug, Deserialize)]
struct Changed {
    prices: Vec<Price>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Price {
    product_id: String,
    sequence: i64,
    /// Adjustments included.
    current_usd: Decimal,
}

#[async_trait]
impl Handler for PriceHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(changed) = inbox::read::<Changed>(event, "price.changed")? else {
            return Ok(());
        };
        let prices = changed.prices.iter().map(|price| {
            let usd = Money::from_decimal(price.current_usd, CurrencyCode::Usd, Rounding::Down);
            let usd = usd.ok_or_else(|| {
                HandleError::Unusable(format!("{} is no price", price.current_usd))
            })?;
            Ok(NewPrice {
                product: IdKind::Product.of_event(&price.product_id)?,
                usd_minor: usd.minor,
                sequence: price.sequence,
            })
        });
        let prices = prices.collect::<Result<Vec<_>, HandleError>>()?;
        events::lock_products(transaction).await?;
        // Prices may be set before their products are in the catalog: pricing publishes them again when they are.
        product::set_prices(transaction, &prices, now).await?;
        Ok(())
    }
}

/// Applies what another system that owns the catalog publishes.
struct CatalogHandler;

/// The fields used of both events, version 1.
#[derive(Debug, Deserialize)]
struct CatalogEvent<P> {
    products: Vec<P>,
}

#[derive(Debug, Deserialize)]
struct Upserted {
    /// The number of this change among the product's.
    sequence: i64,
    #[serde(flatten)]
    product: ProductInput,
}

#[derive(Debug, Deserialize)]
struct Deleted {
    id: String,
    /// The number of this change among the product's.
    sequence: i64,
}

#[async_trait]
impl Handler for CatalogHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let changes = match (
            inbox::read::<CatalogEvent<Upserted>>(event, PRODUCT_UPSERTED)?,
            inbox::read::<CatalogEvent<Deleted>>(event, PRODUCT_DELETED)?,
        ) {
            (Some(upserted), _) => upserted
                .products
                .into_iter()
                .map(|upserted| {
                    let change = upserted.product.check().map_err(unusable)?;
                    Ok((upserted.sequence, change))
                })
                .collect::<Result<Vec<_>, HandleError>>()?,
            (_, Some(deleted)) => deleted
                .products
                .into_iter()
                .map(|deleted| {
                    let id = IdKind::Product.of_event(&deleted.id)?;
                    Ok((deleted.sequence, ProductInput::removal(id)))
                })
                .collect::<Result<_, HandleError>>()?,
            (None, None) => return Ok(()),
        };
        for changes in newest(changes).chunks(MAX_PRODUCTS) {
            apply(transaction, changes, now).await?;
        }
        Ok(())
    }
}

/// The newest change of each product.
fn newest(changes: Vec<(i64, ProductChange)>) -> Vec<(i64, ProductChange)> {
    let mut newest: HashMap<Uuid, (i64, ProductChange)> = HashMap::new();
    for (sequence, change) in changes {
        let known = newest.get(&change.product).map(|(known, _)| *known);
        if known.is_none_or(|known| known < sequence) {
            newest.insert(change.product, (sequence, change));
        }
    }
    newest.into_values().collect()
}

async fn apply(
    transaction: &DatabaseTransaction,
    changes: &[(i64, ProductChange)],
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let ids: Vec<Uuid> = changes.iter().map(|(_, change)| change.product).collect();
    let stored = catalog_write::lock(transaction, &ids).await?;
    let mut written = Changes::default();
    for (sequence, change) in changes {
        let row = stored.get(&change.product);
        if row.is_some_and(|row| row.source_sequence >= *sequence) {
            continue;
        }
        written
            .add(row, change.clone(), Some(*sequence), now)
            .map_err(unusable)?;
    }
    Ok(written.write(transaction, now).await?)
}

fn unusable(problems: Vec<Problem>) -> HandleError {
    let texts: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.field, problem.message))
        .collect();
    HandleError::Unusable(texts.join("; "))
}
