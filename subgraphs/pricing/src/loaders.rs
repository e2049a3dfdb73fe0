//! DataLoaders over the finders of `entities::pricing`, created for each request, so that it sees prices and rates of
//! one moment.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Duration, Utc};
use entities::pricing::{exchange_rate, price_adjustment, price_change, product_price};
use futures::future::join_all;
use platform::database::Database;
use resolvers::batch::{Batched, Batches};
use resolvers::money::CurrencyCode;
use resolvers::{ApiError, ApiResult, finder_loader};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::exchange_rate::ExchangeRate;

/// The period covered by a product's price history.
const HISTORY: Duration = Duration::days(90);

finder_loader! {
    /// Base prices by product.
    PriceOfProduct: Uuid => product_price::Model, product_price::of_products
}

/// The currently active adjustments, by product.
pub(crate) struct AdjustmentsOfProduct {
    database: Database,
    now: DateTime<Utc>,
}

impl Loader<Uuid> for AdjustmentsOfProduct {
    type Value = Vec<price_adjustment::Model>;
    type Error = Arc<DbErr>;

    async fn load(&self, products: &[Uuid]) -> Result<HashMap<Uuid, Self::Value>, Self::Error> {
        price_adjustment::active_of_products(self.database.read(), products, self.now)
            .await
            .map_err(Arc::new)
    }
}

/// Recent price changes, by product.
pub(crate) struct ChangesOfProduct {
    database: Database,
    now: DateTime<Utc>,
}

impl Loader<Uuid> for ChangesOfProduct {
    type Value = Vec<price_change::Model>;
    type Error = Arc<DbErr>;

    async fn load(&self, products: &[Uuid]) -> Result<HashMap<Uuid, Self::Value>, Self::Error> {
        price_change::of_products(self.database.read(), products, self.now - HISTORY)
            .await
            .map_err(Arc::new)
    }
}

/// Rates by currency, from the cache or in one statement for all.
pub(crate) struct RateOfCurrency {
    state: State,
    now: DateTime<Utc>,
}

impl Loader<CurrencyCode> for RateOfCurrency {
    type Value = Arc<ExchangeRate>;
    type Error = ApiError;

    async fn load(
        &self,
        currencies: &[CurrencyCode],
    ) -> Result<HashMap<CurrencyCode, Self::Value>, Self::Error> {
        let rows = self.rows(currencies).await?;
        let rate = |&currency: &CurrencyCode| {
            let row = rows.iter().find(|row| row.currency == currency.as_str())?;
            let rate = ExchangeRate::new(row.clone(), currency, &self.state.rates, self.now);
            Some(rate.map(|rate| (currency, Arc::new(rate))))
        };
        currencies.iter().filter_map(rate).collect()
    }
}

impl RateOfCurrency {
    async fn rows(&self, currencies: &[CurrencyCode]) -> Result<Vec<exchange_rate::Model>, DbErr> {
        let State {
            database,
            rate_cache,
            ..
        } = &self.state;
        let cached = currencies
            .iter()
            .map(|&currency| rate_cache.get(currency, self.now));
        let cached: Option<Vec<_>> = join_all(cached).await.into_iter().collect();
        let (are_current, cached) = match cached {
            Some(cached) => (
                cached.iter().all(|rate| rate.is_current),
                Some(cached.into_iter().map(|rate| rate.row).collect()),
            ),
            None => (false, None),
        };
        match cached {
            Some(rows) if are_current => return Ok(rows),
            _ => {}
        }
        match (exchange_rate::all(database.read()).await, cached) {
            (Ok(rows), _) => {
                rate_cache.put(&rows, self.now).await;
                Ok(rows)
            }
            (Err(error), Some(cached)) => {
                tracing::warn!(%error, "exchange rates could not be read, the cached ones are used");
                Ok(cached)
            }
            (Err(error), None) => Err(error),
        }
    }
}

pub(crate) struct Loaders {
    pub prices: Batched<PriceOfProduct>,
    pub adjustments: Batched<AdjustmentsOfProduct>,
    pub changes: Batched<ChangesOfProduct>,
    rates: Batched<RateOfCurrency>,
}

impl Loaders {
    pub(crate) fn new(state: &State, batches: &Batches) -> Self {
        let database = || state.database.clone();
        let now = state.clock.now();
        Self {
            prices: batches.loader(PriceOfProduct(database())),
            adjustments: batches.loader(AdjustmentsOfProduct {
                database: database(),
                now,
            }),
            changes: batches.loader(ChangesOfProduct {
                database: database(),
                now,
            }),
            rates: batches.loader(RateOfCurrency {
                state: state.clone(),
                now,
            }),
        }
    }

    /// The rate of this currency; `None` for US dollars and if none was ever fetched.
    pub(crate) async fn rate(&self, to: CurrencyCode) -> ApiResult<Option<Arc<ExchangeRate>>> {
        if to == CurrencyCode::Usd {
            return Ok(None);
        }
        self.rates.load_one(to).await
    }
}
