//! Products that are new in the catalog: a base price that came with them becomes their price, and a price that was set
//! before is published again for those who did not know the product then.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::pricing::product_price;
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use crate::events::{self, PublishedPrice};
use crate::price_write::{self, CompareAt, MAX_PRODUCTS, PriceChange, ProductChange};

pub(crate) const CATALOG: ConsumerGroup = ConsumerGroup {
    name: "pricing.catalog",
    topics: &["search.events"],
};

pub(crate) fn subscriber(floor_percent: Decimal) -> Subscriber {
    Subscriber {
        group: CATALOG,
        handler: Arc::new(NewProducts { floor_percent }),
    }
}

struct NewProducts {
    floor_percent: Decimal,
}

/// The fields used of `product.upserted.v1`.
#[derive(Debug, Deserialize)]
struct Upserted {
    products: Vec<Product>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Product {
    id: String,
    created: bool,
    base_price_usd: Option<Decimal>,
}

#[async_trait]
impl Handler for NewProducts {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(upserted) = inbox::read::<Upserted>(event, "product.upserted.v1")? else {
            return Ok(());
        };
        let created = upserted
            .products
            .into_iter()
            .filter(|product| product.created);
        let created = created
            .map(|product| Ok((IdKind::Product.of_event(&product.id)?, cents(&product)?)))
            .collect::<Result<Vec<_>, HandleError>>()?;
        for products in created.chunks(MAX_PRODUCTS) {
            self.price(transaction, products, now).await?;
        }
        Ok(())
    }
}

impl NewProducts {
    async fn price(
        &self,
        transaction: &DatabaseTransaction,
        products: &[(Uuid, Option<i64>)],
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        events::lock_prices(transaction).await?;
        let ids: Vec<Uuid> = products.iter().map(|(id, _)| *id).collect();
        let locked = product_price::lock(transaction, &ids).await?;
        let known = locked.values().map(|row| {
            let current = row.published_usd_minor.unwrap_or(row.base_usd_minor);
            PublishedPrice::new(row, current)
        });
        events::prices_changed(transaction, known.collect(), now).await?;
        let new = products.iter().filter(|(id, _)| !locked.contains_key(id));
        let new = new.filter_map(|(product, cents)| {
            Some(ProductChange {
                product: *product,
                change: PriceChange {
                    base_usd_minor: Some((*cents)?),
                    compare_at: CompareAt::Keep,
                    adjustments: None,
                },
                reason: "new in the catalog".to_owned(),
                actor: "catalog".to_owned(),
            })
        });
        let new = new.collect();
        price_write::apply(transaction, &locked, new, self.floor_percent, now).await?;
        Ok(())
    }
}

/// The base price in cents, if there is one.
fn cents(product: &Product) -> Result<Option<i64>, HandleError> {
    let Some(usd) = product.base_price_usd else {
        return Ok(None);
    };
    let money = Money::from_decimal(usd, CurrencyCode::Usd, Rounding::Down);
    match money.filter(|money| money.minor >= 0 && money.decimal() == usd) {
        Some(money) => Ok(Some(money.minor)),
        None => Err(HandleError::Unusable(format!("{usd} is no price"))),
    }
}
