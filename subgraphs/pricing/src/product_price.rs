//! What a product costs, as the graph shows it.

use std::sync::Arc;

use async_graphql::{Enum, SimpleObject};
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;

use crate::exchange_rate::{ExchangeRate, Rates};
use crate::rules::conversion;

/// An amount in a currency, with the US dollars it stands for.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PriceQuote {
    /// In the asked currency, rounded down; in US dollars when no rate of it was ever fetched.
    pub amount: Money,
    pub usd: Money,
    /// What the amount was converted by; null when it is in US dollars.
    pub exchange_rate: Option<Arc<ExchangeRate>>,
}

impl PriceQuote {
    /// Converts for display. Without a rate it stays in US dollars: never a guess.
    pub(crate) fn new(usd: Money, to: CurrencyCode, rates: &Rates) -> Self {
        let converted = rates.get(to).and_then(|rate| {
            let amount = conversion::convert(usd.decimal(), rate.effective_rate, to)?;
            Some((amount, rate.clone()))
        });
        match converted {
            Some((amount, rate)) => Self {
                amount,
                usd,
                exchange_rate: Some(rate),
            },
            None => Self {
                amount: usd,
                usd,
                exchange_rate: None,
            },
        }
    }
}

/// A change to a product's base price for a while.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PriceAdjustment {
    /// What it is called: `sale`, `demand`, `clearance`, ….
    pub kind: String,
    /// The same as an enumeration.
    #[graphql(name = "type")]
    pub adjustment_type: PriceAdjustmentType,
    /// Added to the base price: negative makes it cheaper.
    pub usd: Money,
}

/// Why a price is not the base price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PriceAdjustmentType {
    /// An offer of limited time.
    Sale,
    /// Many or few want it now.
    Demand,
    /// What is left is sold off.
    Clearance,
    /// A reason that `kind` alone has.
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

/// A product's price at this moment.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ProductPrice {
    /// What the customer pays: the base price with its adjustments.
    pub current: PriceQuote,
    pub base: PriceQuote,
    /// A higher price to compare with, if there is one.
    pub compare_at: Option<PriceQuote>,
    /// What changes the base price now, oldest first.
    pub adjustments: Vec<PriceAdjustment>,
}

/// A base price that a product got.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct PriceChange {
    pub changed_at: DateTime,
    pub base: Money,
    pub compare_at: Option<Money>,
}
