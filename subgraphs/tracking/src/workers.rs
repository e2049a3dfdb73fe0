//! Background work: polls carriers, and deletes old changes.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use entities::tracking::change;
use metrics::gauge;
use platform::inbox::{ConsumerGroup, Subscriber};
use platform::jobs::run_leased;
use platform::workers::{Job, WorkerContext};
use resolvers::erasure;
use sea_orm::DbErr;

use crate::State;
use crate::order_shipments::ShipmentHandler;
use crate::poll;
use crate::privacy::{self, EraseShipments};
use crate::return_shipments::ReturnLabelHandler;
use crate::rules::status::Carrier;
use crate::shipment_flag;

/// How long changes are kept for watchers who missed them: longer than anybody resumes the same stream.
const RETENTION: TimeDelta = TimeDelta::days(30);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Rows per statement, so that a sweep never blocks other writes for long.
const BATCH: u64 = 1_000;

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[
    ConsumerGroup {
        name: "tracking.returns",
        topics: &["returns.events"],
    },
    ConsumerGroup {
        name: "tracking.orders",
        topics: &["orders.events"],
    },
    privacy::CUSTOMERS,
];

/// The subscribers of this domain.
pub fn subscribers() -> Vec<Subscriber> {
    vec![
        Subscriber {
            group: CONSUMERS[0],
            handler: Arc::new(ReturnLabelHandler),
        },
        Subscriber {
            group: CONSUMERS[1],
            handler: Arc::new(ShipmentHandler),
        },
        erasure::subscriber(privacy::CUSTOMERS, Arc::new(EraseShipments)),
    ]
}

/// The scheduled jobs and workers of this domain.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<Job> {
    // Statements of workers are counted separately.
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    let mut jobs = Vec::new();
    for &carrier in Carrier::ALL {
        let is_polled = state.config.carrier(carrier).poll_interval.is_some();
        if is_polled && state.carriers.api(carrier).is_some() {
            let (state, context) = (state.clone(), context.clone());
            jobs.push(Job::new(
                format!("tracking.poll.{}", carrier.as_str()),
                move || poll::run(state.clone(), context.clone(), carrier),
            ));
        }
    }
    let (entitlement_checks, stop) = (state.entitlement_checks.clone(), context.stop.clone());
    let interval = state.config.recheck_interval;
    jobs.push(Job::new("tracking.entitlement_checks", move || {
        entitlement_checks.clone().run(interval, stop.clone())
    }));
    let erasures = Arc::new(EraseShipments);
    jobs.push(erasure::job("tracking.erasures", context, erasures));
    let (sweep_context, context) = (context.clone(), context.clone());
    let (overdue_state, overdue_context) = (state.clone(), context.clone());
    jobs.push(Job::new("tracking.watchers", move || {
        show_watchers(state.clone(), context.clone())
    }));
    jobs.push(Job::new("tracking.overdue", move || {
        shipment_flag::run(overdue_state.clone(), overdue_context.clone())
    }));
    jobs.push(Job::new("tracking.changes", move || {
        sweep(sweep_context.clone())
    }));
    jobs
}

/// How often the number of watchers is reported.
const METRICS_INTERVAL: Duration = Duration::from_secs(10);

/// Reports the watchers in this process by carrier, which autoscaling is based on.
async fn show_watchers(state: State, context: WorkerContext) {
    let carriers = Carrier::ALL.iter().copied().map(Some).chain([None]);
    let gauges: Vec<_> = carriers
        .map(|carrier| {
            let gauge = gauge!(
                "vantage_tracking_active_subscriptions",
                "instance" => state.config.instance.clone(),
                "region" => state.config.region.clone(),
                "carrier" => carrier.map_or("unknown", Carrier::as_str),
            );
            (carrier, gauge)
        })
        .collect();
    loop {
        for (carrier, gauge) in &gauges {
            gauge.set(state.watchers.of_carrier(*carrier) as f64);
        }
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(METRICS_INTERVAL) => {}
        }
    }
}

async fn sweep(context: WorkerContext) {
    run_leased(&context, "tracking_changes", SWEEP_INTERVAL, || async {
        let before = context.clock.now() - RETENTION;
        while change::sweep(context.database.write(), before, BATCH).await? > 0 {}
        Ok::<_, DbErr>(())
    })
    .await;
}
