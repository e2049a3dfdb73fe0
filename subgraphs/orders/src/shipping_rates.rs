//! The part of `checkout.yaml` about shipping: zones of countries, each with its options by weight.

use std::collections::HashSet;

use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::rules::address;
use crate::rules::shipping::WeightStep;

/// Stands for all countries that no other zone names.
const OTHERS: &str = "*";
/// Of products whose weight the catalog does not know.
const DEFAULT_WEIGHT: i32 = 500;
/// The longest code of an option, as its column stores it.
const MAX_CODE: usize = 40;
/// The business days of the only option of a file without zones.
const DEFAULT_DAYS: [u32; 2] = [3, 7];

/// What shipping costs, by country and weight.
#[derive(Clone, Debug)]
pub(crate) struct ShippingRates {
    /// Of products whose weight the catalog does not know.
    pub default_weight_grams: i32,
    zones: Vec<Zone>,
    not_shipped: HashSet<String>,
}

/// Countries with the same options.
#[derive(Clone, Debug)]
struct Zone {
    countries: HashSet<String>,
    options: Vec<ShippingRate>,
}

/// A way of shipping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShippingRate {
    pub code: String,
    pub name: String,
    /// In US cents: free from this subtotal on.
    pub free_from: Option<i64>,
    /// How many it takes at least and at most.
    pub business_days: [u32; 2],
    /// Sorted by weight.
    pub steps: Vec<WeightStep>,
}

