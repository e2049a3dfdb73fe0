//! Latencies in bounded memory.

use std::sync::LazyLock;
use std::time::Duration;

use sketches_ddsketch::{Config, DDSketch};

/// How far a quantile may be from the exact one, relative to it.
const RELATIVE_ERROR: f64 = 0.005;
/// 16 KB at most. At this error they span a factor of a hundred million.
const MAX_BINS: u32 = 2_048;
/// In milliseconds; everything below counts as zero.
const SMALLEST: f64 = 0.000_1;

static CONFIG: LazyLock<Config> = LazyLock::new(|| Config::new(RELATIVE_ERROR, MAX_BINS, SMALLEST));

/// A distribution of latencies. All values are in milliseconds, and `None` while it is empty.
#[derive(Clone)]
pub(super) struct Latencies(DDSketch);

impl Default for Latencies {
    fn default() -> Self {
        Self(DDSketch::new(*CONFIG))
    }
}

impl Latencies {
    pub(super) fn add(&mut self, latency: Duration) {
        self.0.add(latency.as_secs_f64() * 1e3);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        // It only fails for different configurations.
        let _ = self.0.merge(&other.0);
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.0.count() as u64
    }

    /// The lowest value that at least this share of all values, from 0 to 1, does not exceed.
    pub(super) fn quantile(&self, quantile: f64) -> Option<f64> {
        let count = self.0.count() as f64;
        // Counted from 1. Products such as 0.07 × 100 are slightly more than they should be.
        let rank = (quantile * count - 1e-9).ceil().max(1.0);
        if rank >= count {
            return self.0.max();
        }
        // The sketch rounds the rank down, and would leave out the slowest of few.
        let value = self.0.quantile((rank - 0.5) / (count - 1.0)).ok()??;
        // An estimate is not beyond what was measured.
        Some(value.max(self.0.min()?).min(self.0.max()?))
    }

    pub(super) fn mean(&self) -> Option<f64> {
        Some(self.0.sum()? / self.0.count() as f64)
    }

    pub(super) fn max(&self) -> Option<f64> {
        self.0.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_the_exact_ones_and_merge() {
        let (mut odd, mut even) = (Latencies::default(), Latencies::default());
        assert_eq!(
            (odd.quantile(0.5), odd.mean(), odd.max()),
            (None, None, None)
        );
        for millis in 1..=1_000 {
            let half = if millis % 2 == 0 { &mut even } else { &mut odd };
            half.add(Duration::from_millis(millis));
        }
        odd.merge(&even);
        assert_eq!((odd.count(), odd.max()), (1_000, Some(1_000.0)));
        assert!((odd.mean().unwrap() - 500.5).abs() < 1e-6);
        for (quantile, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let value = odd.quantile(quantile).unwrap();
            assert!((value - exact).abs() <= exact * 0.01, "{quantile}: {value}");
        }
    }

    #[test]
    fn a_quantile_is_not_exceeded_by_more_than_the_rest() {
        for (count, quantile, rank) in [
            (10_u64, 0.95, 10_u32),
            (20, 0.95, 19),
            (37, 0.99, 37),
            (100, 0.07, 7),
            (100, 0.99, 99),
            (101, 0.99, 100),
            (2, 0.5, 1),
            (3, 0.5, 2),
        ] {
            let mut latencies = Latencies::default();
            for millis in 1..=count {
                latencies.add(Duration::from_millis(millis));
            }
            let value = latencies.quantile(quantile).unwrap();
            let exact = f64::from(rank);
            assert!(
                (value - exact).abs() <= exact * 0.006,
                "{quantile} of {count}: {value}"
            );
        }
    }

    #[test]
    fn a_single_latency_is_every_quantile() {
        let mut one = Latencies::default();
        one.add(Duration::from_micros(1_234));
        for quantile in [0.0, 0.5, 0.95, 1.0] {
            assert_eq!(one.quantile(quantile), one.max());
        }
    }
}
