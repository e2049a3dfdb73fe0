//! The background work of the search index: it follows the database, and is built anew when that is not enough.

use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::{counter, gauge};
use platform::supervisor::Supervisor;

use crate::State;
use crate::index_changes::IndexFollower;
use crate::reindex::ReindexError;

/// How often changed products are indexed.
const INTERVAL: Duration = Duration::from_secs(1);
/// After how many rounds the index is compared with the database as a whole.
const ROUNDS_OF_A_CHECK: u64 = 15;
/// What `/readyz` calls the index.
const PART: &str = "search index";

/// Keeps the index of one process. Failures are reported once and shown until they are over; searches use the index as it
/// is meanwhile.
#[derive(Debug)]
pub struct IndexWorker {
    state: State,
    supervisor: Supervisor,
    follower: IndexFollower,
    round: u64,
    /// When the index was last known to be near the database.
    current_at: DateTime<Utc>,
    is_failing: bool,
    /// What is wrong with the engine, although the index is updated.
    problem: Option<String>,
}

impl IndexWorker {
    pub fn new(state: State, supervisor: Supervisor) -> Self {
        Self {
            current_at: state.clock.now(),
            follower: IndexFollower::new(state.clone()),
            state,
            supervisor,
            round: 0,
            is_failing: false,
            problem: None,
        }
    }

    /// Builds the index if it is missing, damaged or incomplete. A failure is reported, and tried again by [`Self::run`].
    pub async fn open(&mut self) {
        let opened = self.check().await;
        self.report(opened.map(drop));
    }

    /// Compares the index with the database, and builds it if it differs.
    async fn check(&mut self) -> Result<bool, ReindexError> {
        let opened = self.state.open_index().await?;
        let problem = self.state.engine.status().await?.problem;
        if let Some(problem) = &problem
            && self.problem.as_ref() != Some(problem)
        {
            tracing::warn!(problem, "the search engine has a problem");
        }
        self.problem = problem;
        Ok(opened)
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.run_once().await;
        }
    }

    /// Indexes what has changed. Compares the index with the database in the first round after a failure, and now and then.
    pub async fn run_once(&mut self) {
        self.round += 1;
        let is_check = self.is_failing || self.round.is_multiple_of(ROUNDS_OF_A_CHECK);
        let followed = self.follower.follow().await;
        // While many products change, for example in an import, the numbers differ for good reason.
        let is_check = is_check && matches!(followed, Ok(0) | Err(_));
        let outcome = if is_check {
            match (self.check().await, followed) {
                (Ok(false), followed) => followed.map(drop),
                (opened, _) => opened.map(drop),
            }
        } else {
            followed.map(drop)
        };
        self.report(outcome);
    }

    fn report(&mut self, outcome: Result<(), ReindexError>) {
        let now = self.state.clock.now();
        match outcome {
            Ok(()) => {
                self.current_at = now;
                if self.is_failing {
                    tracing::info!("the search index is updated again");
                }
                self.is_failing = false;
                self.supervisor.set_degraded(PART, self.problem.clone());
            }
            Err(error) => {
                counter!("vantage_search_index_failures_total").increment(1);
                if !self.is_failing {
                    tracing::error!(
                        %error,
                        "the search index cannot be updated, searches use it as it is; trying again every second"
                    );
                }
                self.is_failing = true;
                let since = self.current_at.format("%FT%TZ");
                let reason = format!("not updated since {since}: {error}");
                self.supervisor.set_degraded(PART, Some(reason));
            }
        }
        let behind = (now - self.current_at).as_seconds_f64();
        gauge!("vantage_search_index_behind_seconds").set(behind.max(0.0));
    }
}
