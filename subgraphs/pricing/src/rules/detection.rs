//! Which currency a customer sees: the surest knowledge of where they are decides.

use resolvers::money::CurrencyCode;

use crate::context::{CurrencyContext, CurrencySource};
use crate::countries::Countries;

/// An explicit choice, else the shipping country, else the billing country, else the country the
/// request came from, else US dollars. A country whose currency is not supported decides too: for
/// US dollars. Countries are in capital letters.
pub(crate) fn detect(
    explicit: Option<CurrencyCode>,
    shipping: Option<String>,
    billing: Option<String>,
    ip: Option<String>,
    countries: &Countries,
) -> CurrencyContext {
    let located = None
        .or_else(|| shipping.map(|country| (country, CurrencySource::ShippingAddress)))
        .or_else(|| billing.map(|country| (country, CurrencySource::BillingAddress)))
        .or_else(|| ip.map(|country| (country, CurrencySource::IpGeolocation)));
    let (country, source) = located.unzip();
    match (explicit, source, country) {
        (Some(currency), _, country) => CurrencyContext {
            currency,
            country,
            detected_from: CurrencySource::Explicit,
        },
        (None, Some(detected_from), Some(country)) => CurrencyContext {
            currency: countries.currency(&country),
            country: Some(country),
            detected_from,
        },
        (None, _, country) => CurrencyContext {
            currency: CurrencyCode::Usd,
            country,
            detected_from: CurrencySource::Default,
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
        let countries = Countries::default();
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
            // A country we do not serve in its own currency still decides.
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
        for (explicit, shipping, billing, ip, currency, country, detected_from) in cases {
            let text = |country: Option<&str>| country.map(str::to_owned);
            let detected = detect(
                explicit,
                text(shipping),
                text(billing),
                text(ip),
                &countries,
            );
            let expected = CurrencyContext {
                currency,
                country: text(country),
                detected_from,
            };
            assert_eq!(detected, expected);
        }
    }
}
