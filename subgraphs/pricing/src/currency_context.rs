//! The currency of a request, and how it was chosen.

use async_graphql::{Context, Enum, SimpleObject};
use resolvers::money::CurrencyCode;
use resolvers::{ApiResult, access};

use crate::State;
use crate::rules::detection::{self, DetectedCurrency};

/// How a currency was chosen, the most reliable way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "detection::CurrencySource")]
pub(crate) enum CurrencySource {
    /// The client named the currency.
    Explicit,
    /// The country of the shipping address.
    ShippingAddress,
    /// The country of the billing address.
    BillingAddress,
    /// The country that the request's IP address belongs to.
    IpGeolocation,
    /// No country is known, so the currency is US dollars.
    Default,
}

/// The currency to show prices in, and how it was chosen.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct CurrencyContext {
    /// The chosen currency: US dollars for a country whose own currency is not supported.
    pub currency: CurrencyCode,
    /// The customer's country, as an ISO 3166-1 alpha-2 code such as "DE"; null if it is unknown.
    pub country: Option<String>,
    /// How the currency was chosen.
    pub detected_from: CurrencySource,
}

impl From<DetectedCurrency> for CurrencyContext {
    fn from(detected: DetectedCurrency) -> Self {
        Self {
            currency: detected.currency,
            country: detected.country,
            detected_from: detected.source.into(),
        }
    }
}

/// The country of the caller's address, if it can be determined.
pub(crate) fn country_of_caller(context: &Context<'_>) -> ApiResult<Option<String>> {
    let ip = access::caller(context)?.ip;
    let geo = context.data_unchecked::<State>().geo.as_ref();
    Ok(geo.zip(ip).and_then(|(geo, ip)| geo.country(ip)))
}
