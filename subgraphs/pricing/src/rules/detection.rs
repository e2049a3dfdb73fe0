//! Chooses a customer's currency by the most reliable information about their location.

use resolvers::money::CurrencyCode;

/// How a currency was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CurrencySource {
    /// The operation requested it.
    Explicit,
    /// The request's headers did.
    Request,
    ShippingAddress,
    BillingAddress,
    IpGeolocation,
    /// Nothing is known about the customer: US dollars.
    Default,
}

/// What is known about a customer. Countries are in capital letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The operation's argument.
    pub explicit: Option<CurrencyCode>,
    /// The request's headers.
    pub requested: Option<CurrencyCode>,
    pub requested_country: Option<String>,
    pub shipping: Option<String>,
    pub billing: Option<String>,
    /// Where the request came from.
    pub ip: Option<String>,
}

/// A chosen currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DetectedCurrency {
    pub currency: CurrencyCode,
    /// The customer's country, if known; ISO 3166-1 alpha-2.
    pub country: Option<String>,
    pub source: CurrencySource,
}

/// By explicit choice, else the request's own currency and country, the shipping country, the billing country, the
/// country the request came from, or US dollars. A country without a supported currency is decisive too, and gives US
/// dollars. `currency_of` returns a country's currency.
pub(crate) fn detect(known: Known, currency_of: impl Fn(&str) -> CurrencyCode) -> DetectedCurrency {
    let countries = [
        (known.requested_country, CurrencySource::Request),
        (known.shipping, CurrencySource::ShippingAddress),
        (known.billing, CurrencySource::BillingAddress),
        (known.ip, CurrencySource::IpGeolocation),
    ];
    let mut located = countries.into_iter();
    let located = located.find_map(|(country, source)| Some((country?, source)));
    let chosen = None
        .or_else(|| {
            known
                .explicit
                .map(|currency| (currency, CurrencySource::Explicit))
        })
        .or_else(|| {
            known
                .requested
                .map(|currency| (currency, CurrencySource::Request))
        });
    let (country, of_country) = match located {
        Some((country, source)) => {
            let currency = currency_of(&country);
            (Some(country), Some((currency, source)))
        }
        None => (None, None),
    };
    let default = (CurrencyCode::Usd, CurrencySource::Default);
    let (currency, source) = chosen.or(of_country).unwrap_or(default);
    DetectedCurrency {
        currency,
        country,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CurrencyCode::{Brl, Cad, Eur, Gbp, Jpy, Mxn, Usd};
    use CurrencySource::{
        BillingAddress, Default, Explicit, IpGeolocation, Request, ShippingAddress,
    };

    #[test]
    fn the_surest_knowledge_decides() {
        let currency_of = |country: &str| match country {
            "DE" => Eur,
            "GB" => Gbp,
            "CA" => Cad,
            "JP" => Jpy,
            _ => Usd,
        };
        // Argument and header; countries of the header, shipping, billing and address.
        let known = |explicit, requested, countries: &str| {
            let mut countries = countries.split(' ').map(|country| match country {
                "-" => None,
                country => Some(country.to_owned()),
            });
            let mut next = || countries.next().flatten();
            Known {
                explicit,
                requested,
                requested_country: next(),
                shipping: next(),
                billing: next(),
                ip: next(),
            }
        };
        let cases = [
            (
                known(Some(Brl), Some(Mxn), "JP DE GB CA"),
                Brl,
                Some("JP"),
                Explicit,
            ),
            (known(Some(Brl), None, "- - - -"), Brl, None, Explicit),
            (
                known(None, Some(Mxn), "JP DE GB CA"),
                Mxn,
                Some("JP"),
                Request,
            ),
            (known(None, Some(Mxn), "- - - -"), Mxn, None, Request),
            (known(None, None, "JP DE GB CA"), Jpy, Some("JP"), Request),
            (
                known(None, None, "- DE GB CA"),
                Eur,
                Some("DE"),
                ShippingAddress,
            ),
            (
                known(None, None, "- - GB CA"),
                Gbp,
                Some("GB"),
                BillingAddress,
            ),
            (
                known(None, None, "- - - CA"),
                Cad,
                Some("CA"),
                IpGeolocation,
            ),
            (known(None, None, "- - - -"), Usd, None, Default),
            // A country without a supported currency is still decisive.
            (
                known(None, None, "- CH GB -"),
                Usd,
                Some("CH"),
                ShippingAddress,
            ),
        ];
        for (known, currency, country, source) in cases {
            let detected = detect(known, currency_of);
            let expected = DetectedCurrency {
                currency,
                country: country.map(str::to_owned),
                source,
            };
            assert_eq!(detected, expected);
        }
    }
}
