//! Quotes products by asking the search domain what they are and the pricing domain what they cost.

use std::collections::HashMap;

use async_graphql::{Enum, Name, Value, Variables, value};
use platform::caller::Caller;
use resolvers::client::{Document, SubgraphClient};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::checkout_rates::CheckoutRates;
use crate::input::ParsedInput;
use crate::rules::checkout::Restriction;
use crate::rules::totals::{Price, PricedLine};

static PRODUCTS: Document = Document::new(
    "query($representations: [_Any!]!) {
  _entities(representations: $representations) { ... on Product { id title category active availableQuantity } }
}",
);

static PRICES: Document = Document::new("query($products: [ID!]!, $charges: [Decimal!]!, $currency: CurrencyCode, $country: String, $billing: String) {
  checkoutQuote(products: $products, charges: $charges, currency: $currency, shippingCountry: $country, billingCountry: $billing) {
    currency fallback exchangeRate { effectiveRate }
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
    /// Why the currency is US dollars instead of the customer's.
    pub fallback: Option<PriceFallbackReason>,
    /// Units of the currency per US dollar.
    pub rate: Decimal,
    /// In the order of the input.
    pub lines: Vec<QuotedLine>,
    /// The price of shipping unless it is free.
    pub shipping: Price,
}

#[derive(Clone, Debug)]
pub(crate) struct QuotedLine {
    pub product: Uuid,
    pub name: String,
    pub restriction: Option<Restriction>,
    /// What the catalog shows; the ledger of stock begins with it.
    pub catalog_quantity: i32,
    pub priced: PricedLine,
}

/// Asks search and pricing, or returns the input's errors.
pub(crate) async fn fetch(
    search: &SubgraphClient,
    pricing: &SubgraphClient,
    rates: &CheckoutRates,
    caller: &Caller,
    parsed: &ParsedInput,
) -> ApiResult<Result<Quote, Vec<InputError>>> {
    let (products, prices) = futures::try_join!(
        search.query::<Products>(caller, &PRODUCTS, representations(parsed)),
        pricing.query::<Prices>(caller, &PRICES, price_variables(rates, parsed)),
    )?;
    let prices = prices.checkout_quote;
    if let Some(currency) = parsed.currency
        && currency != prices.currency
    {
        return Ok(Err(vec![InputError::new(
            UserErrorCode::CurrencyNotAvailable,
            format!(
                "Orders in {} are not possible at the moment: there is no exchange rate",
                currency.as_str()
            ),
            &["input", "currency"],
        )]));
    }
    let products: HashMap<Uuid, Product> = products
        .entities
        .into_iter()
        .flatten()
        .filter_map(|product| Some((IdKind::Product.parse(&product.id)?, product)))
        .collect();
    if prices.prices.len() != parsed.lines.len() || prices.charges.len() != 1 {
        return Err(unusable());
    }
    let currency = prices.currency;
    let mut errors = Vec::new();
    let mut lines = Vec::with_capacity(parsed.lines.len());
    for (line, price) in parsed.lines.iter().zip(&prices.prices) {
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
            priced: PricedLine {
                quantity: line.quantity,
                unit: price.read(currency).ok_or_else(unusable)?,
            },
        });
    }
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    Ok(Ok(Quote {
        currency,
        fallback: prices.fallback,
        rate: prices.exchange_rate.effective_rate,
        lines,
        shipping: prices.charges[0].read(currency).ok_or_else(unusable)?,
    }))
}

fn unusable() -> ApiError {
    tracing::error!("pricing returned an inconsistent answer");
    ApiError::unavailable("Prices are not available at the moment")
}

fn public(parsed: &ParsedInput) -> impl Iterator<Item = String> {
    let lines = parsed.lines.iter();
    lines.map(|line| IdKind::Product.format(line.product))
}

fn representations(parsed: &ParsedInput) -> Variables {
    let representations = public(parsed)
        .map(|id| value!({ "__typename": "Product", "id": id }))
        .collect();
    let mut variables = Variables::default();
    variables.insert(Name::new("representations"), Value::List(representations));
    variables
}

fn price_variables(rates: &CheckoutRates, parsed: &ParsedInput) -> Variables {
    let mut variables = Variables::default();
    let mut set = |name, value| variables.insert(Name::new(name), value);
    set(
        "products",
        Value::List(public(parsed).map(Value::from).collect()),
    );
    let shipping = rates.standard_shipping.to_string();
    set("charges", Value::List(vec![shipping.into()]));
    if let Some(currency) = parsed.currency {
        set("currency", Value::Enum(Name::new(currency.as_str())));
    }
    set(
        "country",
        parsed.shipping_address.country_code.clone().into(),
    );
    if let Some(billing) = &parsed.billing_address {
        set("billing", billing.country_code.clone().into());
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
    fallback: Option<PriceFallbackReason>,
    exchange_rate: Rate,
    prices: Vec<Option<PriceAnswer>>,
    charges: Vec<PriceAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    effective_rate: Decimal,
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
