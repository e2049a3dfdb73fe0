//! Quotes products by asking the search domain what they are and the pricing domain what they cost.

use std::collections::HashMap;

use async_graphql::{Enum, Name, Value, Variables, value};
use platform::caller::Caller;
use resolvers::client::Document;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use resolvers::scalars::DateTime;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::State;
use crate::checkout_rates::CheckoutRates;
use crate::input::Basket;
use crate::order_preview::{CurrencySource, ExchangeRateUsed, RateFreshness};
use crate::rules::checkout::Restriction;
use crate::rules::totals::{Price, PricedLine};

static PRODUCTS: Document = Document::new(
    "query($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on Product { id title category active availableQuantity weightGrams } }
}",
);

static PRICES: Document = Document::new("query($products: [ID!]!, $charges: [Decimal!]!, $currency: CurrencyCode, $country: String, $billing: String) {
  checkoutQuote(products: $products, charges: $charges, currency: $currency, shippingCountry: $country, billingCountry: $billing) {
    currency detectedFrom fallback exchangeRate { effectiveRate freshness asOf }
    prices { amount { amount } usd { amount } }
    charges { amount { amount } usd { amount } }
  }
}");

/// Why an amount is in US dollars instead of the requested currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PriceFallbackReason {
    /// No exchange rate of the currency is known yet.
    NoRate,
    /// The shop has no prices in the currency.
    UnsupportedCurrency,
}

/// The current description and price of the ordered products.
#[derive(Clone, Debug)]
pub(crate) struct Quote {
    pub currency: CurrencyCode,
    pub detected_from: CurrencySource,
    /// Why the currency is US dollars instead of the customer's.
    pub fallback: Option<PriceFallbackReason>,
    /// Units of the currency per US dollar.
    pub rate: Decimal,
    /// The same for clients; `None` for US dollars.
    pub rate_used: Option<ExchangeRateUsed>,
    /// Products that can be ordered, in the order of the input.
    pub lines: Vec<QuotedLine>,
    /// The price of each step of each shipping option of the destination.
    pub charges: Vec<Price>,
    /// What cannot be ordered, and why.
    pub errors: Vec<InputError>,
}

#[derive(Clone, Debug)]
pub(crate) struct QuotedLine {
    pub product: Uuid,
    pub name: String,
    pub restriction: Option<Restriction>,
    /// What the catalog shows; the ledger of stock begins with it.
    pub catalog_quantity: i32,
    /// Of one packed unit, if the catalog knows it.
    pub weight_grams: Option<i32>,
    pub priced: PricedLine,
}

/// Asks search and pricing.
pub(crate) async fn fetch(state: &State, caller: &Caller, basket: &Basket) -> ApiResult<Quote> {
    let rates = &state.checkout_rates;
    let search = required(state.search.as_ref(), "subgraphs.search.url")?;
    let pricing = required(state.pricing.as_ref(), "subgraphs.pricing.url")?;
    let (products, prices) = futures::try_join!(
        search.query::<Products>(caller, &PRODUCTS, representations(basket)),
        pricing.query::<Prices>(caller, &PRICES, price_variables(rates, basket)),
    )?;
    let prices = prices.checkout_quote;
    let mut errors = Vec::new();
    if let Some(currency) = basket.currency
        && currency != prices.currency
    {
        errors.push(InputError::new(
            UserErrorCode::CurrencyNotAvailable,
            format!(
                "Orders in {} are not possible at the moment: there is no exchange rate",
                currency.as_str()
            ),
            &["input", "currency"],
        ));
    }
    let products: HashMap<Uuid, Product> = products
        .entities
        .into_iter()
        .flatten()
        .filter_map(|product| Some((IdKind::Product.parse(&product.id)?, product)))
        .collect();
    if prices.prices.len() != basket.lines.len() {
        return Err(unusable());
    }
    let currency = prices.currency;
    let mut lines = Vec::with_capacity(basket.lines.len());
    for (line, price) in basket.lines.iter().zip(&prices.prices) {
        let index = line.index.to_string();
        let mut refuse = |code, message: &str| {
            let field = ["input", "items", &index, "productId"];
            errors.push(InputError::new(code, message, &field));
        };
        let Some(product) = products.get(&line.product) else {
            refuse(UserErrorCode::ProductNotFound, "There is no such product");
            continue;
        };
        let Some(price) = price.as_ref().filter(|_| product.active) else {
            refuse(
                UserErrorCode::ProductNotAvailable,
                "This product is no longer sold",
            );
            continue;
        };
        lines.push(QuotedLine {
            product: line.product,
            name: product.title.clone(),
            restriction: rates.restriction(&product.category),
            catalog_quantity: product.available_quantity,
            weight_grams: product.weight_grams,
            priced: PricedLine {
                quantity: line.quantity,
                unit: price.read(currency).ok_or_else(unusable)?,
            },
        });
    }
    let charges = prices.charges.iter().map(|charge| charge.read(currency));
    let rate = prices.exchange_rate;
    Ok(Quote {
        currency,
        detected_from: prices.detected_from,
        fallback: prices.fallback,
        rate: rate.effective_rate,
        rate_used: (currency != CurrencyCode::Usd).then_some(ExchangeRateUsed {
            rate: rate.effective_rate,
            freshness: rate.freshness,
            as_of: rate.as_of,
        }),
        lines,
        charges: charges.collect::<Option<_>>().ok_or_else(unusable)?,
        errors,
    })
}

