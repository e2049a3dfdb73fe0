//! Buckets within one process.

use std::sync::Arc;

use moka::sync::Cache;
use parking_lot::Mutex;

use super::bucket::{State, tightest};
use super::{Bucket, Decision};
use crate::clock::Clock;

/// The buckets in use: by key, when each is full again.
#[derive(Debug)]
pub(super) struct LocalBuckets {
    clock: Clock,
    full_at: Cache<String, Arc<Mutex<u64>>>,
}

impl LocalBuckets {
    pub(super) fn new(clock: Clock, max_buckets: u64) -> Self {
        let full_at = Cache::new(max_buckets);
        Self { clock, full_at }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.full_at.run_pending_tasks();
        self.full_at.entry_count()
    }

    pub(super) fn acquire(&self, buckets: &[Bucket], cost: u32) -> Option<Decision> {
        let shared: Vec<_> = buckets
            .iter()
            .map(|bucket| self.full_at.get_with_by_ref(&bucket.key, Arc::default))
            .collect();
        // Locked in the buckets' fixed order by kind, so that two requests never deadlock. A duplicate key would.
        let mut locked: Vec<_> = shared.iter().map(|full_at| full_at.lock()).collect();
        let now = u64::try_from(self.clock.now().timestamp_micros()).unwrap_or(0);
        let states: Vec<_> = locked
            .iter()
            .map(|full_at| State {
                now,
                full_at: **full_at,
            })
            .collect();
        let waits: Vec<_> = std::iter::zip(&states, buckets)
            .map(|(state, bucket)| state.wait(bucket.quota, cost))
            .collect();
        let allowed = waits.iter().all(|wait| *wait == 0);
        let decisions = states.into_iter().zip(buckets).zip(waits).enumerate();
        tightest(decisions.map(|(at, ((state, bucket), wait))| {
            let state = if allowed {
                state.after(bucket.quota, cost)
            } else {
                state
            };
            *locked[at] = state.full_at;
            state.decision(bucket.quota, wait)
        }))
    }
}
