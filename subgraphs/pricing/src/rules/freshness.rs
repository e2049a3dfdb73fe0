//! How far a rate can be trusted by its age, and what an old one costs us.

use std::sync::atomic::{AtomicU8, Ordering};

use chrono::{DateTime, Duration, Utc};
use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;

use crate::exchange_rate::RateFreshness;

/// From this age on a rate is stale.
const STALE_FROM: Duration = Duration::minutes(15);
/// Past this age it is very stale.
const VERY_STALE_PAST: Duration = Duration::minutes(60);

/// The freshness of a rate that was fetched this long ago. An age below zero, after a clock was
/// set back, is fresh.
pub(crate) fn of_age(age: Duration) -> RateFreshness {
    if age < STALE_FROM {
        RateFreshness::Fresh
    } else if age <= VERY_STALE_PAST {
        RateFreshness::Stale
    } else {
        RateFreshness::VeryStale
    }
}

/// Percent by which prices are lowered, so that an old rate never costs the customer.
pub(crate) fn buffer_percent(freshness: RateFreshness) -> Decimal {
    match freshness {
        RateFreshness::Fresh | RateFreshness::Stale => Decimal::ZERO,
        RateFreshness::VeryStale => Decimal::ONE,
    }
}

/// The rate less the buffer, exactly.
pub(crate) fn buffered(rate: Decimal, percent: Decimal) -> Decimal {
    if percent.is_zero() {
        return rate;
    }
    rate * (Decimal::ONE - percent / Decimal::ONE_HUNDRED)
}

/// Remembers how fresh each rate was when last used, so that the log tells of a change once and
/// not with every request.
#[derive(Debug, Default)]
pub(crate) struct Watch([AtomicU8; CurrencyCode::ALL.len()]);

impl Watch {
    /// Logs when the rate has become stale, very stale or fresh again.
    pub(crate) fn see(
        &self,
        currency: CurrencyCode,
        freshness: RateFreshness,
        fetched_at: DateTime<Utc>,
    ) {
        if !self.changes(currency, freshness) {
            return;
        }
        let currency = currency.as_str();
        match freshness {
            RateFreshness::Fresh => tracing::info!(currency, "the exchange rate is fresh again"),
            RateFreshness::Stale => {
                tracing::warn!(currency, %fetched_at, "the exchange rate is stale");
            }
            RateFreshness::VeryStale => tracing::error!(
                currency,
                %fetched_at,
                "the exchange rate is very stale: prices carry a buffer of 1 %"
            ),
        }
    }

    /// Whether this is news. A rate counts as fresh until it is seen otherwise.
    fn changes(&self, currency: CurrencyCode, freshness: RateFreshness) -> bool {
        let now = match freshness {
            RateFreshness::Fresh => 0,
            RateFreshness::Stale => 1,
            RateFreshness::VeryStale => 2,
        };
        self.0[currency as usize].swap(now, Ordering::Relaxed) != now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RateFreshness::{Fresh, Stale, VeryStale};

    #[test]
    fn freshness_changes_at_fifteen_minutes_and_past_sixty() {
        let tick = Duration::microseconds(1);
        let cases = [
            (Duration::minutes(-5), Fresh, "0"),
            (Duration::zero(), Fresh, "0"),
            (Duration::minutes(15) - tick, Fresh, "0"),
            (Duration::minutes(15), Stale, "0"),
            (Duration::minutes(60), Stale, "0"),
            (Duration::minutes(60) + tick, VeryStale, "1"),
            (Duration::days(30), VeryStale, "1"),
        ];
        for (age, freshness, buffer) in cases {
            assert_eq!(of_age(age), freshness, "{age}");
            assert_eq!(buffer_percent(freshness).to_string(), buffer);
        }
    }

    #[test]
    fn the_buffer_lowers_the_rate_exactly() {
        let rate: Decimal = "0.920512".parse().unwrap();
        let buffered = buffered(rate, Decimal::ONE);
        assert_eq!(buffered.normalize().to_string(), "0.91130688");
    }

    #[test]
    fn the_log_tells_of_a_change_once() {
        let watch = Watch::default();
        let news: Vec<_> = [Fresh, Stale, Stale, VeryStale, VeryStale, Fresh]
            .into_iter()
            .map(|freshness| watch.changes(CurrencyCode::Eur, freshness))
            .collect();
        assert_eq!(news, [false, true, false, true, false, true]);
        assert!(
            watch.changes(CurrencyCode::Gbp, Stale),
            "each currency has its own"
        );
    }
}
