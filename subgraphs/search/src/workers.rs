//! Reacts to other domains' events: returned products are restocked, and prices follow those of the pricing domain.

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

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[RETURNS, PRICES];

const RETURNS: ConsumerGroup = ConsumerGroup {
    name: "search.returns",
    topics: &["returns.events"],
};

const PRICES: ConsumerGroup = ConsumerGroup {
    name: "search.prices",
    topics: &["pricing.events"],
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
        // Prices may be set before their products are in the catalog.
        product::set_prices(transaction, &prices, now).await?;
        Ok(())
    }
}
