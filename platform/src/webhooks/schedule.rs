//! When a webhook is sent again after a failure.

use std::time::Duration;

use rand::RngExt;

/// Waits between attempts, in Standard Webhooks' way: each is given explicitly, and jitter spreads the attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

impl RetrySchedule {
    pub const fn new(waits: Vec<Duration>) -> Self {
        Self(waits)
    }

    /// The wait after this many failures, from 1: at least the scheduled one, and up to a fifth longer. `None`: give up.
    pub fn wait_after(&self, failures: u32) -> Option<Duration> {
        let index = usize::try_from(failures.checked_sub(1)?).ok()?;
        let wait = self.0.get(index)?;
        Some(wait.mul_f64(rand::rng().random_range(1.0..=1.2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wait_is_used_once_with_jitter() {
        let seconds = [5, 300, 1_800];
        let schedule = RetrySchedule::new(seconds.map(Duration::from_secs).to_vec());
        for (failures, seconds) in (1..).zip(seconds) {
            let least = Duration::from_secs(seconds);
            let wait = schedule.wait_after(failures).unwrap();
            assert!(wait >= least && wait <= least.mul_f64(1.2), "{wait:?}");
        }
        assert_eq!(schedule.wait_after(0), None);
        assert_eq!(schedule.wait_after(4), None);
    }
}
