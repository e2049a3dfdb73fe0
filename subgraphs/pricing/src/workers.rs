//! What runs beside requests: rates are fetched by one instance, and their age is watched by all; prices follow their
//! schedule, and those who watch them are told.

use platform::inbox::{ConsumerGroup, Subscriber};
use platform::tasks::{self, Runner};
use platform::workers::{Job, WorkerContext};

use crate::State;
use crate::price_schedule::FollowSchedule;
use crate::{new_products, rate_refresh, rate_watch, subscription};

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[subscription::LIVE, new_products::CATALOG];

/// The subscribers of this domain.
pub fn subscribers(state: &State) -> Vec<Subscriber> {
    vec![
        subscription::subscriber(state.pubsub.clone()),
        new_products::subscriber(state.floor_percent),
    ]
}

/// The runner of this domain's tasks.
pub fn runner(state: &State, context: &WorkerContext) -> Runner {
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    Runner::new(context.clone()).register::<FollowSchedule>(state)
}

/// Runs tasks. The schedule is looked at once at the start: adjustments from before there was one have no task.
async fn run_tasks(runner: Runner, context: WorkerContext) {
    let (database, now) = (&context.database, context.clock.now());
    if let Err(error) = tasks::enqueue(database.write(), &FollowSchedule {}, now, now).await {
        tracing::warn!(%error, "the schedule of prices is followed from its next moment on");
    }
    runner.run().await;
}

/// What this domain does by itself.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<Job> {
    // The statements of workers are counted apart.
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    let (tasks, following) = (runner(&state, context), context.clone());
    let mut jobs = vec![Job::new("pricing.tasks", move || {
        run_tasks(tasks.clone(), following.clone())
    })];
    if let Some(provider) = state.rate_provider.clone() {
        let (state, context) = (state.clone(), context.clone());
        jobs.push(Job::new("pricing.rates", move || {
            rate_refresh::run(state.clone(), provider.clone(), context.clone())
        }));
    }
    let context = context.clone();
    jobs.push(Job::new("pricing.rate_watch", move || {
        rate_watch::run(state.clone(), context.clone())
    }));
    jobs
}
