//! Asks a second source about rates that are held: those that it confirms are used without a person.

use entities::pricing::{exchange_rate, held_exchange_rate};
use metrics::counter;
use platform::providers::open_exchange_rates::{Latest, OpenExchangeRates};
use rust_decimal::Decimal;

use crate::State;
use crate::events;
use crate::rate_refresh::RefreshError;
use crate::rules::rate_jump;

/// Releases the held rates that the second source confirms, and returns their currencies.
pub(crate) async fn confirm_held(
    state: &State,
    second: &OpenExchangeRates,
) -> Result<Vec<String>, RefreshError> {
    let Latest::Rates(latest) = second.latest(None).await? else {
        return Ok(Vec::new());
    };
    let transaction = state.database.begin().await?;
    // In the order in which a fetch takes them.
    exchange_rate::lock_all(&transaction).await?;
    let held = held_exchange_rate::all(&transaction).await?;
    let is_confirmed = |row: &held_exchange_rate::Model| {
        let held: Option<Decimal> = row.rate.parse().ok();
        let other = latest.rates.get(&row.currency);
        held.zip(other).is_some_and(|(held, &other)| {
            !rate_jump::is_too_far(held, other, state.rates.agree_percent)
        })
    };
    let confirmed = held.into_iter().filter(is_confirmed);
    let released: Vec<_> = confirmed.map(held_exchange_rate::Model::released).collect();
    let currencies: Vec<String> = released.iter().map(|row| row.currency.clone()).collect();
    let codes = currencies.iter().map(String::as_str);
    held_exchange_rate::remove(&transaction, codes).await?;
    exchange_rate::put_rates(&transaction, released.clone()).await?;
    let now = state.clock.now();
    events::rates_refreshed(&transaction, &released, now).await?;
    transaction.commit().await?;
    state.rate_cache.put(&released, now).await;
    for row in released {
        counter!("vantage_pricing_rates_confirmed_total").increment(1);
        let (currency, rate) = (row.currency, row.rate);
        tracing::info!(
            currency,
            rate,
            "held exchange rate is used: a second source confirms it"
        );
    }
    Ok(currencies)
}
