//! How long an operation takes while little else runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A moving average in nanoseconds; 0 until it is known.
#[derive(Debug, Default)]
pub(crate) struct UsualDuration(AtomicU64);

/// One part in so many of the average is the last execution's.
const PARTS: u64 = 16;

impl UsualDuration {
    /// The average so far.
    pub(crate) fn get(&self) -> Option<Duration> {
        let average = self.0.load(Ordering::Relaxed);
        (average > 0).then(|| Duration::from_nanos(average))
    }

    /// Adds an execution that others have not slowed down.
    pub(crate) fn add(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let average = match self.0.load(Ordering::Relaxed) {
            0 => took,
            before => before - before / PARTS + took / PARTS,
        };
        // Executions that end at the same moment may overwrite each other's part.
        self.0.store(average.max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn it_follows_executions_slowly() {
        let usual = UsualDuration::default();
        assert_eq!(usual.get(), None);
        usual.add(MS(80));
        assert_eq!(usual.get(), Some(MS(80)));
        usual.add(MS(160));
        assert_eq!(usual.get(), Some(MS(85)));
        for _ in 0..200 {
            usual.add(MS(20));
        }
        let settled = usual.get().expect("known");
        assert!(settled.abs_diff(MS(20)) < MS(1), "{settled:?}");
    }
}
