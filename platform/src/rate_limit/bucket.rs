//! The rule of one bucket. Its only state is the time at which it will be full; the time until then measures what is
//! missing. `redis.lua` implements the same rule.

use std::time::Duration;

use super::{Decision, Quota};

const MICROS_PER_MINUTE: u64 = 60_000_000;

/// A bucket before a request, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) now: u64,
    /// When the bucket is full; a time in the past if it is.
    pub(super) full_at: u64,
}

impl State {
    /// How long a request of this cost has to wait; zero if it is allowed.
    pub(super) fn wait(self, quota: Quota, cost: u32) -> u64 {
        let needed = micros(quota, cost.min(quota.burst));
        (self.debt() + needed).saturating_sub(micros(quota, quota.burst))
    }

    /// The state after a request of this cost.
    pub(super) fn after(self, quota: Quota, cost: u32) -> Self {
        let full_at = self.now + self.debt() + micros(quota, cost);
        Self { full_at, ..self }
    }

    /// The decision reported to the client.
    pub(super) fn decision(self, quota: Quota, wait: u64) -> Decision {
        let lacking = (self.debt() * u64::from(quota.cost_per_minute)).div_ceil(MICROS_PER_MINUTE);
        let remaining = u64::from(quota.burst).saturating_sub(lacking);
        Decision {
            quota,
            remaining: u32::try_from(remaining).unwrap_or(quota.burst),
            reset: Duration::from_micros(self.debt()),
            retry_after: (wait > 0).then(|| Duration::from_micros(wait)),
        }
    }

    const fn debt(self) -> u64 {
        self.full_at.saturating_sub(self.now)
    }
}

/// How long it takes to regain this much.
fn micros(quota: Quota, cost: u32) -> u64 {
    (u64::from(cost) * MICROS_PER_MINUTE).div_ceil(u64::from(quota.cost_per_minute.max(1)))
}

/// The decision that binds: the longest wait, or the bucket with the least left.
pub fn tightest(decisions: impl Iterator<Item = Decision>) -> Option<Decision> {
    decisions.reduce(|tightest, other| {
        let binds =
            |decision: &Decision| (decision.retry_after, std::cmp::Reverse(decision.remaining));
        if binds(&other) > binds(&tightest) {
            other
        } else {
            tightest
        }
    })
}
