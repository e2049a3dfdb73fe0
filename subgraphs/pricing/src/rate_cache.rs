//! The last known rates, cached under `currency:rate:{pair}` in this process or in Redis.
//!
//! The database is asked again once a second at most, so that every instance soon uses what another has fetched or
//! a person has set. When the database does not answer, the cached rate is used for what its age makes it worth.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entities::pricing::exchange_rate;
use futures::future::join_all;
use platform::cache::{Cache, CacheBounds, InProcessCache};
use resolvers::money::CurrencyCode;
use serde::{Deserialize, Serialize};

/// Rates that may be forgotten. Clones share them.
#[derive(Clone, Debug)]
pub struct RateCache(Arc<dyn Cache>);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    /// An exact decimal.
    rate: String,
    source: String,
    as_of: DateTime<Utc>,
    fetched_at: DateTime<Utc>,
    /// When this was last the rate in the database.
    checked_at: DateTime<Utc>,
}

/// A rate that was found.
#[derive(Debug)]
pub(crate) struct CachedRate {
    pub row: exchange_rate::Model,
    /// Whether the database need not be asked.
    pub is_current: bool,
}

impl RateCache {
    /// What the cache has to have room for: seven rates, for fifteen minutes.
    pub const BOUNDS: CacheBounds = CacheBounds {
        max_entries: 16,
        max_bytes: 64 << 10,
        ttl: Duration::from_secs(15 * 60),
    };

    /// How long a cached rate is used before the database is asked again.
    pub const RECHECK: Duration = Duration::from_secs(1);

    pub fn new(cache: Arc<dyn Cache>) -> Self {
        Self(cache)
    }

    pub(crate) async fn get(&self, to: CurrencyCode, now: DateTime<Utc>) -> Option<CachedRate> {
        let value = self.0.get(&key(to.as_str())).await?;
        let entry: Entry = serde_json::from_slice(&value).ok()?;
        Some(CachedRate {
            // Also when a clock was set back.
            is_current: (now - entry.checked_at)
                .abs()
                .to_std()
                .is_ok_and(|age| age < Self::RECHECK),
            row: exchange_rate::Model {
                currency: to.as_str().to_owned(),
                rate: entry.rate,
                source: entry.source,
                as_of: entry.as_of,
                fetched_at: entry.fetched_at,
            },
        })
    }

    /// Keeps what the database has at this moment.
    pub(crate) async fn put(&self, rows: &[exchange_rate::Model], now: DateTime<Utc>) {
        let puts = rows.iter().filter_map(|row| {
            let entry = Entry {
                rate: row.rate.clone(),
                source: row.source.clone(),
                as_of: row.as_of,
                fetched_at: row.fetched_at,
                checked_at: now,
            };
            let value = Bytes::from(serde_json::to_vec(&entry).ok()?);
            Some(async move { self.0.put(&key(&row.currency), value).await })
        });
        join_all(puts).await;
    }
}

impl Default for RateCache {
    /// In this process.
    fn default() -> Self {
        Self::new(Arc::new(InProcessCache::new(Self::BOUNDS)))
    }
}

/// `currency:rate:USD_EUR`.
fn key(to: &str) -> String {
    format!("currency:rate:{}", pair(to))
}

/// From US dollars to this currency, as caches and metrics name it.
pub(crate) fn pair(to: &str) -> String {
    format!("USD_{to}")
}
