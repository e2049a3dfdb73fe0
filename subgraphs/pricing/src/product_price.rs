//! The GraphQL type `ProductPrice`.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, Object, SimpleObject};
use entities::pricing::price_change;
use entities::pricing::product_price::{ActiveAdjustment, Amounts};
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, access};
use rust_decimal::Decimal;

use crate::currency_context::CurrencyContext;
use crate::exchange_rate::ExchangeRate;
use crate::mutation::MERCHANDISING;
use crate::rules::conversion;
use crate::rules::price::{self, Current};

/// An amount in US dollars, converted to another currency.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(serial)]
pub(crate) struct PriceQuote {
    /// The amount in the requested currency, rounded down to its decimals; in US dollars if there is a `fallback`.
    pub amount: Money,
    /// The amount in US dollars, rounded down to cents.
    pub usd: Money,
    /// The rate that `amount` was converted at; null if `amount` is in US dollars.
    pub exchange_rate: Option<Arc<ExchangeRate>>,
    /// Why `amount` is in US dollars although another currency was requested; null if it is in the requested one.
    pub fallback: Option<PriceFallbackReason>,
}

/// Why an amount is in US dollars instead of the requested currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PriceFallbackReason {
    /// No exchange rate of the currency is known yet.
    NoRate,
    /// The shop has no prices in the currency.
    UnsupportedCurrency,
}

impl PriceQuote {
    /// Converts an exact amount for display. Without a rate the amount stays in US dollars rather than being guessed.
    /// `fallback` says why `to` is US dollars, if it is not what was asked for. `None` if the amount is too large to
    /// convert.
    pub(crate) fn new(
        usd: Decimal,
        to: CurrencyCode,
        fallback: Option<PriceFallbackReason>,
        rate: Option<&Arc<ExchangeRate>>,
    ) -> Option<Self> {
        let dollars = conversion::convert(usd, Decimal::ONE, CurrencyCode::Usd)?;
        Self::converted(usd, dollars, to, fallback, rate)
    }

    /// Like [`Self::new`], for whole cents.
    fn of_cents(
        cents: i64,
        to: CurrencyCode,
        fallback: Option<PriceFallbackReason>,
        rate: Option<&Arc<ExchangeRate>>,
    ) -> Option<Self> {
        let dollars = Money::new(cents, CurrencyCode::Usd);
        Self::converted(dollars.decimal(), dollars, to, fallback, rate)
    }

    fn converted(
        usd: Decimal,
        dollars: Money,
        to: CurrencyCode,
        fallback: Option<PriceFallbackReason>,
        rate: Option<&Arc<ExchangeRate>>,
    ) -> Option<Self> {
        let Some(rate) = rate else {
            return Some(Self {
                amount: dollars,
                usd: dollars,
                exchange_rate: None,
                fallback: match to {
                    CurrencyCode::Usd => fallback,
                    _ => Some(PriceFallbackReason::NoRate),
                },
            });
        };
        Some(Self {
            amount: conversion::convert(usd, rate.effective_rate, to)?,
            usd: dollars,
            exchange_rate: Some(rate.clone()),
            fallback: None,
        })
    }
}

/// A temporary change to a product's base price, active now.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(serial)]
pub(crate) struct PriceAdjustment {
    /// The shop's own name for the kind of adjustment, such as `sale`, `demand` or `clearance`.
    pub kind: String,
    /// The kind as an enumeration, which covers the usual ones.
    #[graphql(name = "type")]
    pub adjustment_type: PriceAdjustmentType,
    /// The amount added to the base price, in US dollars: negative for a discount.
    pub usd: Money,
    /// The percentage of the base price that this is; null for a fixed amount.
    pub percent: Option<Decimal>,
    /// When it began.
    pub valid_from: DateTime,
    /// When it ends; null for an adjustment that has no end yet.
    pub valid_to: Option<DateTime>,
}

impl PriceAdjustment {
    pub(crate) fn new(row: &ActiveAdjustment) -> ApiResult<Self> {
        let percent = row.percent.as_deref().map(str::parse).transpose();
        Ok(Self {
            adjustment_type: PriceAdjustmentType::of(&row.kind),
            kind: row.kind.clone(),
            usd: Money::new(row.usd_minor, CurrencyCode::Usd),
            percent: percent.map_err(ApiError::internal)?,
            valid_from: row.active_from.into(),
            valid_to: row.active_until.map(DateTime::from),
        })
    }
}

/// The usual reasons to adjust a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PriceAdjustmentType {
    /// The product is on offer for a limited time.
    Sale,
    /// Demand for the product is unusually high or low.
    Demand,
    /// The remaining stock is being sold off.
    Clearance,
    /// Another reason, named by `kind`.
    Other,
}

impl PriceAdjustmentType {
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "sale" => Self::Sale,
            "demand" => Self::Demand,
            "clearance" => Self::Clearance,
            _ => Self::Other,
        }
    }
}

