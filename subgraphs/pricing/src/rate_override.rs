//! What people do about rates: see them, release one that is held, and set one by hand.

use chrono::{DateTime, Utc};
use entities::pricing::{exchange_rate, held_exchange_rate, rate_fetch};
use platform::providers::open_exchange_rates;
use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;
use sea_orm::DbErr;

use crate::State;
use crate::events;
use crate::rules::freshness::RateFreshness;
use crate::rules::rate_jump;

/// Who gave a rate that was set by hand.
const MANUAL: &str = "manual";

/// A rate as it is known now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRate {
    pub currency: CurrencyCode,
    /// `None`: no rate was ever fetched, and prices stay in US dollars.
    pub rate: Option<exchange_rate::Model>,
    pub freshness: Option<RateFreshness>,
    /// What was fetched and moved too far.
    pub held: Option<HeldRate>,
}

/// A rate that waits to be released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRate {
    /// Units of the currency for one US dollar, an exact decimal.
    pub rate: String,
    /// Against the rate in use.
    pub move_percent: Option<Decimal>,
    pub since: DateTime<Utc>,
}

/// The rate of every currency but the base.
pub async fn list(state: &State) -> Result<Vec<KnownRate>, DbErr> {
    let db = state.database.read();
    let now = state.clock.now();
    let mut rates = exchange_rate::all(db).await?;
    let mut held = held_exchange_rate::all(db).await?;
    let currencies = CurrencyCode::ALL.into_iter();
    let known = currencies
        .filter(|currency| *currency != CurrencyCode::Usd)
        .map(|currency| {
            let rate = rates.extract_if(.., |row| row.currency == currency.as_str());
            let rate = rate.last();
            let held = held.extract_if(.., |row| row.currency == currency.as_str());
            let last: Option<Decimal> = rate.as_ref().and_then(|row| row.rate.parse().ok());
            KnownRate {
                currency,
                freshness: (rate.as_ref()).map(|row| state.rates.freshness(now - row.fetched_at)),
                held: held.last().map(|row| HeldRate {
                    move_percent: last
                        .zip(row.rate.parse().ok())
                        .and_then(|(last, held)| rate_jump::percent(last, held)),
                    rate: row.rate,
                    since: row.held_since,
                }),
                rate,
            }
        });
    Ok(known.collect())
}

/// Uses the held rate of this currency from now on. `None` when none is held.
pub async fn release(
    state: &State,
    currency: CurrencyCode,
) -> Result<Option<exchange_rate::Model>, DbErr> {
    let transaction = state.database.begin().await?;
    // In the order in which a fetch takes them.
    exchange_rate::lock_all(&transaction).await?;
    let held = held_exchange_rate::all(&transaction).await?;
    let Some(row) = held
        .into_iter()
        .find(|row| row.currency == currency.as_str())
    else {
        transaction.rollback().await;
        return Ok(None);
    };
    let row = row.released();
    held_exchange_rate::remove(&transaction, [currency.as_str()]).await?;
    exchange_rate::put_rates(&transaction, vec![row.clone()]).await?;
    let now = state.clock.now();
    events::rates_refreshed(&transaction, std::slice::from_ref(&row), now).await?;
    transaction.commit().await?;
    state.rate_cache.put(std::slice::from_ref(&row), now).await;
    Ok(Some(row))
}

/// Uses this rate, which is positive, until the next fetch brings another. A rate that is held is forgotten.
pub async fn set(
    state: &State,
    currency: CurrencyCode,
    rate: Decimal,
) -> Result<exchange_rate::Model, DbErr> {
    let now = state.clock.now();
    let row = exchange_rate::Model {
        currency: currency.as_str().to_owned(),
        rate: rate.to_string(),
        source: MANUAL.to_owned(),
        as_of: now,
        fetched_at: now,
    };
    let transaction = state.database.begin().await?;
    exchange_rate::lock_all(&transaction).await?;
    exchange_rate::put_rates(&transaction, vec![row.clone()]).await?;
    events::rates_refreshed(&transaction, std::slice::from_ref(&row), now).await?;
    held_exchange_rate::remove(&transaction, [currency.as_str()]).await?;
    // "Unchanged" would be no answer: what it stands for is not here anymore.
    rate_fetch::forget(&transaction, open_exchange_rates::SOURCE).await?;
    transaction.commit().await?;
    state.rate_cache.put(std::slice::from_ref(&row), now).await;
    Ok(row)
}
