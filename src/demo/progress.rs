//! Shows on a terminal how far the writing of a demo shop is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::Plan;

/// How often the display moves while rows are written.
const TICK: Duration = Duration::from_millis(200);

/// Every order is generated for the ledgers of stock, and for the databases of orders, returns, notifications, search
/// and tracking.
const PASSES: u64 = 6;

/// How far it is; clones show the same.
#[derive(Clone)]
pub(crate) struct Progress {
    /// Drawn on standard error, and only on a terminal.
    bar: ProgressBar,
    rows: Arc<AtomicU64>,
}

impl Progress {
    /// Shows nothing.
    pub(crate) fn hidden() -> Self {
        Self::on(ProgressBar::hidden())
    }

    /// Shows the share that is done, the time left and the rate, for a shop of this plan.
    pub(crate) fn shown(plan: &Plan) -> anyhow::Result<Self> {
        let style = ProgressStyle::with_template("{bar:40} {percent} %, {eta} left, {msg}")?;
        let bar = ProgressBar::new(u64::from(plan.orders) * PASSES).with_style(style);
        bar.enable_steady_tick(TICK);
        Ok(Self::on(bar))
    }

    fn on(bar: ProgressBar) -> Self {
        let rows = Arc::default();
        Self { bar, rows }
    }

    /// A part has gone through this many orders.
    pub(super) fn add_orders(&self, orders: usize) {
        self.bar.inc(count(orders));
    }

    /// This many rows are committed.
    pub(super) fn add_rows(&self, rows: usize) {
        let rows = self.rows.fetch_add(count(rows), Ordering::Relaxed) + count(rows);
        let millis = u64::try_from(self.bar.elapsed().as_millis()).unwrap_or(u64::MAX);
        let rate = rows.saturating_mul(1_000) / millis.max(1);
        self.bar.set_message(format!(
            "{} rows, {} each second",
            HumanCount(rows),
            HumanCount(rate)
        ));
    }

    /// Ends the display; returns the number of rows and the time it took.
    pub(crate) fn finish(self) -> (u64, Duration) {
        let elapsed = self.bar.elapsed();
        self.bar.finish_and_clear();
        (self.rows.load(Ordering::Relaxed), elapsed)
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_parts_are_counted_together() {
        let progress = Progress::hidden();
        let other = progress.clone();
        progress.add_rows(3);
        other.add_rows(4);
        other.add_orders(1);
        assert_eq!(progress.finish().0, 7);
    }
}
