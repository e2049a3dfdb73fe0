//! DataLoaders over the finders of `entities::pricing`, created for each request, so that it sees prices and rates of
//! one moment.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Context;
use async_graphql::dataloader::Loader;
use chrono::{DateTime, Duration, Utc};
use entities::pricing::product_price::{Adjusted, Amounts};
use entities::pricing::{exchange_rate, price_change, product_price, scheduled_price_change};
use futures::future::{BoxFuture, FutureExt, Shared, join_all};
use parking_lot::Mutex;
use platform::database::Database;
use resolvers::batch::{Batched, Batches};
use resolvers::money::CurrencyCode;
use resolvers::{ApiResult, cache_policy, finder_loader};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::currency_context::CurrencyContext;
use crate::exchange_rate::ExchangeRate;
use crate::price_cache::{PriceCache, Prices};

/// The period covered by a product's price history.
const HISTORY: Duration = Duration::days(90);

finder_loader! {
    /// Scheduled changes by product.
    ScheduledOfProduct: Uuid => Vec<scheduled_price_change::Model>, scheduled_price_change::of_products
}

/// What prices are made of, by product.
pub(crate) struct AmountsOfProduct {
    cache: PriceCache,
    database: Database,
    now: DateTime<Utc>,
}

impl Loader<Uuid> for AmountsOfProduct {
    type Value = Arc<Amounts>;
    type Error = Arc<DbErr>;

    async fn load(&self, products: &[Uuid]) -> Result<Prices, Self::Error> {
        let prices = self.cache.prices(&self.database, products, self.now);
        prices.await.map_err(Arc::new)
    }
}

/// Prices with the currently active adjustments, by product.
pub(crate) struct AdjustedOfProduct {
    database: Database,
    now: DateTime<Utc>,
}

impl Loader<Uuid> for AdjustedOfProduct {
    type Value = Arc<Adjusted>;
    type Error = Arc<DbErr>;

    async fn load(&self, products: &[Uuid]) -> Result<HashMap<Uuid, Self::Value>, Self::Error> {
        let prices = product_price::adjusted(self.database.read(), products, self.now).await;
        let prices = prices.map_err(Arc::new)?.into_iter();
        Ok(prices.map(|(id, price)| (id, Arc::new(price))).collect())
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
pub(crate) struct RateByCurrency {
    state: State,
    now: DateTime<Utc>,
}

impl Loader<CurrencyCode> for RateByCurrency {
    /// An error of one row is no error of the others.
    type Value = ApiResult<Arc<ExchangeRate>>;
    type Error = Arc<DbErr>;

    async fn load(
        &self,
        currencies: &[CurrencyCode],
    ) -> Result<HashMap<CurrencyCode, Self::Value>, Self::Error> {
        let rows = self.rows(currencies).await.map_err(Arc::new)?;
        let rate = |&currency: &CurrencyCode| {
            let row = rows.iter().find(|row| row.currency == currency.as_str())?;
            let rate = ExchangeRate::new(row.clone(), currency, &self.state.rates, self.now);
            Some((currency, rate.map(Arc::new)))
        };
        Ok(currencies.iter().filter_map(rate).collect())
    }
}

impl RateByCurrency {
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

/// The rate of this currency outside a request's batches; `None` as for [`Loaders::rate`].
pub(crate) async fn rate(state: &State, to: CurrencyCode) -> ApiResult<Option<Arc<ExchangeRate>>> {
    if to == CurrencyCode::Usd {
        return Ok(None);
    }
    let rates = RateByCurrency {
        state: state.clone(),
        now: state.clock.now(),
    };
    rates.load(&[to]).await?.remove(&to).transpose()
}

pub(crate) struct Loaders {
    /// The time that the request's prices and rates are of.
    pub now: DateTime<Utc>,
    /// How prices' currencies were chosen, by the argument.
    pub currency_contexts: Mutex<HashMap<Option<CurrencyCode>, ApiResult<Arc<CurrencyContext>>>>,
    pub amounts: Batched<AmountsOfProduct>,
    pub adjusted: Batched<AdjustedOfProduct>,
    pub changes: Batched<ChangesOfProduct>,
    pub scheduled: Batched<ScheduledOfProduct>,
    rates: Arc<Batched<RateByCurrency>>,
    /// Rates that were asked for: most prices of a request ask for the same.
    asked: Mutex<HashMap<CurrencyCode, SharedRate>>,
}

type SharedRate = Shared<BoxFuture<'static, ApiResult<Option<Arc<ExchangeRate>>>>>;

impl Loaders {
    pub(crate) fn new(state: &State, batches: &Batches) -> Self {
        let database = || state.database.clone();
        let now = state.clock.now();
        Self {
            now,
            currency_contexts: Mutex::default(),
            amounts: batches.loader(AmountsOfProduct {
                cache: state.price_cache.clone(),
                database: database(),
                now,
            }),
            adjusted: batches.loader(AdjustedOfProduct {
                database: database(),
                now,
            }),
            scheduled: batches.loader(ScheduledOfProduct(database())),
            changes: batches.loader(ChangesOfProduct {
                database: database(),
                now,
            }),
            rates: Arc::new(batches.loader(RateByCurrency {
                state: state.clone(),
                now,
            })),
            asked: Mutex::default(),
        }
    }

    /// Clears what a mutation may have changed.
    pub(crate) fn forget(&self) {
        self.amounts.clear();
        self.adjusted.clear();
        self.changes.clear();
        self.scheduled.clear();
    }

    /// The rate of this currency; `None` for US dollars and if none was ever fetched. The response may be stored only until
    /// the rate's freshness changes, and with it the converted prices.
    pub(crate) async fn rate(
        &self,
        context: &Context<'_>,
        to: CurrencyCode,
    ) -> ApiResult<Option<Arc<ExchangeRate>>> {
        if to == CurrencyCode::Usd {
            return Ok(None);
        }
        let rate = {
            let mut asked = self.asked.lock();
            let rate = asked.entry(to).or_insert_with(|| {
                let rates = self.rates.clone();
                let rate = async move { rates.load_one(to).await?.transpose() };
                rate.boxed().shared()
            });
            rate.clone()
        };
        let rate = rate.await?;
        if let Some(left) = rate.as_ref().and_then(|rate| rate.changes_in) {
            cache_policy::limit_age(context, left);
        }
        Ok(rate)
    }
}
