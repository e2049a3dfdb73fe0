//! Chooses a customer's currency by the most reliable information about their location.

use resolvers::money::CurrencyCode;

/// How a currency was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CurrencySource {
    /// The client requested it.
    Explicit,
    ShippingAddress,
    BillingAddress,
    IpGeolocation,
    /// Nothing is known about the customer: US dollars.
    Default,
}

/// A chosen currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DetectedCurrency {
    pub currency: CurrencyCode,
    /// The customer's country, if known; ISO 3166-1 alpha-2.
    pub country: Option<String>,
    pub source: CurrencySource,
}

/// By explicit choice, else the shipping country, the billing country, the country the request came from, or US
/// dollars. A country without a supported currency is decisive too, and gives US dollars. Countries are in capital
/// letters; `currency_of` returns a country's currency.
pub(crate) fn detect(
    explicit: Option<CurrencyCode>,
    shipping: Option<String>,
    billing: Option<String>,
    ip: Option<String>,
    currency_of: impl Fn(&str) -> CurrencyCode,
) -> DetectedCurrency {
    let located = None
        .or_else(|| shipping.map(|country| (country, CurrencySource::ShippingAddress)))
        .or_else(|| billing.map(|country| (country, CurrencySource::BillingAddress)))
        .or_else(|| ip.map(|country| (country, CurrencySource::IpGeolocation)));
    let (country, source) = located.unzip();
    match (explicit, source, country) {
        (Some(currency), _, country) => DetectedCurrency {
            currency,
            country,
            source: CurrencySource::Explicit,
        },
        (None, Some(source), Some(country)) => DetectedCurrency {
            currency: currency_of(&country),
            country: Some(country),
            source,
        },
        (None, _, country) => DetectedCurrency {
            currency: CurrencyCode::Usd,
            country,
            source: CurrencySource::Default,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CurrencyCode::{Brl, Cad, Eur, Gbp, Usd};
    use CurrencySource::{BillingAddress, Default, Explicit, IpGeolocation, ShippingAddress};

    #[test]
    fn the_surest_knowledge_decides() {
        let currency_of = |country: &str| match country {
            "DE" => Eur,
            "GB" => Gbp,
            "CA" => Cad,
            _ => Usd,
        };
        let cases = [
            // explicit, shipping, billing, address → currency, country, source
            (
                Some(Brl),
                Some("DE"),
                Some("GB"),
                Some("CA"),
                Brl,
                Some("DE"),
                Explicit,
            ),
            (Some(Brl), None, None, None, Brl, None, Explicit),
            (
                None,
                Some("DE"),
                Some("GB"),
                Some("CA"),
                Eur,
                Some("DE"),
                ShippingAddress,
            ),
            (
                None,
                None,
                Some("GB"),
                Some("CA"),
                Gbp,
                Some("GB"),
                BillingAddress,
            ),
            (None, None, None, Some("CA"), Cad, Some("CA"), IpGeolocation),
            (None, None, None, None, Usd, None, Default),
            // A country without a supported currency is still decisive.
            (
                None,
                Some("CH"),
                Some("GB"),
                None,
                Usd,
                Some("CH"),
                ShippingAddress,
            ),
        ];
        for (explicit, shipping, billing, ip, currency, country, source) in cases {
            let text = |country: Option<&str>| country.map(str::to_owned);
            let detected = detect(
                explicit,
                text(shipping),
                text(billing),
                text(ip),
                currency_of,
            );
            let expected = DetectedCurrency {
                currency,
                country: text(country),
                source,
            };
            assert_eq!(detected, expected);
        }
    }
}
