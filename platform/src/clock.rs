//! An injected clock, so that rules, timers and tests agree on one "now".

use std::sync::Arc;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use tokio::sync::watch;

/// Cheap to clone; all clones of a manual clock advance together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<watch::Sender<DateTime<Utc>>>),
}

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is advanced; for tests and reproducible demo data.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// The time in UTC, truncated to microseconds: both databases store that without loss.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => Utc::now(),
            Source::Manual(now) => *now.borrow(),
        }
        .trunc_subsecs(6)
    }

    /// Advances a manual clock; does nothing to the system clock.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.send_modify(|now| *now += by);
        }
    }

    /// Waits until it is this time. A manual clock must be advanced to it.
    pub async fn wait_until(&self, time: DateTime<Utc>) {
        match &self.0 {
            Source::System => {
                let wait = (time - self.now()).to_std().unwrap_or_default();
                tokio::time::sleep(wait).await;
            }
            Source::Manual(now) => {
                // It never fails, because this clock holds the sender.
                let _ = now.subscribe().wait_for(|now| *now >= time).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_manual_clock_reaches_a_time_when_it_is_advanced_to_it() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH);
        let time = DateTime::UNIX_EPOCH + Duration::hours(1);
        let mut reached = Box::pin(clock.wait_until(time));
        clock.advance(Duration::minutes(59));
        assert!((&mut reached).now_or_never().is_none());
        clock.advance(Duration::minutes(1));
        reached.await;
        assert!(clock.wait_until(time).now_or_never().is_some());
    }

    #[tokio::test]
    async fn the_system_clock_does_not_wait_for_a_time_that_is_over() {
        let clock = Clock::system();
        clock.wait_until(DateTime::UNIX_EPOCH).await;
    }
}
