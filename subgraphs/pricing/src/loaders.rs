//! DataLoaders over the finders of `entities::pricing`, created for each request, so that it sees prices and rates of
//! one moment.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Duration, Utc};
use entities::pricing::{exchange_rate, price_adjustment, price_change, product_price};
use platform::database::Database;
use resolvers::batch::{Batched, Batches};
use resolvers::money::CurrencyCode;
use resolvers::{ApiError, ApiResult, finder_loader};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::exchange_rate::Rates;
use crate::freshness_log::FreshnessLog;

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

/// All rates, in one statement per request: there are at most seven.
pub(crate) struct AllRates {
    database: Database,
    now: DateTime<Utc>,
    freshness_log: Arc<FreshnessLog>,
}

impl Loader<()> for AllRates {
    type Value = Arc<Rates>;
    type Error = ApiError;

    async fn load(&self, _: &[()]) -> Result<HashMap<(), Self::Value>, Self::Error> {
        let rows = exchange_rate::all(self.database.read()).await?;
        let rates = Rates::new(rows, self.now)?;
        for rate in rates.iter() {
            self.freshness_log
                .observe(rate.to, rate.freshness.into(), rate.fetched_at.0);
        }
        Ok(HashMap::from([((), Arc::new(rates))]))
    }
}

pub(crate) struct Loaders {
    pub prices: Batched<PriceOfProduct>,
    pub adjustments: Batched<AdjustmentsOfProduct>,
    pub changes: Batched<ChangesOfProduct>,
    rates: Batched<AllRates>,
}

impl Loaders {
    pub(crate) fn new(state: &State, freshness_log: &Arc<FreshnessLog>, batches: &Batches) -> Self {
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
            rates: batches.loader(AllRates {
                database: database(),
                now,
                freshness_log: freshness_log.clone(),
            }),
        }
    }

    /// The rates, if this currency needs any.
    pub(crate) async fn rates_for(&self, currency: CurrencyCode) -> ApiResult<Arc<Rates>> {
        if currency == CurrencyCode::Usd {
            return Ok(Arc::default());
        }
        Ok(self.rates.load_one(()).await?.unwrap_or_default())
    }
}
