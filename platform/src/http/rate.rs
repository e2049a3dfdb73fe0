//! A token bucket that makes callers wait instead of refusing them: per process, or shared through a database.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use sea_orm::DbErr;
use tokio::time::Instant;

use super::policy::Rate;
use crate::database::Database;
use crate::tables::call_rate;

/// Grants turns in the order they are requested.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Time for one token to return.
    interval: Duration,
    /// How far turns may run ahead of an even pace.
    slack: Duration,
    /// The period calls are counted over.
    period: Duration,
    /// When the bucket is full again if nobody else asks.
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    /// The burst is deducted from the count, so that no window of `per` sees more than `count`.
    pub(super) fn new(rate: Rate) -> Self {
        let count = rate.count.max(1);
        let burst = rate.burst.clamp(1, count);
        let interval = rate.per / (count - burst).max(1);
        Self {
            interval,
            slack: interval * (burst - 1),
            period: rate.per,
            full_at: Mutex::new(None),
        }
    }

    /// Like [`Bucket::reserve`], on a bucket shared by all processes over this database.
    pub(super) async fn reserve_shared(
        &self,
        database: &Database,
        provider: &str,
        now: DateTime<Utc>,
        patience: Duration,
    ) -> Result<Option<Duration>, DbErr> {
        let transaction = database.begin().await?;
        let full_at = call_rate::lock(&transaction, provider, now).await?;
        // Nobody reserves further ahead than a period or their patience; a later time was written by a clock that was
        // ahead.
        let furthest = self.slack.saturating_add(patience.max(self.period));
        let ahead = (full_at - now).to_std().unwrap_or_default().min(furthest);
        let wait = ahead.saturating_sub(self.slack);
        if wait > patience {
            transaction.rollback().await;
            return Ok(None);
        }
        let next = TimeDelta::from_std(ahead + self.interval).unwrap_or(TimeDelta::MAX);
        call_rate::update(&transaction, provider, now + next).await?;
        transaction.commit().await?;
        Ok(Some(wait))
    }

    /// Reserves the next turn and returns how long to wait for it; `None`, with nothing reserved, when that is longer
    /// than `patience`.
    pub(super) fn reserve(&self, now: Instant, patience: Duration) -> Option<Duration> {
        let mut full_at = self.full_at.lock();
        let pace = full_at.map_or(now, |at| at.max(now));
        let wait = (pace - now).saturating_sub(self.slack);
        if wait > patience {
            return None;
        }
        *full_at = Some(pace + self.interval);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn bucket(count: u32, burst: u32) -> Bucket {
        Bucket::new(Rate {
            count,
            per: MINUTE,
            burst,
        })
    }

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_at_the_pace() {
        let bucket = bucket(80, 20);
        let now = Instant::now();
        for _ in 0..20 {
            assert_eq!(bucket.reserve(now, MINUTE), Some(Duration::ZERO));
        }
        for turn in 1..=5 {
            assert_eq!(
                bucket.reserve(now, MINUTE),
                Some(Duration::from_secs(turn)),
                "60 a minute are left after a burst of 20"
            );
        }
    }

    #[test]
    fn who_will_not_wait_so_long_takes_no_turn() {
        let bucket = bucket(61, 1);
        let now = Instant::now();
        assert_eq!(bucket.reserve(now, MINUTE), Some(Duration::ZERO));
        for _ in 0..3 {
            assert_eq!(bucket.reserve(now, Duration::from_millis(999)), None);
        }
        let turn = bucket.reserve(now, Duration::from_secs(1));
        assert_eq!(turn, Some(Duration::from_secs(1)));
    }

    #[tokio::test]
    async fn processes_that_share_a_database_share_its_turns() {
        for scratch in crate::testing::scratch_databases().await {
            let connection = scratch.database.connect_for_migrations().await.unwrap();
            migrations::migrate::<migrations::returns::Migrator>(&connection)
                .await
                .unwrap();
            drop(connection);
            let now = "2025-10-09T12:00:00Z".parse().unwrap();
            let processes = [bucket(80, 20), bucket(80, 20)];
            let reserve = async |turn: usize, patience| {
                let process = &processes[turn % 2];
                let turn = process.reserve_shared(&scratch.database, "easypost", now, patience);
                turn.await.unwrap()
            };
            for turn in 0..20 {
                assert_eq!(reserve(turn, MINUTE).await, Some(Duration::ZERO), "{turn}");
            }
            for turn in 1..=5 {
                let wait = Duration::from_secs(u64::try_from(turn).unwrap());
                assert_eq!(reserve(turn, Duration::ZERO).await, None);
                assert_eq!(reserve(turn, MINUTE).await, Some(wait), "{turn}");
            }
            // Another provider has its own bucket.
            let other = processes[0].reserve_shared(&scratch.database, "stripe", now, MINUTE);
            assert_eq!(other.await.unwrap(), Some(Duration::ZERO));
            // A clock that was an hour ahead does not block everybody for an hour.
            let hour = now + TimeDelta::hours(1);
            call_rate::update(scratch.database.write(), "easypost", hour)
                .await
                .unwrap();
            assert_eq!(reserve(0, MINUTE).await, Some(MINUTE));
            scratch.drop().await;
        }
    }

    proptest! {
        #[test]
        fn no_window_sees_more_than_the_count(
            count in 2_u32..100,
            burst in 1_u32..100,
            gaps in prop::collection::vec(0_u64..3_000, 1..300),
        ) {
            let burst = burst.min(count - 1);
            let bucket = bucket(count, burst);
            let mut now = Instant::now();
            let mut sent: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                let wait = bucket.reserve(now, Duration::MAX).unwrap();
                sent.push(now + wait);
            }
            for (first, start) in sent.iter().enumerate() {
                let window = sent[first..].iter().filter(|at| **at < *start + MINUTE).count();
                prop_assert!(window <= count as usize, "{window} of {count}");
            }
        }
    }
}
