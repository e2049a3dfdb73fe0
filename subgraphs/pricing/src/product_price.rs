//! The GraphQL type `ProductPrice`.

use std::sync::Arc;

use async_graphql::{Enum, SimpleObject};
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use rust_decimal::Decimal;

use crate::exchange_rate::ExchangeRate;
use crate::rules::conversion;

/// An amount in US dollars, converted to another currency.
#[derive(Clone, Debug, SimpleObject)]
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
    /// `None` if the amount is too large to convert.
    pub(crate) fn new(
        usd: Decimal,
        to: CurrencyCode,
        rate: Option<&Arc<ExchangeRate>>,
    ) -> Option<Self> {
        let dollars = conversion::convert(usd, Decimal::ONE, CurrencyCode::Usd)?;
        let Some(rate) = rate else {
            return Some(Self {
                amount: dollars,
                usd: dollars,
                exchange_rate: None,
                fallback: (to != CurrencyCode::Usd).then_some(PriceFallbackReason::NoRate),
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
pub(crate) struct PriceAdjustment {
    /// The shop's own name for the kind of adjustment, such as `sale`, `demand` or `clearance`.
    pub kind: String,
    /// The kind as an enumeration, which covers the usual ones.
    #[graphql(name = "type")]
    pub adjustment_type: PriceAdjustmentType,
    /// The amount added to the base price, in US dollars: negative for a discount.
    pub usd: Money,
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

/// What a product costs now, in the requested currency and in US dollars.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ProductPrice {
    /// The unit price to pay, without tax: the base price with its adjustments, never below zero.
    pub current: PriceQuote,
    /// The unit price before adjustments.
    pub base: PriceQuote,
    /// The price to show struck through; null unless it is higher than `current`.
    pub compare_at: Option<PriceQuote>,
    /// The adjustments active now, by their start, oldest first.
    pub adjustments: Vec<PriceAdjustment>,
}

/// A change of a product's base price.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PriceChange {
    /// When the new price took effect.
    pub changed_at: DateTime,
    /// The base price from then on, in US dollars.
    pub base: Money,
    /// The comparison price from then on, in US dollars; null if there was none.
    pub compare_at: Option<Money>,
}
