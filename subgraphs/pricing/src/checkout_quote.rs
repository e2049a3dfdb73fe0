//! The GraphQL type `CheckoutQuote`: prices of products and charges at one time and one rate.

use std::sync::Arc;

use async_graphql::{Context, SimpleObject};
use futures::future::try_join_all;
use resolvers::money::{CurrencyCode, Money};
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::State;
use crate::currency_context::{CurrencyContext, CurrencySource};
use crate::exchange_rate::ExchangeRate;
use crate::loaders::Loaders;
use crate::product_price::{self, PriceFallbackReason, PriceQuote};

/// The prices of products and charges, all at the same time and exchange rate. For other subgraphs only.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(inaccessible)]
pub(crate) struct CheckoutQuote {
    /// The currency of every `amount`: the requested one, or US dollars if it has no exchange rate.
    pub currency: CurrencyCode,
    /// How the currency was chosen.
    pub detected_from: CurrencySource,
    /// Why the amounts are in US dollars although another currency was requested; null if they are in the requested one.
    pub fallback: Option<PriceFallbackReason>,
    /// The rate that every amount was converted at, which is 1 for US dollars.
    pub exchange_rate: Arc<ExchangeRate>,
    /// The current unit price of each requested product, in the same order; null for a product without a price.
    pub prices: Vec<Option<PriceQuote>>,
    /// Each requested charge, in the same order.
    pub charges: Vec<PriceQuote>,
}

impl CheckoutQuote {
    /// Quotes these products, and these exact amounts in US dollars, in the requested currency.
    pub(crate) async fn load(
        context: &Context<'_>,
        requested: &CurrencyContext,
        products: &[Uuid],
        charges: &[Decimal],
    ) -> ApiResult<Self> {
        let loaders = context.data_unchecked::<Loaders>();
        let floor = context.data_unchecked::<State>().floor_percent;
        let prices = products
            .iter()
            .map(|&product| loaders.amounts.load_one(product));
        let (rate, prices) = futures::try_join!(
            loaders.rate(context, requested.currency),
            try_join_all(prices)
        )?;
        let prices = prices.into_iter().map(|amounts| {
            let cents = product_price::current(&*amounts?, floor).usd_minor;
            Some(Money::new(cents, CurrencyCode::Usd))
        });
        let quote = |usd: Decimal| {
            PriceQuote::new(usd, requested.currency, requested.fallback, rate.as_ref())
                .ok_or_else(|| ApiError::bad_user_input("An amount is too large to convert"))
        };
        let exchange_rate = rate.clone().unwrap_or_else(|| {
            let now = context.data_unchecked::<State>().clock.now();
            Arc::new(ExchangeRate::identity(now))
        });
        let is_in_another = exchange_rate.to != requested.currency;
        let no_rate = is_in_another.then_some(PriceFallbackReason::NoRate);
        Ok(Self {
            currency: exchange_rate.to,
            detected_from: requested.detected_from,
            fallback: requested.fallback.or(no_rate),
            prices: prices
                .map(|usd| usd.map(|usd| quote(usd.decimal())).transpose())
                .collect::<ApiResult<_>>()?,
            charges: charges
                .iter()
                .map(|usd| quote(*usd))
                .collect::<ApiResult<_>>()?,
            exchange_rate,
        })
    }
}
