//! An exchange rate from US dollars, with its freshness.

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime as Time, TimeDelta, Utc};
use entities::pricing::exchange_rate as entity;
use resolvers::money::CurrencyCode;
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;

use crate::config::RatesConfig;
use crate::rules::freshness;

/// How old a rate is, counted from when it was fetched. The limits are the shop's to set; these are the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "freshness::RateFreshness")]
pub(crate) enum RateFreshness {
    /// Less than 15 minutes old.
    Fresh,
    /// From 15 to 60 minutes old.
    Stale,
    /// More than 60 minutes old: the effective rate has a buffer in the customer's favour.
    VeryStale,
}

/// How many units of a currency one US dollar buys.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
#[graphql(serial)]
pub(crate) struct ExchangeRate {
    /// The currency converted from, always US dollars.
    pub base: CurrencyCode,
    /// The currency converted to.
    pub to: CurrencyCode,
    /// Units of `to` per unit of `base`, as the provider gave it.
    pub rate: Decimal,
    /// The rate that prices are converted at: `rate` less the buffer.
    pub effective_rate: Decimal,
    /// How many percent `effectiveRate` is below `rate`: 0 unless the rate is very stale.
    pub buffer_percent: Decimal,
    /// How old the rate is.
    pub freshness: RateFreshness,
    /// Where the rate comes from: the provider's name, `manual` if the shop set it, or `identity` for US dollars.
    pub source: String,
    /// When the provider published the rate.
    pub as_of: DateTime,
    /// When the rate was fetched. Its freshness counts from here.
    pub fetched_at: DateTime,
    /// In what time its freshness changes; `None` if it does not.
    #[graphql(skip)]
    pub(crate) changes_in: Option<TimeDelta>,
}

impl ExchangeRate {
    /// The rate of US dollars.
    pub(crate) fn identity(now: Time<Utc>) -> Self {
        Self {
            base: CurrencyCode::Usd,
            to: CurrencyCode::Usd,
            rate: Decimal::ONE,
            effective_rate: Decimal::ONE,
            buffer_percent: Decimal::ZERO,
            freshness: RateFreshness::Fresh,
            source: "identity".to_owned(),
            as_of: now.into(),
            fetched_at: now.into(),
            changes_in: None,
        }
    }

    /// A stored rate, as used now.
    pub(crate) fn new(
        row: entity::Model,
        to: CurrencyCode,
        config: &RatesConfig,
        now: Time<Utc>,
    ) -> ApiResult<Self> {
        let rate: Decimal = row
            .rate
            .parse()
            .ok()
            .filter(|rate: &Decimal| *rate > Decimal::ZERO)
            .ok_or_else(|| {
                ApiError::internal(format!("the rate of {} is {:?}", row.currency, row.rate))
            })?;
        let age = now - row.fetched_at;
        let freshness = config.freshness(age);
        let buffer_percent = config.buffer(freshness);
        Ok(Self {
            base: CurrencyCode::Usd,
            to,
            rate,
            effective_rate: freshness::buffered(rate, buffer_percent),
            buffer_percent,
            freshness: freshness.into(),
            source: row.source,
            as_of: row.as_of.into(),
            fetched_at: row.fetched_at.into(),
            changes_in: config.freshness_changes_in(age),
        })
    }
}

/// The error for a rate that was never fetched.
pub(crate) fn no_rate(to: CurrencyCode) -> ApiError {
    ApiError::not_found(format!(
        "No exchange rate from USD to {} is known yet: prices are shown in USD",
        to.as_str()
    ))
}
