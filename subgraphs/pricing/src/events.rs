//! What this domain tells the others, through its outbox.

use chrono::{DateTime, Utc};
use entities::pricing::{exchange_rate, product_price};
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::event_type::EventType;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use sea_orm::DbErr;
use serde::Serialize;

pub(crate) const TOPIC: &str = "pricing.events";

/// Prices have changed.
pub(crate) const PRICE_CHANGED: &str = "price.changed";

/// The events this domain publishes.
pub const TYPES: &[EventType] = &[
    EventType::new::<PricesChanged>(TOPIC, PRICE_CHANGED),
    EventType::new::<RatesRefreshed>(TOPIC, RATES_REFRESHED),
    EventType::new::<RateAlert<'_>>(TOPIC, RATE_ALERT),
];

/// All prices are one aggregate: their sequence numbers say which change is the newer one. Each change of prices is counted.
pub(crate) const PRICES: &str = "prices";

/// Exchange rates are used that were fetched, released or set.
const RATES_REFRESHED: &str = "rates.refreshed";

/// All rates are one aggregate.
const RATES: &str = "rates";

/// A rate needs a person.
const RATE_ALERT: &str = "rate.alert";

/// Why a rate needs a person; events and metrics carry it in snake_case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(crate) enum AlertReason {
    /// It moved further than it may in one fetch, and is not used until it is released.
    Held,
    /// It was not fetched for so long that prices carry a buffer.
    VeryStale,
}

/// Exchange rates from US dollars that are used from now on: converted prices change with them. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RatesRefreshed {
    version: u32,
    rates: Vec<PublishedRate>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PublishedRate {
    /// The currency to convert to.
    currency: String,
    /// An exact decimal.
    rate: String,
    fetched_at: DateTime<Utc>,
}

/// An exchange rate needs a person. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RateAlert<'a> {
    version: u32,
    currency: &'a str,
    reason: &'static str,
    /// The last known rate: the one that is used.
    rate: &'a str,
    fetched_at: DateTime<Utc>,
    held: Option<Held>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Held {
    #[schemars(with = "String")]
    pub rate: Decimal,
    #[schemars(with = "Option<String>")]
    pub move_percent: Option<Decimal>,
}

/// Prices have changed. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PricesChanged {
    version: u32,
    prices: Vec<PublishedPrice>,
}

/// A product's price from now on, in exact US dollars.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PublishedPrice {
    product_id: String,
    /// Counts the changes of this product's price.
    sequence: i64,
    /// Adjustments included.
    #[schemars(with = "String")]
    current_usd: Decimal,
    #[schemars(with = "String")]
    base_usd: Decimal,
    #[schemars(with = "Option<String>")]
    compare_at_usd: Option<Decimal>,
}

impl PublishedPrice {
    pub(crate) fn new(row: &product_price::Model, current_usd_minor: i64) -> Self {
        let usd = |minor| Money::new(minor, CurrencyCode::Usd).decimal();
        Self {
            product_id: IdKind::Product.format(row.product_id),
            sequence: row.sequence,
            current_usd: usd(current_usd_minor),
            base_usd: usd(row.base_usd_minor),
            compare_at_usd: row.compare_at_usd_minor.map(usd),
        }
    }
}

/// Makes all others who change prices wait until the transaction ends. Whoever does takes this first, before any
/// scheduled change or price: also a product that has no price yet is locked then, and nobody waits for each other.
pub(crate) async fn lock_prices(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    outbox::lock(transaction, TOPIC, PRICES).await
}

/// Publishes new prices through the outbox.
pub(crate) async fn prices_changed(
    transaction: &DatabaseTransaction,
    prices: Vec<PublishedPrice>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if prices.is_empty() {
        return Ok(());
    }
    let event = NewEvent {
        topic: TOPIC,
        event_type: PRICE_CHANGED,
        aggregate_id: PRICES,
        data: PricesChanged { version: 1, prices },
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}

/// Publishes through the outbox that these rates are used.
pub(crate) async fn rates_refreshed(
    transaction: &DatabaseTransaction,
    rates: &[exchange_rate::Model],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if rates.is_empty() {
        return Ok(());
    }
    let rates = rates.iter().map(|row| PublishedRate {
        currency: row.currency.clone(),
        rate: row.rate.clone(),
        fetched_at: row.fetched_at,
    });
    let event = NewEvent {
        topic: TOPIC,
        event_type: RATES_REFRESHED,
        aggregate_id: RATES,
        data: RatesRefreshed {
            version: 1,
            rates: rates.collect(),
        },
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}

/// Alerts to a rate through the outbox, and counts it.
pub(crate) async fn alert(
    transaction: &DatabaseTransaction,
    rate: &exchange_rate::Model,
    reason: AlertReason,
    held: Option<Held>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let reason = reason.into_str();
    counter!("vantage_pricing_rate_alerts_total", "alert" => reason).increment(1);
    let event = NewEvent {
        topic: TOPIC,
        event_type: RATE_ALERT,
        aggregate_id: &rate.currency,
        data: RateAlert {
            version: 1,
            currency: &rate.currency,
            reason,
            rate: &rate.rate,
            fetched_at: rate.fetched_at,
            held,
        },
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}
