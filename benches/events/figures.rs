//! Latencies and their percentiles.

use std::fmt;
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// The latency that this percentage does not exceed; zero if nothing was measured.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100);
        let index = rank.saturating_sub(1);
        self.0.get(index).copied().unwrap_or_default()
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |percent| self.percentile(percent).as_secs_f64() * 1_000.0;
        let (p50, p99, most) = (ms(50), ms(99), ms(100));
        let count = self.0.len();
        write!(
            f,
            "p50 {p50:.1} ms, p99 {p99:.1} ms, at most {most:.1} ms ({count})"
        )
    }
}