/// A dependency that may not be configured: its key is logged, not shown to the client.
pub(crate) fn required<'a, T>(part: Option<&'a T>, key: &str) -> ApiResult<&'a T> {
    part.ok_or_else(|| {
        tracing::error!("orders cannot be placed or cancelled here: set {key}");
        ApiError::unavailable("Orders cannot be placed or cancelled at the moment")
    })
}

fn unusable() -> ApiError {
    tracing::error!("pricing returned an inconsistent answer");
    ApiError::unavailable("Prices are not available at the moment")
}

fn public(basket: &Basket) -> impl Iterator<Item = String> {
    let lines = basket.lines.iter();
    lines.map(|line| IdKind::Product.format(line.product))
}

fn representations(basket: &Basket) -> Variables {
    let representations = public(basket)
        .map(|id| value!({ "__typename": "Product", "id": id }))
        .collect();
    let mut variables = Variables::default();
    variables.insert(Name::new("representations"), Value::List(representations));
    variables
}

fn price_variables(rates: &CheckoutRates, basket: &Basket) -> Variables {
    let mut variables = Variables::default();
    let mut set = |name, value| variables.insert(Name::new(name), value);
    set(
        "products",
        Value::List(public(basket).map(Value::from).collect()),
    );
    let options = rates.shipping.options(basket.country.as_deref()).iter();
    let steps = options.flat_map(|option| &option.steps);
    let charges = steps.map(|step| Value::from(step.usd.to_string()));
    set("charges", Value::List(charges.collect()));
    if let Some(currency) = basket.currency {
        set("currency", Value::Enum(Name::new(currency.as_str())));
    }
    if let Some(country) = &basket.country {
        set("country", country.clone().into());
    }
    if let Some(country) = &basket.billing_country {
        set("billing", country.clone().into());
    }
    variables
}

#[derive(Deserialize)]
struct Products {
    #[serde(rename = "_entities")]
    entities: Vec<Option<Product>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Product {
    id: String,
    title: String,
    category: String,
    active: bool,
    available_quantity: i32,
    weight_grams: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prices {
    checkout_quote: CheckoutQuote,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckoutQuote {
    currency: CurrencyCode,
    detected_from: CurrencySource,
    fallback: Option<PriceFallbackReason>,
    exchange_rate: Rate,
    prices: Vec<Option<PriceAnswer>>,
    charges: Vec<PriceAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    effective_rate: Decimal,
    freshness: RateFreshness,
    as_of: DateTime,
}

#[derive(Deserialize)]
struct PriceAnswer {
    amount: Amount,
    usd: Amount,
}

#[derive(Deserialize)]
struct Amount {
    amount: Decimal,
}

impl PriceAnswer {
    fn read(&self, currency: CurrencyCode) -> Option<Price> {
        let money = |amount: &Amount, currency| {
            Money::from_decimal(amount.amount, currency, Rounding::Down)
        };
        Some(Price {
            local: money(&self.amount, currency)?,
            usd: money(&self.usd, CurrencyCode::Usd)?.minor,
        })
    }
}
