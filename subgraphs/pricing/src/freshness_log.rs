//! Logs when an exchange rate becomes stale, very stale or fresh again.

use std::sync::atomic::{AtomicU8, Ordering};

use chrono::{DateTime, Utc};
use resolvers::money::CurrencyCode;

use crate::rules::freshness::RateFreshness;

/// Remembers how fresh each rate was when last used, so that a change is logged once rather than with every request.
#[derive(Debug, Default)]
pub(crate) struct FreshnessLog([AtomicU8; CurrencyCode::ALL.len()]);

impl FreshnessLog {
    /// Logs when the rate has become stale, very stale or fresh again.
    pub(crate) fn observe(
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
            RateFreshness::Fresh => tracing::info!(currency, "exchange rate is fresh again"),
            RateFreshness::Stale => {
                tracing::warn!(currency, %fetched_at, "exchange rate is stale");
            }
            RateFreshness::VeryStale => tracing::error!(
                currency,
                %fetched_at,
                "exchange rate is very stale, prices carry a buffer of 1 %"
            ),
        }
    }

    /// Whether this is a change. Rates start out as fresh.
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
    fn a_change_is_logged_once() {
        let log = FreshnessLog::default();
        let changed: Vec<_> = [Fresh, Stale, Stale, VeryStale, VeryStale, Fresh]
            .into_iter()
            .map(|freshness| log.changes(CurrencyCode::Eur, freshness))
            .collect();
        assert_eq!(changed, [false, true, false, true, false, true]);
        assert!(
            log.changes(CurrencyCode::Gbp, Stale),
            "each currency has its own"
        );
    }
}
