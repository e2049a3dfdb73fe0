//! What a checkout asks: what products and charges cost, as of one moment and by one rate.

use std::sync::Arc;

use async_graphql::{Context, SimpleObject};
use futures::future::try_join_all;
use resolvers::money::{CurrencyCode, Money};
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::State;
use crate::exchange_rate::ExchangeRate;
use crate::loaders::Loaders;
use crate::product_price::PriceQuote;
use crate::rules::{conversion, price};

/// What products and charges cost, as of one moment and by one rate.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(inaccessible)]
pub(crate) struct CheckoutQuote {
    /// Of every amount: the requested currency, or US dollars when no rate of it was ever fetched.
    pub currency: CurrencyCode,
    /// What amounts were converted by.
    pub exchange_rate: Arc<ExchangeRate>,
    /// What a unit of each product costs now, in the order they were asked for; null for a product
    /// without a price.
    pub prices: Vec<Option<PriceQuote>>,
    /// What each charge is, in the order they were asked for.
    pub charges: Vec<PriceQuote>,
}

impl CheckoutQuote {
    /// Prices of these products, and these exact amounts of US dollars, in the requested currency.
    pub(crate) async fn load(
        context: &Context<'_>,
        requested: CurrencyCode,
        products: &[Uuid],
        charges: &[Decimal],
    ) -> ApiResult<Self> {
        let loaders = context.data_unchecked::<Loaders>();
        let prices = products.iter().map(|&product| current(loaders, product));
        let (rates, prices) =
            futures::try_join!(loaders.rates_for(requested), try_join_all(prices))?;
        let exchange_rate = match rates.get(requested) {
            Some(rate) => rate.clone(),
            None => {
                let now = context.data_unchecked::<State>().clock.now();
                Arc::new(ExchangeRate::identity(now))
            }
        };
        let quote = |usd: Decimal| {
            quote(usd, &exchange_rate)
                .ok_or_else(|| ApiError::bad_user_input("An amount is too large to convert"))
        };
        Ok(Self {
            currency: exchange_rate.to,
            prices: prices
                .into_iter()
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

/// The price of a product now, with its adjustments.
async fn current(loaders: &Loaders, product: Uuid) -> ApiResult<Option<Money>> {
    let (row, adjustments) = futures::try_join!(
        loaders.prices.load_one(product),
        loaders.adjustments.load_list(product),
    )?;
    Ok(row.map(|row| {
        let cents = price::current(row.base_usd_minor, adjustments.iter().map(|a| a.usd_minor));
        Money::new(cents, CurrencyCode::Usd)
    }))
}

fn quote(usd: Decimal, rate: &Arc<ExchangeRate>) -> Option<PriceQuote> {
    let converted = rate.to != CurrencyCode::Usd;
    Some(PriceQuote {
        amount: conversion::convert(usd, rate.effective_rate, rate.to)?,
        usd: conversion::convert(usd, Decimal::ONE, CurrencyCode::Usd)?,
        exchange_rate: converted.then(|| rate.clone()),
    })
}
