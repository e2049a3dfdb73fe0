//! How long an operation takes while little else runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The mean of the first executions, then a moving average.
#[derive(Debug, Default)]
pub(crate) struct UsualDuration {
    nanoseconds: AtomicU64,
    /// At most [`PARTS`].
    executions: AtomicU64,
}

/// One part in so many of the moving average is the last execution's.
const PARTS: u64 = 64;

impl UsualDuration {
    /// `None` before the first execution.
    pub(crate) fn get(&self) -> Option<Duration> {
        let is_known = self.executions.load(Ordering::Relaxed) > 0;
        is_known.then(|| Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)))
    }

    /// Adds an execution that others have not slowed down. Of those that end at the same moment, one may be lost.
    pub(crate) fn add(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let before = self.nanoseconds.load(Ordering::Relaxed);
        let executions = self.executions.load(Ordering::Relaxed).saturating_add(1);
        let parts = executions.min(PARTS);
        let average = before - before / parts + took / parts;
        self.nanoseconds.store(average, Ordering::Relaxed);
        self.executions.store(parts, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn it_is_a_mean_that_follows_executions_slowly() {
        let usual = UsualDuration::default();
        assert_eq!(usual.get(), None);
        usual.add(MS(80));
        assert_eq!(usual.get(), Some(MS(80)));
        usual.add(MS(160));
        assert_eq!(usual.get(), Some(MS(120)));
        for _ in 0..200 {
            usual.add(MS(20));
        }
        let settled = usual.get().expect("known");
        assert!(settled.abs_diff(MS(20)) < MS(1), "{settled:?}");
    }
}
