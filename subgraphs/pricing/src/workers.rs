//! What runs beside requests: rates are fetched by one instance, and their age is watched by all.

use platform::workers::{Job, WorkerContext};

use crate::State;
use crate::{rate_refresh, rate_watch};

/// What this domain does by itself.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<Job> {
    // The statements of workers are counted apart.
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    let mut jobs = Vec::new();
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
