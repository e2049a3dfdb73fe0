//! Root queries: currencies, the currency context, rates and conversion.

use async_graphql::{Context, ID, Object};
use resolvers::decimal_input::DecimalInput;
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use resolvers::{ApiError, ApiResult};

use crate::State;
use crate::checkout_quote::CheckoutQuote;
use crate::currency::Currency;
use crate::currency_context::{Arguments, CurrencyContext};
use crate::exchange_rate::{ExchangeRate, no_rate};
use crate::loaders::Loaders;
use crate::product::Product;
use crate::product_price::PriceQuote;

/// Maximum number of products in one checkout.
const MAX_PRODUCTS: usize = 100;

pub(crate) struct Query;

/// Root fields of queries, which read data.
#[Object]
impl Query {
    /// The currencies that prices can be shown in.
    #[graphql(cache_control(max_age = 3600))]
    async fn currencies(&self) -> Vec<Currency> {
        CurrencyCode::ALL.into_iter().map(Currency::from).collect()
    }

    /// The currency to show a customer's prices in: prices without an argument are in it. The first of these that is known
    /// decides: the currency the client names, the request's `x-vantage-currency` and `x-vantage-country` headers, the
    /// shipping country, the billing country, the country the request came from. If none is, it is US dollars.
    #[graphql(cache_control(no_cache))]
    async fn currency_context(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The currency that the customer has chosen, if any.")] currency: Option<
            CurrencyCode,
        >,
        #[graphql(
            desc = "The country of the shipping address, as an ISO 3166-1 alpha-2 code such as DE."
        )]
        shipping_country: Option<String>,
        #[graphql(
            desc = "The country of the billing address, as an ISO 3166-1 alpha-2 code such as DE."
        )]
        billing_country: Option<String>,
    ) -> ApiResult<CurrencyContext> {
        let arguments = Arguments {
            currency,
            shipping_country,
            billing_country,
        };
        CurrencyContext::load(context, arguments)
    }

    /// The last known exchange rate from US dollars. NOT_FOUND if none is known yet.
    #[graphql(cache_control(max_age = 60))]
    async fn exchange_rate(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The currency to convert to; the rate of US dollars is 1.")]
        to: CurrencyCode,
    ) -> ApiResult<ExchangeRate> {
        if to == CurrencyCode::Usd {
            let state = context.data_unchecked::<State>();
            return Ok(ExchangeRate::identity(state.clock.now()));
        }
        let rate = context
            .data_unchecked::<Loaders>()
            .rate(context, to)
            .await?;
        let rate = rate.ok_or_else(|| no_rate(to))?;
        Ok(ExchangeRate::clone(&rate))
    }

    /// Converts an amount from US dollars, rounded down like prices. If no rate of the currency is known, the amount stays
    /// in US dollars and `fallback` says why.
    #[graphql(cache_control(max_age = 60))]
    async fn convert(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The amount in US dollars, not negative. It may have more than two decimals."
        )]
        amount_usd: DecimalInput,
        #[graphql(desc = "The currency to convert to.")] to: CurrencyCode,
    ) -> ApiResult<PriceQuote> {
        let DecimalInput(amount_usd) = amount_usd;
        if amount_usd.is_sign_negative() && !amount_usd.is_zero() {
            return Err(ApiError::bad_user_input("amountUsd must not be negative"));
        }
        // Converts the exact amount, so that it is rounded only once.
        let rate = context
            .data_unchecked::<Loaders>()
            .rate(context, to)
            .await?;
        PriceQuote::new(amount_usd, to, None, rate.as_ref())
            .ok_or_else(|| ApiError::bad_user_input("amountUsd is too large to convert"))
    }

    /// The prices for a checkout. The currency is chosen as in `currencyContext`; if it has no exchange rate, the quote is
    /// in US dollars. For other subgraphs only.
    #[graphql(inaccessible, cache_control(no_cache))]
    async fn checkout_quote(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The products to price, at most 100.")] products: Vec<ID>,
        #[graphql(
            desc = "Exact amounts in US dollars to convert at the same rate, such as shipping."
        )]
        charges: Vec<DecimalInput>,
        #[graphql(desc = "The currency that the customer has chosen, if any.")] currency: Option<
            CurrencyCode,
        >,
        #[graphql(
            desc = "The country of the shipping address, as an ISO 3166-1 alpha-2 code such as DE."
        )]
        shipping_country: Option<String>,
        #[graphql(
            desc = "The country of the customer's bills, as an ISO 3166-1 alpha-2 code such as DE."
        )]
        billing_country: Option<String>,
    ) -> ApiResult<CheckoutQuote> {
        if products.len() > MAX_PRODUCTS {
            return Err(ApiError::bad_user_input(format!(
                "products must be at most {MAX_PRODUCTS}"
            )));
        }
        let products = products
            .iter()
            .map(|id| IdKind::Product.argument("products", id))
            .collect::<ApiResult<Vec<_>>>()?;
        let arguments = Arguments {
            currency,
            shipping_country,
            billing_country,
        };
        let charges: Vec<_> = charges.into_iter().map(|DecimalInput(usd)| usd).collect();
        let requested = CurrencyContext::load(context, arguments)?;
        CheckoutQuote::load(context, &requested, &products, &charges).await
    }

    #[graphql(entity)]
    async fn product(&self, id: ID) -> Option<Product> {
        IdKind::Product.parse(&id).map(|id| Product { id })
    }
}
