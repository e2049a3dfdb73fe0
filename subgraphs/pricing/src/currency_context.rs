//! The currency that a request is answered in, and where it came from.

use async_graphql::{Context, Enum, SimpleObject};
use resolvers::money::CurrencyCode;
use resolvers::{ApiResult, access};

use crate::State;
use crate::rules::detection::{self, DetectedCurrency};

/// What the currency was chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "detection::CurrencySource")]
pub(crate) enum CurrencySource {
    /// The client named it.
    Explicit,
    ShippingAddress,
    BillingAddress,
    IpGeolocation,
    /// Nothing is known of the customer: US dollars.
    Default,
}

/// The currency prices are shown in.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct CurrencyContext {
    pub currency: CurrencyCode,
    /// The customer's country as far as it is known, ISO 3166-1 alpha-2.
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

/// The country that the caller's address is in, when that can be known.
pub(crate) fn country_of_caller(context: &Context<'_>) -> ApiResult<Option<String>> {
    let ip = access::caller(context)?.ip;
    let geo = context.data_unchecked::<State>().geo.as_ref();
    Ok(geo.zip(ip).and_then(|(geo, ip)| geo.country(ip)))
}
