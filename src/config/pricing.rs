//! The `pricing` section.

use std::path::PathBuf;

use platform::config::{ConnectionUrl, Duration, Invalid, Secret};
use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// How low prices may be, how their currency is chosen, and how exchange rates are kept fresh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pricing {
    /// The currency for each country's customers; by default, router-config/countries.yaml as of this build.
    pub(crate) countries: Option<PathBuf>,
    /// MaxMind database (.mmdb) for locating IP addresses. Without it, locations are unknown.
    pub(crate) geo_database: Option<PathBuf>,
    /// No adjustment takes a price below this percentage of its base price.
    #[schemars(schema_with = "percent")]
    pub(crate) floor_percent: Decimal,
    pub(crate) rates: Rates,
}

impl Default for Pricing {
    fn default() -> Self {
        Self {
            countries: None,
            geo_database: None,
            floor_percent: pricing::FLOOR_PERCENT,
            rates: Rates::default(),
        }
    }
}

/// How exchange rates are fetched, and how far they are trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rates {
    /// Time from one fetch to the next.
    pub(crate) refresh_interval: Duration,
    /// A rate is FRESH below this age, counted from its fetch.
    pub(crate) fresh_for: Duration,
    /// A rate is STALE up to this age, and VERY_STALE past it.
    pub(crate) stale_for: Duration,
    /// Percent by which prices are lowered when their rate is VERY_STALE.
    #[schemars(schema_with = "percent")]
    pub(crate) buffer_percent: Decimal,
    /// A fetched rate that differs by more percent from the last known one is held until it is released.
    #[schemars(schema_with = "percent")]
    pub(crate) max_move_percent: Decimal,
    /// A service with the API of Open Exchange Rates that is asked about held rates. Those that it confirms are used
    /// at once.
    pub(crate) second_source: Option<SecondSource>,
    /// How many percent its rate may differ from the held one.
    #[schemars(schema_with = "percent")]
    pub(crate) agree_percent: Decimal,
}

/// A second source of exchange rates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondSource {
    /// The API's base URL, without a path.
    pub(crate) url: ConnectionUrl,
    /// The application's id, which authenticates us.
    pub(crate) key: Secret,
}

impl Default for Rates {
    fn default() -> Self {
        let pricing::RatesConfig {
            refresh_interval,
            fresh_for,
            stale_for,
            buffer_percent,
            max_move_percent,
            agree_percent,
        } = pricing::RatesConfig::default();
        Self {
            refresh_interval: refresh_interval.into(),
            fresh_for: fresh_for.into(),
            stale_for: stale_for.into(),
            buffer_percent,
            max_move_percent,
            second_source: None,
            agree_percent,
        }
    }
}

impl Rates {
    /// As the domain takes it.
    pub(crate) fn get(&self) -> pricing::RatesConfig {
        pricing::RatesConfig {
            refresh_interval: self.refresh_interval.get(),
            fresh_for: self.fresh_for.get(),
            stale_for: self.stale_for.get(),
            buffer_percent: self.buffer_percent,
            max_move_percent: self.max_move_percent,
            agree_percent: self.agree_percent,
        }
    }
}

/// More often would be of no use: providers have new rates every minute at most.
const SHORTEST: Duration = Duration::from_millis(100);

impl Pricing {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        if self.floor_percent < Decimal::ZERO || self.floor_percent > Decimal::ONE_HUNDRED {
            return Err(Invalid::new(
                "pricing.floor_percent",
                "is not a percentage from 0 to 100",
            ));
        }
        let rates = &self.rates;
        for (key, value) in [
            ("refresh_interval", rates.refresh_interval),
            ("fresh_for", rates.fresh_for),
        ] {
            if value < SHORTEST {
                return Err(Invalid::new(
                    format!("pricing.rates.{key}"),
                    format!("is less than {SHORTEST}"),
                ));
            }
        }
        if rates.stale_for < rates.fresh_for {
            return Err(Invalid::new(
                "pricing.rates.stale_for",
                "is less than pricing.rates.fresh_for: a rate is fresh first, and stale after that",
            ));
        }
        if rates.buffer_percent < Decimal::ZERO || rates.buffer_percent >= Decimal::ONE_HUNDRED {
            return Err(Invalid::new(
                "pricing.rates.buffer_percent",
                "is not a percentage from 0 to below 100",
            ));
        }
        if rates.max_move_percent <= Decimal::ZERO || rates.max_move_percent > MOST_PERCENT {
            return Err(Invalid::new(
                "pricing.rates.max_move_percent",
                format!("is not a percentage above 0 and up to {MOST_PERCENT}"),
            ));
        }
        if rates.agree_percent < Decimal::ZERO || rates.agree_percent > rates.max_move_percent {
            return Err(Invalid::new(
                "pricing.rates.agree_percent",
                "is not a percentage from 0 to pricing.rates.max_move_percent",
            ));
        }
        if let Some(second) = &rates.second_source
            && !matches!(second.url.scheme(), "http" | "https")
        {
            return Err(Invalid::new(
                "pricing.rates.second_source.url",
                format!("{:?} is not one of http, https", second.url.scheme()),
            ));
        }
        Ok(())
    }
}

/// A rate that moves a hundredfold is a mistake at any rate.
const MOST_PERCENT: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// A number, or the same in quotes.
fn percent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["number", "string"], "pattern": "^[0-9]+(\\.[0-9]+)?$"})
}
