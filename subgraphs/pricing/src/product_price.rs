//! The GraphQL type `ProductPrice`.

use std::sync::Arc;

use async_graphql::{Enum, SimpleObject};
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use rust_decimal::Decimal;

use crate::exchange_rate::ExchangeRate;
use crate::rules::conversion;

/// An amount in a currency, with its value in US dollars.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PriceQuote {
    /// In the requested currency, rounded down; in US dollars if there is no exchange rate.
    pub amount: Money,
    pub usd: Money,
    /// The rate used for conversion; null for US dollars.
    pub exchange_rate: Option<Arc<ExchangeRate>>,
    /// Why the amount is in US dollars instead of the requested currency; null otherwise.
    pub fallback: Option<PriceFallbackReason>,
}

/// Why an amount is in US dollars instead of another currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PriceFallbackReason {
    /// No rate for the currency was ever fetched.
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

/// A temporary change of a product's base price.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PriceAdjustment {
    /// The kind of adjustment: `sale`, `demand`, `clearance`, ….
    pub kind: String,
    /// The same as an enumeration.
    #[graphql(name = "type")]
    pub adjustment_type: PriceAdjustmentType,
    /// Added to the base price; negative for a discount.
    pub usd: Money,
}

/// The kind of a price adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PriceAdjustmentType {
    /// A limited-time offer.
    Sale,
    /// Demand is high or low.
    Demand,
    /// Remaining stock is sold off.
    Clearance,
    /// Another kind, given by `kind` only.
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

/// A product's current price.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ProductPrice {
    /// The price to pay: the base price with its adjustments.
    pub current: PriceQuote,
    pub base: PriceQuote,
    /// A higher price for comparison, if there is one.
    pub compare_at: Option<PriceQuote>,
    /// The active adjustments, oldest first.
    pub adjustments: Vec<PriceAdjustment>,
}

/// A change of a product's base price.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PriceChange {
    pub changed_at: DateTime,
    pub base: Money,
    pub compare_at: Option<Money>,
}
