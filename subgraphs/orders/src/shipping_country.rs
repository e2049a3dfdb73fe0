//! The GraphQL type `ShippingCountry`: a country that orders are sent to, and what its addresses need.

use std::collections::BTreeSet;

use async_graphql::SimpleObject;
use celes::Country;
use resolvers::{ApiError, ApiResult};

use crate::checkout_rates::CheckoutRates;
use crate::order_preview::TaxDisplay;
use crate::rules::address;

/// Most countries to choose in one query.
const MAX_CODES: usize = 100;

/// A country that orders are sent to.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ShippingCountry {
    /// ISO 3166-1 alpha-2 code, such as "US".
    pub code: String,
    /// Its name in English.
    pub name: String,
    /// Whether an address needs a region, because the tax depends on it.
    pub region_required: bool,
    /// The states, provinces or other regions of the country; empty if it has none.
    pub regions: Vec<ShippingRegion>,
    /// Whether an address needs a postal code.
    pub postal_code_required: bool,
    /// Whether to show prices with or without tax, by the custom of the country.
    pub tax_display: TaxDisplay,
    /// The ways of shipping there, the default one first. Which of them a parcel can use depends on its weight:
    /// `orderPreview` says so.
    pub options: Vec<ShippingCountryOption>,
}

/// A region of a country.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ShippingRegion {
    /// Its ISO 3166-2 code without the country, such as "TX".
    pub code: String,
    /// Its name.
    pub name: String,
}

/// A way of shipping to a country.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ShippingCountryOption {
    /// What to send as `shippingOption`, such as "standard" or "express".
    pub code: String,
    /// The name to show.
    pub name: String,
    /// How many business days it takes at least.
    pub min_business_days: i32,
    /// How many business days it takes at most.
    pub max_business_days: i32,
}

/// All countries that orders are sent to, by name.
pub(crate) fn all(rates: &CheckoutRates) -> Vec<ShippingCountry> {
    by_name(Country::get_countries(), rates)
}

/// Those of these countries that orders are sent to, by name; BAD_USER_INPUT for a code that is no country's.
pub(crate) fn with_codes(
    codes: &[String],
    rates: &CheckoutRates,
) -> ApiResult<Vec<ShippingCountry>> {
    if codes.len() > MAX_CODES {
        return Err(ApiError::bad_user_input(format!(
            "codes has {} entries; at most {MAX_CODES} are allowed",
            codes.len()
        )));
    }
    let codes: BTreeSet<_> = codes
        .iter()
        .map(|code| code.trim().to_uppercase())
        .collect();
    let countries = codes.iter().map(|code| {
        address::country(code).ok_or_else(|| {
            ApiError::bad_user_input("codes must be two-letter codes of countries, such as DE")
        })
    });
    Ok(by_name(countries.collect::<ApiResult<Vec<_>>>()?, rates))
}

fn by_name(
    countries: impl IntoIterator<Item = Country>,
    rates: &CheckoutRates,
) -> Vec<ShippingCountry> {
    let countries = countries.into_iter();
    let mut countries: Vec<_> = countries
        .filter_map(|country| shipping_country(&country, rates))
        .collect();
    countries.sort_by(|one, other| one.name.cmp(&other.name));
    countries
}

fn shipping_country(country: &Country, rates: &CheckoutRates) -> Option<ShippingCountry> {
    let options = rates.shipping.options(Some(country.alpha2));
    if options.is_empty() {
        return None;
    }
    let options = options.iter().map(|option| {
        let [least, most] = option.business_days;
        ShippingCountryOption {
            code: option.code.clone(),
            name: option.name.clone(),
            min_business_days: i32::try_from(least).unwrap_or(i32::MAX),
            max_business_days: i32::try_from(most).unwrap_or(i32::MAX),
        }
    });
    let regions = address::regions(country);
    Some(ShippingCountry {
        code: country.alpha2.to_owned(),
        name: country.long_name.to_owned(),
        region_required: rates.taxes_by_region(country.alpha2),
        regions: regions
            .into_iter()
            .map(|(code, name)| ShippingRegion {
                code: code.to_owned(),
                name: name.to_owned(),
            })
            .collect(),
        postal_code_required: address::has_postal_codes(country),
        tax_display: rates.tax_display(country.alpha2),
        options: options.collect(),
    })
}
