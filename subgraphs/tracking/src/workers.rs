//! What this domain does by itself: asks carriers, and forgets changes that nobody comes back for.

use std::time::Duration;

use chrono::TimeDelta;
use entities::tracking::change;
use futures::future::{BoxFuture, FutureExt};
use platform::jobs::run_leased;
use platform::workers::WorkerContext;
use sea_orm::DbErr;

use crate::State;
use crate::carrier::Carrier;
use crate::poll;

/// How long changes are kept for watchers who missed them: longer than anybody comes back to the same stream.
const KEPT: TimeDelta = TimeDelta::days(30);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Rows of one statement: no change waits long for a sweep.
const BATCH: u64 = 1_000;

/// What runs beside requests, until its context ends.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<BoxFuture<'static, ()>> {
    // The statements of workers are counted apart.
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    let mut jobs = Vec::new();
    for carrier in Carrier::ALL {
        if state.carriers.api(carrier).is_some() {
            jobs.push(poll::run(state.clone(), context.clone(), carrier).boxed());
        }
    }
    jobs.push(sweep(context.clone()).boxed());
    jobs
}

async fn sweep(context: WorkerContext) {
    run_leased(&context, "tracking_changes", SWEEP_INTERVAL, || async {
        let before = context.clock.now() - KEPT;
        while change::sweep(context.database.write(), before, BATCH).await? > 0 {}
        Ok::<_, DbErr>(())
    })
    .await;
}
