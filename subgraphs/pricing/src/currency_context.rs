//! The currency of a request, and how it was chosen.

use async_graphql::{Context, Enum, SimpleObject};
use resolvers::money::CurrencyCode;
use resolvers::{ApiResult, access};

use crate::State;
use crate::rules::detection::{self, DetectedCurrency};

/// How the currency was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "detection::CurrencySource")]
pub(crate) enum CurrencySource {
    /// The client requested it.
    Explicit,
    ShippingAddress,
    BillingAddress,
    IpGeolocation,
    /// Nothing is known about the customer: US dollars.
    Default,
}

/// The currency that prices are shown in.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct CurrencyContext {
    pub currency: CurrencyCode,
    /// The customer's country, if known; ISO 3166-1 alpha-2.
    pub country: Option<String>,
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
