//! Starts journeys at their pace until the run ends, and lets them finish.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::journey::{self, Context};
use super::pace::{Rate, user_start};
use super::recorder::Dropped;
use super::scenario::{Mix, Scenario};

/// How long running journeys may take to finish, besides the time that one request may take.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a user waits at least after a journey that could not start.
const RETRY: Duration = Duration::from_millis(100);

/// What starts journeys.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// Time: they arrive at a rate, however long others take.
    Arrivals { rate: Rate, max_in_flight: u32 },
    /// Users: each starts one when the one before has ended.
    Users(u32),
}

/// How long a run is, and what starts when.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) pace: Pace,
    pub(super) ramp: Duration,
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
    /// How long one request may take.
    pub(super) timeout: Duration,
    pub(super) mix: Mix,
}

/// Which scenario comes next. Iterations count from when measuring begins.
struct Choice {
    warm_up: Mix,
    measured: Mix,
    measured_from: Instant,
}

impl Choice {
    fn new(plan: &Plan, begin: Instant) -> Self {
        Self {
            warm_up: plan.mix.without_end(),
            measured: plan.mix.clone(),
            measured_from: begin + plan.warm_up,
        }
    }

    /// For a journey that is due at this time; `None` if there are no more.
    fn next(&mut self, due: Instant) -> Option<Scenario> {
        if due < self.measured_from {
            self.warm_up.next()
        } else {
            self.measured.next()
        }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RunEnd {
    /// The time was over.
    Duration,
    /// All iterations were run.
    Iterations,
    /// By a signal.
    Interrupted,
}

/// Signals that end a run.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("cannot receive SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("cannot receive SIGTERM")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Runs the plan. The first signal ends it early, and running journeys finish; the second one aborts them.
pub(super) async fn run(
    context: &Arc<Context>,
    plan: &Plan,
    begin: Instant,
    interrupts: &mut Interrupts,
) -> anyhow::Result<RunEnd> {
    let end = begin + plan.warm_up + plan.duration;
    let mut journeys = JoinSet::new();
    let work = async {
        match plan.pace {
            Pace::Arrivals {
                rate,
                max_in_flight,
            } => arrive(context, plan, begin, rate, max_in_flight, &mut journeys).await?,
            Pace::Users(users) => start_users(context, plan, begin, users, &mut journeys),
        }
        finish(&mut journeys).await
    };
    let ended = tokio::select! {
        worked = work => {
            worked.context("a journey panicked")?;
            RunEnd::Iterations
        }
        () = sleep_until(end) => RunEnd::Duration,
        () = interrupts.next() => RunEnd::Interrupted,
    };
    context.recorder.end(match ended {
        RunEnd::Duration => end,
        RunEnd::Iterations | RunEnd::Interrupted => Instant::now(),
    });
    context.ended.cancel();
    tokio::select! {
        finished = finish(&mut journeys) => finished.context("a journey panicked")?,
        () = sleep(plan.timeout + DRAIN) => {}
        () = interrupts.next() => {}
    }
    // Those that are left are counted as unfinished.
    journeys.shutdown().await;
    Ok(ended)
}

/// Waits until all journeys have ended.
async fn finish(journeys: &mut JoinSet<()>) -> Result<(), JoinError> {
    while let Some(ended) = journeys.join_next().await {
        ended?;
    }
    Ok(())
}

/// Starts journeys when they are due. Those that are due while too many are running are dropped.
async fn arrive(
    context: &Arc<Context>,
    plan: &Plan,
    begin: Instant,
    rate: Rate,
    max_in_flight: u32,
    journeys: &mut JoinSet<()>,
) -> Result<(), JoinError> {
    let slots = usize::try_from(max_in_flight).unwrap_or(Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(slots));
    let mut choice = Choice::new(plan, begin);
    for number in 0.. {
        let due = begin + rate.arrival(number, plan.ramp);
        let Some(scenario) = choice.next(due) else {
            break;
        };
        sleep_until(due).await;
        while let Some(ended) = journeys.try_join_next() {
            ended?;
        }
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            context
                .recorder
                .drop_journey(scenario, due, Dropped::TooManyInFlight);
            continue;
        };
        let context = Arc::clone(context);
        journeys.spawn(async move {
            journey::run(&context, scenario, number, due).await;
            drop(slot);
        });
    }
    Ok(())
}

/// Starts the users, who share one choice of scenarios.
fn start_users(
    context: &Arc<Context>,
    plan: &Plan,
    begin: Instant,
    users: u32,
    journeys: &mut JoinSet<()>,
) {
    let choice = Arc::new(Mutex::new(Choice::new(plan, begin)));
    let numbers = Arc::new(AtomicU64::new(0));
    for number in 0..users {
        let user = User {
            context: Arc::clone(context),
            choice: Arc::clone(&choice),
            numbers: Arc::clone(&numbers),
        };
        let start = begin + user_start(number, users, plan.ramp);
        journeys.spawn(user.run(start));
    }
}

struct User {
    context: Arc<Context>,
    choice: Arc<Mutex<Choice>>,
    numbers: Arc<AtomicU64>,
}

impl User {
    /// Starts one journey after another until the run ends.
    async fn run(self, start: Instant) {
        self.pause_until(start).await;
        while !self.context.ended.is_cancelled() {
            let due = Instant::now();
            let next = self.choice.lock().next(due);
            let Some(scenario) = next else { return };
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let ran = journey::run(&self.context, scenario, number, due).await;
            let pause = self.context.think.pause();
            let pause = if ran { pause } else { pause.max(RETRY) };
            self.pause_until(Instant::now() + pause).await;
        }
    }

    /// Pauses, at most until the run ends.
    async fn pause_until(&self, time: Instant) {
        tokio::select! {
            () = self.context.ended.cancelled() => {}
            () = sleep_until(time) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_do_not_end_in_the_warm_up() {
        let second = Duration::from_secs(1);
        let begin = Instant::now();
        let plan = Plan {
            pace: Pace::Users(1),
            ramp: Duration::ZERO,
            warm_up: 3 * second,
            duration: 60 * second,
            timeout: second,
            mix: Mix::new(&"browse,account".parse().unwrap(), Some(1)),
        };
        let mut choice = Choice::new(&plan, begin);
        for _ in 0..10 {
            assert!(choice.next(begin + 2 * second).is_some());
        }
        let measured = std::iter::from_fn(|| choice.next(begin + 3 * second));
        let measured: Vec<_> = measured.collect();
        assert_eq!(measured, [Scenario::Browse, Scenario::Account]);
    }
}
