//! The currency of a request, and how it was chosen: the same for all prices of the request.

use std::sync::Arc;

use async_graphql::{Context, Enum, SimpleObject};
use platform::caller::Locale;
use resolvers::cache_policy::make_private;
use resolvers::money::CurrencyCode;
use resolvers::{ApiError, ApiResult, access};

use crate::State;
use crate::countries::normalized;
use crate::loaders::Loaders;
use crate::product_price::PriceFallbackReason;
use crate::rules::detection::{self, DetectedCurrency, Known};

/// How a currency was chosen, the most reliable way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "detection::CurrencySource")]
pub(crate) enum CurrencySource {
    /// The client named the currency.
    Explicit,
    /// The request's `x-vantage-currency` or `x-vantage-country` header.
    Request,
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
#[graphql(serial)]
pub(crate) struct CurrencyContext {
    /// The chosen currency: US dollars for a country whose own currency is not supported.
    pub currency: CurrencyCode,
    /// The customer's country, as an ISO 3166-1 alpha-2 code such as "DE"; null if it is unknown.
    pub country: Option<String>,
    /// How the currency was chosen.
    pub detected_from: CurrencySource,
    /// Why the currency is US dollars although the request asked for another one.
    pub fallback: Option<PriceFallbackReason>,
}

/// What an operation says about its customer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    pub currency: Option<CurrencyCode>,
    pub shipping_country: Option<String>,
    pub billing_country: Option<String>,
}

impl CurrencyContext {
    /// The context of an operation with these arguments.
    pub(crate) fn load(context: &Context<'_>, arguments: Arguments) -> ApiResult<Self> {
        let caller = access::caller(context)?;
        let state = context.data_unchecked::<State>();
        let header = RequestedCurrency::of(&caller.locale)?;
        let geo = state.geo.as_ref().zip(caller.ip);
        let known = Known {
            explicit: arguments.currency,
            requested: header.currency(),
            requested_country: requested_country(&caller.locale)?,
            shipping: country("shippingCountry", arguments.shipping_country)?,
            billing: country("billingCountry", arguments.billing_country)?,
            ip: geo.and_then(|(geo, ip)| geo.country(ip)),
        };
        let detected = detection::detect(known, |country| state.countries.currency(country));
        let is_requested = matches!(
            detected.source,
            detection::CurrencySource::Explicit | detection::CurrencySource::Request
        );
        if geo.is_some() && !is_requested {
            // It depends on the caller's address.
            make_private(context);
        }
        let is_refused = header == RequestedCurrency::Unsupported
            && detected.source == detection::CurrencySource::Request;
        Ok(Self {
            fallback: is_refused.then_some(PriceFallbackReason::UnsupportedCurrency),
            ..Self::from(detected)
        })
    }

    /// The context of a price in this currency, by default in that of the request. Found once for all prices.
    pub(crate) fn of_price(
        context: &Context<'_>,
        currency: Option<CurrencyCode>,
    ) -> ApiResult<Arc<Self>> {
        let mut found = context.data_unchecked::<Loaders>().currency_contexts.lock();
        let found = found.entry(currency).or_insert_with(|| {
            let arguments = Arguments {
                currency,
                ..Arguments::default()
            };
            Self::load(context, arguments).map(Arc::new)
        });
        found.clone()
    }
}

impl From<DetectedCurrency> for CurrencyContext {
    fn from(detected: DetectedCurrency) -> Self {
        Self {
            currency: detected.currency,
            country: detected.country,
            detected_from: detected.source.into(),
            fallback: None,
        }
    }
}

/// The currency in a request's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestedCurrency {
    None,
    Supported(CurrencyCode),
    /// The shop has no prices in it.
    Unsupported,
}

impl RequestedCurrency {
    fn of(locale: &Locale) -> ApiResult<Self> {
        let Some(text) = &locale.currency else {
            return Ok(Self::None);
        };
        let code = text.trim().to_ascii_uppercase();
        if let Some(currency) = CurrencyCode::from_code(&code) {
            return Ok(Self::Supported(currency));
        }
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self::Unsupported);
        }
        Err(ApiError::bad_user_input(
            "The header x-vantage-currency must be a three-letter currency code, such as EUR",
        ))
    }

    fn currency(self) -> Option<CurrencyCode> {
        match self {
            Self::None => None,
            Self::Supported(currency) => Some(currency),
            Self::Unsupported => Some(CurrencyCode::Usd),
        }
    }
}

fn requested_country(locale: &Locale) -> ApiResult<Option<String>> {
    let country = locale.country.as_ref();
    country
        .map(|country| {
            normalized(country).ok_or_else(|| {
                ApiError::bad_user_input(
                    "The header x-vantage-country must be a two-letter country code, such as DE",
                )
            })
        })
        .transpose()
}

/// A country argument in capital letters.
fn country(name: &str, value: Option<String>) -> ApiResult<Option<String>> {
    value
        .map(|value| {
            normalized(&value).ok_or_else(|| {
                ApiError::bad_user_input(format!(
                    "{name} must be a two-letter country code, such as DE"
                ))
            })
        })
        .transpose()
}