/// Quotes are converted when they are read, since few of them are.
#[derive(Clone, Debug)]
pub(crate) struct ProductPrice {
    current: Current,
    base_usd_minor: i64,
    compare_at_usd_minor: Option<i64>,
    adjustments: Vec<PriceAdjustment>,
    version: i64,
    context: Arc<CurrencyContext>,
    rate: Option<Arc<ExchangeRate>>,
}

impl ProductPrice {
    /// With those of its adjustments that are asked for.
    pub(crate) fn new(
        amounts: &Amounts,
        adjustments: &[ActiveAdjustment],
        context: &Arc<CurrencyContext>,
        rate: Option<&Arc<ExchangeRate>>,
        floor_percent: Decimal,
    ) -> ApiResult<Self> {
        let current = current(amounts, floor_percent);
        Ok(Self {
            current,
            base_usd_minor: amounts.base_usd_minor,
            compare_at_usd_minor: price::compare_at(
                amounts.compare_at_usd_minor,
                current.usd_minor,
            ),
            adjustments: adjustments
                .iter()
                .map(PriceAdjustment::new)
                .collect::<ApiResult<_>>()?,
            version: amounts.version,
            context: context.clone(),
            rate: rate.cloned(),
        })
    }

    fn quote(&self, cents: i64) -> ApiResult<PriceQuote> {
        let CurrencyContext {
            currency, fallback, ..
        } = *self.context;
        PriceQuote::of_cents(cents, currency, fallback, self.rate.as_ref())
            .ok_or_else(|| ApiError::internal("a price is too large to convert"))
    }
}

/// What a product costs now, in the requested currency and in US dollars.
#[Object(serial)]
impl ProductPrice {
    /// The unit price to pay, without tax: the base price with its adjustments, never below the shop's floor.
    async fn current(&self) -> ApiResult<PriceQuote> {
        self.quote(self.current.usd_minor)
    }

    /// The unit price before adjustments.
    async fn base(&self) -> ApiResult<PriceQuote> {
        self.quote(self.base_usd_minor)
    }

    /// The price to show struck through; null unless it is higher than `current`.
    async fn compare_at(&self) -> ApiResult<Option<PriceQuote>> {
        let cents = self.compare_at_usd_minor;
        cents.map(|cents| self.quote(cents)).transpose()
    }

    /// The adjustments active now, by their start, oldest first.
    async fn adjustments(&self) -> &[PriceAdjustment] {
        &self.adjustments
    }

    /// Whether the adjustments would take the price below the lowest share of the base price that the shop allows. The
    /// price is that share then.
    async fn at_floor(&self) -> bool {
        self.current.at_floor
    }

    /// How often the price was set, for `ifVersion` of `priceSet`.
    async fn version(&self) -> i64 {
        self.version
    }

    /// The currency that was asked for, and how it was chosen.
    async fn currency_context(&self) -> &CurrencyContext {
        &self.context
    }
}

/// The price to pay, in US cents.
pub(crate) fn current(amounts: &Amounts, floor_percent: Decimal) -> Current {
    let adjustments = amounts.adjustments_usd_minor.iter().copied();
    price::current(amounts.base_usd_minor, adjustments, floor_percent)
}

/// A change of a product's price.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct PriceChange {
    /// When the new price took effect.
    pub changed_at: DateTime,
    /// The base price from then on, in US dollars.
    pub base: Money,
    /// The comparison price from then on, in US dollars; null if there was none.
    pub compare_at: Option<Money>,
    /// The price to pay from then on, with the adjustments that were active, in US dollars; null for changes from before this was recorded.
    pub current: Option<Money>,
    #[graphql(skip)]
    reason: Option<String>,
    #[graphql(skip)]
    actor: Option<String>,
}

#[ComplexObject]
impl PriceChange {
    /// Why it was made.
    #[graphql(requires_scopes = "merchandising")]
    async fn reason(&self, context: &Context<'_>) -> Option<ApiResult<String>> {
        for_merchandising(context, self.reason.as_ref())
    }

    /// Who made it.
    #[graphql(requires_scopes = "merchandising")]
    async fn actor(&self, context: &Context<'_>) -> Option<ApiResult<String>> {
        for_merchandising(context, self.actor.as_ref())
    }
}

fn for_merchandising(context: &Context<'_>, text: Option<&String>) -> Option<ApiResult<String>> {
    match access::scope(context, MERCHANDISING) {
        Ok(_) => text.cloned().map(Ok),
        Err(refused) => Some(Err(refused)),
    }
}

impl From<price_change::Model> for PriceChange {
    fn from(row: price_change::Model) -> Self {
        let usd = |minor| Money::new(minor, CurrencyCode::Usd);
        Self {
            changed_at: row.changed_at.into(),
            base: usd(row.base_usd_minor),
            compare_at: row.compare_at_usd_minor.map(usd),
            current: row.current_usd_minor.map(usd),
            reason: row.reason,
            actor: row.actor,
        }
    }
}
