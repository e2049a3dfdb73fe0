//! Shipping cost, taxes and non-returnable categories, configured in `checkout.yaml`.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;
use serde::Deserialize;

use crate::order_preview::TaxDisplay;
use crate::rules::checkout::Restriction;
use crate::shipping_rates::{ShippingFile, ShippingRates, ShippingRatesError};

/// The default rates.
const EMBEDDED: &str = include_str!("../../../router-config/checkout.yaml");

/// Shipping, taxes and restricted categories.
#[derive(Clone, Debug)]
pub struct CheckoutRates {
    pub(crate) shipping: ShippingRates,
    /// Countries whose shoppers are used to prices without tax.
    prices_without_tax: HashSet<String>,
    taxes: HashMap<String, Tax>,
    restrictions: HashMap<String, Restriction>,
}

/// Problems with the rates.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutRatesError {
    #[error("the rates cannot be read: {0}")]
    Syntax(#[from] platform::yaml::YamlError),
    #[error(transparent)]
    Shipping(#[from] ShippingRatesError),
    #[error("a tax of {percent} % in {country} is not valid: expected 0 to 100")]
    Tax { country: String, percent: Decimal },
    #[error("{0:?} is not a country: expected two capital letters, such as DE")]
    Country(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    shipping: ShippingFile,
    /// Those of North America, unless the file says otherwise.
    #[serde(default = "north_america")]
    prices_without_tax: Vec<String>,
    taxes: HashMap<String, Tax>,
    restricted_categories: HashMap<Restriction, Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tax {
    /// In percent.
    standard: Decimal,
    #[serde(default)]
    regions: HashMap<String, Decimal>,
}

impl CheckoutRates {
    /// Parses YAML in the format of `router-config/checkout.yaml`.
    pub fn parse(yaml: &str) -> Result<Self, CheckoutRatesError> {
        let file: File = platform::yaml::from_str(yaml)?;
        for country in file.taxes.keys().chain(&file.prices_without_tax) {
            if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
                return Err(CheckoutRatesError::Country(country.clone()));
            }
        }
        for (country, tax) in &file.taxes {
            for percent in tax.regions.values().chain([&tax.standard]) {
                if *percent < Decimal::ZERO || *percent > Decimal::ONE_HUNDRED {
                    return Err(CheckoutRatesError::Tax {
                        country: country.clone(),
                        percent: *percent,
                    });
                }
            }
        }
        let restrictions = file.restricted_categories.into_iter();
        Ok(Self {
            shipping: ShippingRates::new(file.shipping)?,
            prices_without_tax: file.prices_without_tax.into_iter().collect(),
            taxes: file.taxes,
            restrictions: restrictions
                .flat_map(|(restriction, categories)| {
                    categories
                        .into_iter()
                        .map(move |category| (category.to_lowercase(), restriction))
                })
                .collect(),
        })
    }

    /// How to show prices in this country, which is in capital letters.
    pub(crate) fn tax_display(&self, country: &str) -> TaxDisplay {
        if self.prices_without_tax.contains(country) {
            TaxDisplay::Excluded
        } else {
            TaxDisplay::Included
        }
    }

    /// The tax in percent at the place of delivery. The country must be in capital letters.
    pub(crate) fn tax_percent(&self, country: &str, region: Option<&str>) -> Decimal {
        let Some(tax) = self.taxes.get(country) else {
            return Decimal::ZERO;
        };
        region
            .and_then(|region| tax.regions.get(&region.trim().to_uppercase()))
            .copied()
            .unwrap_or(tax.standard)
    }

    /// Whether the tax depends on the region, which is then required.
    pub(crate) fn taxes_by_region(&self, country: &str) -> bool {
        let tax = self.taxes.get(country);
        tax.is_some_and(|tax| !tax.regions.is_empty())
    }

    /// Why products of this category cannot be returned; `None` if they can.
    pub(crate) fn restriction(&self, category: &str) -> Option<Restriction> {
        self.restrictions.get(&category.to_lowercase()).copied()
    }
}

/// Where prices in shops are without sales tax.
fn north_america() -> Vec<String> {
    ["CA", "US"].map(str::to_owned).to_vec()
}

impl Default for CheckoutRates {
    /// The rates of `router-config/checkout.yaml` at build time.
    fn default() -> Self {
        Self::parse(EMBEDDED).expect("the embedded rates are valid: the tests read them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::address;

    #[test]
    fn tax_is_of_the_region_else_of_the_country_else_none() {
        let rates = CheckoutRates::default();
        let cases = [
            ("DE", None, "19"),
            ("DE", Some("Sachsen"), "19"),
            ("US", Some("NY"), "4"),
            ("US", Some(" ca "), "7.25"),
            ("US", Some("Atlantis"), "6"),
            ("US", None, "6"),
            ("CA", Some("ON"), "13"),
            ("JP", Some("Tokyo"), "10"),
            ("CH", None, "0"),
        ];
        for (country, region, percent) in cases {
            let actual = rates.tax_percent(country, region);
            assert_eq!(actual.to_string(), percent, "{country} {region:?}");
        }
    }

    #[test]
    fn every_state_has_its_own_tax_and_every_place_with_a_tax_exists() {
        let rates = CheckoutRates::default();
        let taxes = |country: &str, code: &str| rates.taxes[country].regions.contains_key(code);
        let states = address::country("US").unwrap().subdivisions();
        for state in states {
            assert!(taxes("US", &state.code[3..]), "{}", state.code);
        }
        for (code, tax) in &rates.taxes {
            let country = address::country(code).unwrap();
            for region in tax.regions.keys() {
                assert_eq!(address::region(&country, region), Some(region.as_str()));
            }
            assert_eq!(
                rates.taxes_by_region(code),
                matches!(code.as_str(), "US" | "CA")
            );
        }
    }

    #[test]
    fn shipping_is_free_from_fifty_dollars_on() {
        let rates = CheckoutRates::default();
        for country in ["US", "DE", "JP"] {
            let standard = &rates.shipping.options(Some(country))[0];
            assert_eq!(
                (standard.code.as_str(), standard.free_from),
                ("standard", Some(5_000))
            );
            assert_eq!(standard.steps[0].usd.to_string(), "5.99");
        }
    }

    #[test]
    fn standard_and_express_are_offered_everywhere_but_where_nothing_is_sent() {
        let rates = CheckoutRates::default();
        for country in celes::Country::get_countries() {
            let options = rates.shipping.options(Some(country.alpha2)).iter();
            let codes: Vec<_> = options.map(|option| option.code.as_str()).collect();
            let expected: &[&str] = match country.alpha2 {
                "CU" | "IR" | "KP" | "SY" => &[],
                _ => &["standard", "express"],
            };
            assert_eq!(codes, expected, "{}", country.alpha2);
        }
    }

    #[test]
    fn prices_are_shown_with_tax_except_in_north_america() {
        let rates = CheckoutRates::default();
        assert_eq!(rates.tax_display("US"), TaxDisplay::Excluded);
        assert_eq!(rates.tax_display("CA"), TaxDisplay::Excluded);
        assert_eq!(rates.tax_display("DE"), TaxDisplay::Included);
        assert_eq!(rates.tax_display("JP"), TaxDisplay::Included);
    }

    #[test]
    fn what_cannot_be_returned_is_known_by_its_category() {
        let rates = CheckoutRates::default();
        let cases = [
            ("Gift Cards", Some(Restriction::Digital)),
            ("batteries", Some(Restriction::Hazardous)),
            ("Engraved Jewelry", Some(Restriction::Personalized)),
            ("Monitors", None),
        ];
        for (category, expected) in cases {
            assert_eq!(rates.restriction(category), expected, "{category}");
        }
    }

    #[test]
    fn rates_with_a_mistake_are_refused_by_name() {
        let file = |standard: &str, taxes: &str, categories: &str| {
            format!(
                "shipping: {{standard: \"{standard}\", free_from: \"50\"}}\ntaxes: {taxes}\nrestricted_categories: {categories}"
            )
        };
        let cases = [
            (file("-1", "{}", "{}"), "-1 is not an amount"),
            (
                file("1", "{Germany: {standard: \"19\"}}", "{}"),
                "\"Germany\" is not a country",
            ),
            (
                file("1", "{DE: {standard: \"190\"}}", "{}"),
                "a tax of 190 % in DE",
            ),
            (
                file("1", "{DE: {standard: \"19\", states: {}}}", "{}"),
                "unknown field `states`",
            ),
            (
                file("1", "{}", "{fragile: [Glass]}"),
                "unknown variant `fragile`",
            ),
        ];
        for (yaml, expected) in cases {
            let error = CheckoutRates::parse(&yaml).unwrap_err().to_string();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
    }
}
