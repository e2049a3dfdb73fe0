//! Fakes of the search and pricing domains: products by number, and their prices.

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Enum, ID, Object, Schema, SimpleObject};
use resolvers::client::SubgraphClient;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use resolvers::scalars::DateTime;
use resolvers::subgraph::Subgraph;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::fixture::now;

/// Products for sale, with their price in US cents and their category.
const PRODUCTS: [(u128, i64, &str, &str); 7] = [
    (1, 3_000, "Notebook", "Stationery"),
    (2, 14_999, "4K Monitor Pro 32 inch", "Monitors"),
    (3, 2_500, "Gift Card Classic", "Gift Cards"),
    (4, 1_250, "Engraved Pen", "Engraved Jewelry"),
    (5, 10, "Sticker", "Stationery"),
    (DEAR, 1_200_000, "Film Camera", "Cameras"),
    (LAST_UNIT, 4_200, "Lamp", "Lamps"),
];
/// What the catalog shows of every product but the last one.
pub(crate) const IN_STOCK: i32 = 1_000;
/// The only product of which there is one unit.
pub(crate) const LAST_UNIT: u128 = 7;
/// Too expensive to pay for in quantity.
pub(crate) const DEAR: u128 = 6;
/// One that is no longer sold, and one without a price.
pub(crate) const GONE: u128 = 8;
pub(crate) const UNPRICED: u128 = 9;

/// The public id of a product.
pub(crate) fn product(number: u128) -> String {
    IdKind::Product.format(Uuid::from_u128(number))
}

fn number(id: &ID) -> Option<u128> {
    IdKind::Product.parse(id).map(|id| id.as_u128())
}

/// A client for a subgraph with this root.
fn client<Q: async_graphql::ObjectType + 'static>(name: &'static str, query: Q) -> SubgraphClient {
    let schema = Schema::build(query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish();
    SubgraphClient::local(Subgraph::new(name, schema, |_| ()))
}

pub(crate) fn search() -> SubgraphClient {
    client("search", Search)
}

struct Search;

#[derive(SimpleObject)]
struct Product {
    id: ID,
    title: String,
    category: String,
    active: bool,
    available_quantity: i32,
    weight_grams: Option<i32>,
}

#[Object]
impl Search {
    async fn nothing(&self) -> bool {
        true
    }

    #[graphql(entity)]
    async fn product(&self, id: ID) -> Option<Product> {
        let number = number(&id)?;
        let known = PRODUCTS.iter().find(|known| known.0 == number);
        let (title, category) = match known {
            Some((_, _, title, category)) => (*title, *category),
            // Additional products, for orders with many lines.
            None if number >= 100 || [GONE, UNPRICED].contains(&number) => ("Thing", "Things"),
            None => return None,
        };
        Some(Product {
            id,
            title: title.to_owned(),
            category: category.to_owned(),
            active: number != GONE,
            available_quantity: if number == LAST_UNIT { 1 } else { IN_STOCK },
            weight_grams: None,
        })
    }
}

pub(crate) fn pricing() -> SubgraphClient {
    client("pricing", Pricing)
}

struct Pricing;

#[derive(SimpleObject)]
struct CheckoutQuote {
    currency: CurrencyCode,
    detected_from: CurrencySource,
    fallback: Option<PriceFallbackReason>,
    exchange_rate: Rate,
    prices: Vec<Option<Price>>,
    charges: Vec<Price>,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum PriceFallbackReason {
    NoRate,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum CurrencySource {
    Explicit,
    ShippingAddress,
    Default,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum RateFreshness {
    Fresh,
}

#[derive(SimpleObject)]
struct Rate {
    effective_rate: Decimal,
    freshness: RateFreshness,
    as_of: DateTime,
}

#[derive(SimpleObject)]
struct Price {
    amount: Arc<Money>,
    usd: Arc<Money>,
}

/// There is no rate for pounds.
fn rate(currency: CurrencyCode) -> Option<Decimal> {
    match currency {
        CurrencyCode::Usd => Some(Decimal::ONE),
        CurrencyCode::Eur => Some(Decimal::new(9_205, 4)),
        CurrencyCode::Jpy => Some(Decimal::from(150)),
        _ => None,
    }
}

#[Object]
impl Pricing {
    async fn checkout_quote(
        &self,
        products: Vec<ID>,
        charges: Vec<Decimal>,
        currency: Option<CurrencyCode>,
        shipping_country: Option<String>,
        billing_country: Option<String>,
    ) -> CheckoutQuote {
        let country = shipping_country.or(billing_country);
        let requested = currency;
        let wanted = currency.unwrap_or(match country.as_deref() {
            Some("DE") => CurrencyCode::Eur,
            Some("JP") => CurrencyCode::Jpy,
            Some("GB") => CurrencyCode::Gbp,
            _ => CurrencyCode::Usd,
        });
        let (currency, rate) = match rate(wanted) {
            Some(rate) => (wanted, rate),
            None => (CurrencyCode::Usd, Decimal::ONE),
        };
        let price = |usd: Decimal| Price {
            amount: Arc::new(Money::from_decimal(usd * rate, currency, Rounding::Down).unwrap()),
            usd: Arc::new(Money::from_decimal(usd, CurrencyCode::Usd, Rounding::Down).unwrap()),
        };
        let cents = |id: &ID| match number(id)? {
            number if number >= 100 => Some(1_000),
            number => PRODUCTS
                .iter()
                .find(|known| known.0 == number)
                .map(|known| known.1),
        };
        CheckoutQuote {
            currency,
            detected_from: match (requested, country) {
                (Some(_), _) => CurrencySource::Explicit,
                (None, Some(_)) => CurrencySource::ShippingAddress,
                (None, None) => CurrencySource::Default,
            },
            fallback: (currency != wanted).then_some(PriceFallbackReason::NoRate),
            exchange_rate: Rate {
                effective_rate: rate,
                freshness: RateFreshness::Fresh,
                as_of: now().into(),
            },
            prices: products
                .iter()
                .map(|id| cents(id).map(|cents| price(Decimal::new(cents, 2))))
                .collect(),
            charges: charges.into_iter().map(price).collect(),
        }
    }
}
