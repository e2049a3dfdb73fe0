//! The currency for each country's customers, configured in `countries.yaml`.

use std::collections::{BTreeMap, HashMap};

use resolvers::money::CurrencyCode;

/// The default map.
const EMBEDDED: &str = include_str!("../../../router-config/countries.yaml");

/// Countries by ISO 3166-1 alpha-2 code, with their currency. Others get US dollars.
#[derive(Clone, Debug)]
pub struct Countries(HashMap<String, CurrencyCode>);

/// Problems with a country map.
#[derive(Debug, thiserror::Error)]
pub enum CountriesError {
    #[error("the country map cannot be read: {0}")]
    Syntax(#[from] platform::yaml::YamlError),
    #[error("{0:?} is not a country: expected two capital letters, such as DE")]
    Country(String),
    #[error("{country} has two currencies, {first} and {second}")]
    Twice {
        country: String,
        first: &'static str,
        second: &'static str,
    },
}

impl Countries {
    /// Parses YAML with a list of countries for each currency, `EUR: [AT, BE]`.
    pub fn parse(yaml: &str) -> Result<Self, CountriesError> {
        let by_currency: BTreeMap<CurrencyCode, Vec<String>> = platform::yaml::from_str(yaml)?;
        let mut currencies = HashMap::new();
        for (currency, countries) in by_currency {
            for country in countries {
                if normalized(&country).as_deref() != Some(country.as_str()) {
                    return Err(CountriesError::Country(country));
                }
                if let Some(first) = currencies.insert(country.clone(), currency) {
                    return Err(CountriesError::Twice {
                        country,
                        first: first.as_str(),
                        second: currency.as_str(),
                    });
                }
            }
        }
        Ok(Self(currencies))
    }

    /// The currency for this country's customers.
    pub fn currency(&self, country: &str) -> CurrencyCode {
        self.0.get(country).copied().unwrap_or(CurrencyCode::Usd)
    }
}

impl Default for Countries {
    /// The map of `router-config/countries.yaml` at build time.
    fn default() -> Self {
        Self::parse(EMBEDDED).expect("the embedded map is valid: the tests read it")
    }
}

/// A country code in capital letters, if the text has the right form.
pub(crate) fn normalized(country: &str) -> Option<String> {
    let country = country.trim();
    (country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .then(|| country.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_currency_has_its_country_in_the_embedded_map() {
        let countries = Countries::default();
        let cases = [
            ("US", CurrencyCode::Usd),
            ("DE", CurrencyCode::Eur),
            ("HR", CurrencyCode::Eur),
            ("GB", CurrencyCode::Gbp),
            ("CA", CurrencyCode::Cad),
            ("AU", CurrencyCode::Aud),
            ("JP", CurrencyCode::Jpy),
            ("MX", CurrencyCode::Mxn),
            ("BR", CurrencyCode::Brl),
        ];
        for (country, currency) in cases {
            assert_eq!(countries.currency(country), currency, "{country}");
        }
        for unsupported in ["CH", "SE", "IN", "ZZ"] {
            assert_eq!(countries.currency(unsupported), CurrencyCode::Usd);
        }
    }

    #[test]
    fn a_map_with_a_mistake_is_refused_by_name() {
        let cases = [
            ("EUR: [Germany]", "\"Germany\" is not a country"),
            ("EUR: [de]", "\"de\" is not a country"),
            ("EUR: [DE]\nGBP: [DE]", "DE has two currencies, EUR and GBP"),
            ("XTS: [DE]", "unknown variant `XTS`"),
        ];
        for (yaml, expected) in cases {
            let error = Countries::parse(yaml).unwrap_err().to_string();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
    }
}
