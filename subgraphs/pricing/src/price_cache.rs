//! Prices that were read, for requests that follow.
//!
//! They are never older than the database: whoever changes prices also counts the change ([`PRICES`]), in the same
//! transaction, so prices that were read at a count are those of every moment with this count, until an adjustment begins or
//! ends. Reading the count takes one row, instead of two for each product.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::pricing::product_price::{self, Amounts};
use parking_lot::Mutex;
use platform::database::Database;
use platform::outbox;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::events::{PRICES, TOPIC};

/// Most prices that are kept, of some 250 bytes each.
const CAPACITY: usize = 50_000;

/// What prices are made of, by product.
pub(crate) type Prices = HashMap<Uuid, Arc<Amounts>>;

/// Prices of one count. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct PriceCache(Arc<Mutex<Cached>>);

#[derive(Debug, Default)]
struct Cached {
    count: i64,
    prices: HashMap<Uuid, CachedPrice>,
}

#[derive(Debug)]
struct CachedPrice {
    amounts: Arc<Amounts>,
    read_at: DateTime<Utc>,
}

impl CachedPrice {
    /// A clock may have been set back.
    fn is_of(&self, now: DateTime<Utc>) -> bool {
        self.read_at <= now && self.amounts.next_change_at.is_none_or(|next| now < next)
    }
}

impl PriceCache {
    /// The prices of these products at this time; none for a product without a price.
    pub(crate) async fn prices(
        &self,
        database: &Database,
        products: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<Prices, DbErr> {
        let db = database.read();
        if let Some((count, prices)) = self.get(products, now) {
            let counts = outbox::last_sequences(db, TOPIC, &[PRICES.to_owned()]).await?;
            if counts.get(PRICES).copied().unwrap_or_default() == count {
                return Ok(prices);
            }
        }
        let count = outbox::last_sequence_query(TOPIC, PRICES);
        let (count, prices) = product_price::amounts(db, products, now, count).await?;
        let prices = prices.into_iter();
        let prices = prices.map(|(product, amounts)| (product, Arc::new(amounts)));
        let prices: Prices = prices.collect();
        self.put(count, &prices, now);
        Ok(prices)
    }

    /// The prices of these products, if all are known, and at which count.
    fn get(&self, products: &[Uuid], now: DateTime<Utc>) -> Option<(i64, Prices)> {
        let cached = self.0.lock();
        let price = |product: &Uuid| {
            let price = cached
                .prices
                .get(product)
                .filter(|price| price.is_of(now))?;
            Some((*product, price.amounts.clone()))
        };
        let prices: Option<Prices> = products.iter().map(price).collect();
        Some((cached.count, prices?))
    }

    fn put(&self, count: i64, prices: &Prices, now: DateTime<Utc>) {
        let mut cached = self.0.lock();
        // A lower count is that of a request that began before the change, or of a database that was restored.
        if count != cached.count || cached.prices.len() + prices.len() > CAPACITY {
            cached.prices.clear();
        }
        cached.count = count;
        let prices = prices.iter().take(CAPACITY);
        cached.prices.extend(prices.map(|(product, amounts)| {
            let price = CachedPrice {
                amounts: amounts.clone(),
                read_at: now,
            };
            (*product, price)
        }));
    }
}
