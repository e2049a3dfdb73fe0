//! How popular products were in the last seven days, in memory of each process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use entities::search::signal::{self, SignalKind};
use platform::clock::Clock;
use platform::database::Database;
use sea_orm::DbErr;
use uuid::Uuid;

/// Only signals of the last seven days count.
const WINDOW: TimeDelta = TimeDelta::days(7);
const INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The products that are stored, the most popular ones. All others count as not popular.
const PRODUCTS: u64 = 50_000;
/// What a view and a purchase count, as for preferences.
const VIEW: f64 = 1.0;
const PURCHASE: f64 = 5.0;

/// What was viewed and bought lately. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Popularity(Arc<ArcSwap<PopularityCounts>>);

/// The views and purchases of each product, weighted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PopularityCounts {
    counts: HashMap<Uuid, f64>,
    most: f64,
}

impl PopularityCounts {
    pub fn new(counts: HashMap<Uuid, f64>) -> Self {
        let most = counts.values().copied().fold(0.0, f64::max);
        Self { counts, most }
    }

    /// From 0 to 1; see [`super::popularity`].
    pub fn of(&self, product: Uuid) -> f64 {
        let count = self.counts.get(&product).copied().unwrap_or(0.0);
        super::popularity(count, self.most)
    }
}

impl Popularity {
    pub fn load(&self) -> Arc<PopularityCounts> {
        self.0.load_full()
    }

    /// Reads what is in the database now.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn refresh(&self, database: &Database, now: DateTime<Utc>) -> Result<(), DbErr> {
        let kinds = [SignalKind::View, SignalKind::Purchase];
        let rows =
            signal::counts_by_product(database.read(), &kinds, now - WINDOW, PRODUCTS).await?;
        let mut counts = HashMap::new();
        for (product, kind, count) in rows {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let count = count as f64;
            let weight = match kind {
                SignalKind::Purchase => PURCHASE,
                _ => VIEW,
            };
            *counts.entry(product).or_default() += weight * count;
        }
        self.0.store(Arc::new(PopularityCounts::new(counts)));
        Ok(())
    }

    /// Reads it again and again.
    pub async fn follow(self, database: Database, clock: Clock) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.refresh_or_warn(&database, &clock).await;
        }
    }

    /// Like [`Self::refresh`]; what was read before stays if it fails.
    pub async fn refresh_or_warn(&self, database: &Database, clock: &Clock) {
        if let Err(error) = self.refresh(database, clock.now()).await {
            tracing::warn!(%error, "popularity not read, results are ranked by what was popular before");
        }
    }
}