/// Problems with the rates.
#[derive(Debug, thiserror::Error)]
pub enum ShippingRatesError {
    #[error("{0} is not an amount of US dollars")]
    Amount(Decimal),
    #[error(
        "{0:?} is not a country to ship to: expected two capital letters, such as DE, or \"*\""
    )]
    Country(String),
    #[error("shipping needs either `standard` and `free_from`, or `zones`")]
    NoZones,
    #[error("a zone of shipping has no countries, or no options")]
    EmptyZone,
    #[error("the option {0:?} needs a code of lower-case letters, digits and _, once in its zone")]
    Code(String),
    #[error("the option {0:?} needs prices, by ascending weight")]
    Prices(String),
    #[error("the option {0:?} needs business_days, such as [3, 5]")]
    Days(String),
    #[error("default_weight_grams must be from 1 to 1000000")]
    Weight,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShippingFile {
    standard: Option<Decimal>,
    free_from: Option<Decimal>,
    default_weight_grams: Option<i32>,
    #[serde(default)]
    zones: Vec<ZoneFile>,
    #[serde(default)]
    not_shipped: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneFile {
    countries: Vec<String>,
    options: Vec<OptionFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionFile {
    code: String,
    name: String,
    free_from: Option<Decimal>,
    business_days: [u32; 2],
    prices: Vec<PriceFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFile {
    to_grams: i64,
    usd: Decimal,
}

impl ShippingRates {
    pub(crate) fn new(file: ShippingFile) -> Result<Self, ShippingRatesError> {
        let default_weight_grams = file.default_weight_grams.unwrap_or(DEFAULT_WEIGHT);
        if !(1..=1_000_000).contains(&default_weight_grams) {
            return Err(ShippingRatesError::Weight);
        }
        let zones = match (file.standard, file.free_from) {
            (Some(standard), Some(free_from)) if file.zones.is_empty() => {
                vec![everywhere(standard, free_from)?]
            }
            (None, None) if !file.zones.is_empty() => {
                let zones = file.zones.into_iter().map(zone);
                zones.collect::<Result<_, _>>()?
            }
            _ => return Err(ShippingRatesError::NoZones),
        };
        Ok(Self {
            default_weight_grams,
            zones,
            not_shipped: countries(file.not_shipped)?,
        })
    }

    /// The options for a country, the default one first; empty if nothing is shipped there. Without a country, those of
    /// the first zone.
    pub(crate) fn options(&self, country: Option<&str>) -> &[ShippingRate] {
        let Some(country) = country else {
            return self.zones.first().map_or(&[], |zone| &zone.options);
        };
        if self.not_shipped.contains(country) {
            return &[];
        }
        let of = |country: &str| {
            let mut zones = self.zones.iter();
            zones.find(|zone| zone.countries.contains(country))
        };
        of(country)
            .or_else(|| of(OTHERS))
            .map_or(&[], |zone| &zone.options)
    }
}

/// One option for all countries and weights.
fn everywhere(standard: Decimal, free_from: Decimal) -> Result<Zone, ShippingRatesError> {
    cents(standard)?;
    Ok(Zone {
        countries: HashSet::from([OTHERS.to_owned()]),
        options: vec![ShippingRate {
            code: "standard".to_owned(),
            name: "Standard".to_owned(),
            free_from: Some(cents(free_from)?),
            business_days: DEFAULT_DAYS,
            steps: vec![WeightStep {
                to_grams: i64::MAX,
                usd: standard,
            }],
        }],
    })
}

fn zone(file: ZoneFile) -> Result<Zone, ShippingRatesError> {
    if file.countries.is_empty() || file.options.is_empty() {
        return Err(ShippingRatesError::EmptyZone);
    }
    let mut codes = HashSet::new();
    let mut options = Vec::with_capacity(file.options.len());
    for given in file.options {
        let option = option(given)?;
        if !codes.insert(option.code.clone()) {
            return Err(ShippingRatesError::Code(option.code));
        }
        options.push(option);
    }
    Ok(Zone {
        countries: countries(file.countries)?,
        options,
    })
}

fn option(file: OptionFile) -> Result<ShippingRate, ShippingRatesError> {
    let code = file.code;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if code.is_empty() || code.len() > MAX_CODE || !code.bytes().all(is_plain) {
        return Err(ShippingRatesError::Code(code));
    }
    let steps: Vec<WeightStep> = file
        .prices
        .iter()
        .map(|price| {
            cents(price.usd)?;
            Ok(WeightStep {
                to_grams: price.to_grams,
                usd: price.usd,
            })
        })
        .collect::<Result<_, ShippingRatesError>>()?;
    let is_ascending = steps.is_sorted_by(|one, next| one.to_grams < next.to_grams);
    if steps.first().is_none_or(|first| first.to_grams <= 0) || !is_ascending {
        return Err(ShippingRatesError::Prices(code));
    }
    let [least, most] = file.business_days;
    if least > most || most > 365 {
        return Err(ShippingRatesError::Days(code));
    }
    Ok(ShippingRate {
        name: file.name,
        free_from: file.free_from.map(cents).transpose()?,
        business_days: file.business_days,
        steps,
        code,
    })
}

fn countries(given: Vec<String>) -> Result<HashSet<String>, ShippingRatesError> {
    for code in &given {
        if code != OTHERS && address::country(code).is_none() {
            return Err(ShippingRatesError::Country(code.clone()));
        }
    }
    Ok(given.into_iter().collect())
}

fn cents(dollars: Decimal) -> Result<i64, ShippingRatesError> {
    Money::from_decimal(dollars, CurrencyCode::Usd, Rounding::Down)
        .filter(|money| money.minor >= 0)
        .map(|money| money.minor)
        .ok_or(ShippingRatesError::Amount(dollars))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(yaml: &str) -> Result<ShippingRates, String> {
        let file = platform::yaml::from_str(yaml).map_err(|error| error.to_string())?;
        ShippingRates::new(file).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_those_of_the_countrys_zone_or_of_all_others() {
        let option = "{code: standard, name: Standard, business_days: [1, 2], prices: [{to_grams: 5000, usd: \"4\"}]}";
        let express = option.replace("standard", "express");
        let yaml = format!(
            "zones: [{{countries: [DE, AT], options: [{option}, {express}]}}, {{countries: [\"*\"], options: [{option}]}}]\nnot_shipped: [KP]"
        );
        let rates = rates(&yaml).unwrap();
        let codes = |country| {
            let options = rates.options(country).iter();
            options
                .map(|option| option.code.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(codes(Some("AT")), ["standard", "express"]);
        assert_eq!(codes(Some("US")), ["standard"]);
        assert_eq!(codes(Some("KP")), [] as [&str; 0]);
        assert_eq!(codes(None), ["standard", "express"]);
    }

    #[test]
    fn a_file_from_before_zones_has_one_option_for_all_countries_and_weights() {
        let rates = rates("{standard: \"5.99\", free_from: \"50\"}").unwrap();
        let [option] = rates.options(Some("NZ")) else {
            panic!("one option");
        };
        assert_eq!(
            (option.code.as_str(), option.free_from),
            ("standard", Some(5_000))
        );
        assert_eq!(option.steps[0].to_grams, i64::MAX);
    }

    #[test]
    fn rates_with_an_error_are_refused_by_name() {
        let zone = |countries: &str, option: &str| {
            format!("zones: [{{countries: [{countries}], options: [{option}]}}]")
        };
        let option = |code: &str, days: &str, prices: &str| {
            format!("{{code: {code}, name: N, business_days: {days}, prices: [{prices}]}}")
        };
        let price = "{to_grams: 1000, usd: \"4\"}";
        let good = option("a", "[1, 2]", price);
        let cases = [
            ("{}".to_owned(), "needs either"),
            (zone("Germany", &good), "\"Germany\" is not a country"),
            (zone("", &good), "no countries, or no options"),
            (zone("DE", ""), "no countries, or no options"),
            (zone("DE", &format!("{good}, {good}")), "once in its zone"),
            (
                zone("DE", &option("Fast", "[1, 2]", price)),
                "the option \"Fast\" needs a code",
            ),
            (
                zone("DE", &option("a", "[3, 2]", price)),
                "needs business_days",
            ),
            (zone("DE", &option("a", "[1, 2]", "")), "needs prices"),
            (
                zone("DE", &option("a", "[1, 2]", &format!("{price}, {price}"))),
                "by ascending weight",
            ),
            (
                zone("DE", &option("a", "[1, 2]", "{to_grams: 1, usd: \"-4\"}")),
                "-4 is not an amount",
            ),
            (
                format!("default_weight_grams: 0\n{}", zone("DE", &good)),
                "default_weight_grams",
            ),
        ];
        for (yaml, expected) in cases {
            let error = rates(&yaml).unwrap_err();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
    }
}
