//! Starts the background work of the domains in this process as supervised tasks: publishers, receivers, jobs and
//! sweeps.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use platform::bus::{EventBus, InProcessBus, KafkaBus, RedisBus};
use platform::clock::Clock;
use platform::database::Database;
use platform::inbox::{Deliverer, Receiver, Subscriber};
use platform::jobs;
use platform::outbox::Publisher;
use platform::supervisor::{Stage, Supervisor};
use platform::workers::WorkerContext;

use crate::config::Configuration;
use crate::domains::{Domain, Domains};
use crate::entity_cache::{InvalidatingBus, Invalidations, follow_commits};

/// How long background tasks may take to finish their current work at shutdown.
pub(crate) const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

/// The event bus: over Kafka if it is configured, else over Redis, else within the process.
fn bus(
    configuration: &Configuration,
    supervisor: &Supervisor,
) -> anyhow::Result<Arc<dyn EventBus>> {
    let bus: Arc<dyn EventBus> = if configuration.kafka.is_used() {
        Arc::new(KafkaBus::new(configuration.kafka.clone()).context("kafka")?)
    } else if let Some(server) = configuration.redis()? {
        let bus = RedisBus::new(&server);
        let watched = bus.clone();
        supervisor.start(Stage::Support, "redis.durability", move |stop| {
            watched.clone().watch_durability(stop)
        });
        Arc::new(bus)
    } else {
        return Ok(Arc::new(InProcessBus::new()));
    };
    let watched = (bus.clone(), supervisor.clone());
    supervisor.start(Stage::Support, "events.watch", move |stop| {
        let (bus, supervisor) = watched.clone();
        platform::bus::watch(bus, supervisor, stop)
    });
    Ok(bus)
}

/// Starts the workers of the domains in this process.
pub(crate) fn start(
    domains: &Domains,
    configuration: &Configuration,
    clock: &Clock,
    supervisor: &Supervisor,
    invalidations: &Invalidations,
) -> anyhow::Result<()> {
    let bus = bus(configuration, supervisor)?;
    let bus = Arc::new(InvalidatingBus::new(bus, invalidations.clone()));
    let context = |database: &Database, stage| {
        let stop = supervisor.stop_token(stage);
        WorkerContext::new(database, bus.clone(), clock.clone(), stop)
    };
    let consumers: Vec<_> = Domain::ALL
        .into_iter()
        .flat_map(Domain::consumers)
        .copied()
        .collect();
    // Consumers first, so that they receive everything that is published.
    for (database, work) in domains.work() {
        let context = |stage| context(database, stage);
        for subscriber in &work.subscribers {
            anyhow::ensure!(
                consumers.contains(&subscriber.group),
                "{} is not a consumer known to publishers: add it to its domain's CONSUMERS",
                subscriber.group.name
            );
            receive(context(Stage::Receive), subscriber, supervisor)?;
            let deliverer = Deliverer::new(context(Stage::Work), subscriber.clone());
            let name = format!("{}.deliver", subscriber.group.name);
            supervisor.start(Stage::Work, name, move |_| deliverer.clone().run());
        }
    }
    let is_published = domains.len() == Domain::ALL.len() || bus.is_shared();
    if !is_published && domains.len() > 0 {
        tracing::warn!(
            "events stay in the outbox: other domains run in other processes, and without \
             kafka.brokers or redis_url nothing delivers events to them"
        );
    }
    for (database, work) in domains.work() {
        let following = database.clone();
        let name = format!("{}.arrivals", database.domain());
        supervisor.start(Stage::Support, name, move |stop| {
            let following = following.clone();
            async move { following.follow_others(&stop).await }
        });
        if invalidations.is_used() {
            let (database, invalidations) = (database.clone(), invalidations.clone());
            let name = format!("{}.invalidations", database.domain());
            supervisor.start(Stage::Support, name, move |stop| {
                follow_commits(database.events(), invalidations.clone(), stop)
            });
        }
        let context = |stage| context(database, stage);
        for mut job in (work.jobs)(&context(Stage::Work)) {
            supervisor.start(Stage::Work, job.name.clone(), move |_| job.run());
        }
        let domain = database.domain();
        if is_published {
            let publisher = Publisher::new(context(Stage::Publish), &consumers);
            let name = format!("{domain}.outbox");
            supervisor.start(Stage::Publish, name, move |_| publisher.clone().run());
        }
        let sweeping = context(Stage::Work);
        supervisor.start(Stage::Work, format!("{domain}.sweep"), move |_| {
            let context = sweeping.clone();
            async move { jobs::run_sweeps(&context).await }
        });
    }
    Ok(())
}

/// Receives for a consumer; joins the group now, and again whenever the task is restarted.
fn receive(
    context: WorkerContext,
    subscriber: &Subscriber,
    supervisor: &Supervisor,
) -> anyhow::Result<()> {
    let mut joined = Some(Receiver::join(context.clone(), subscriber)?);
    let subscriber = subscriber.clone();
    let name = format!("{}.receive", subscriber.group.name);
    supervisor.start(Stage::Receive, name, move |_| {
        let receiver = match joined.take() {
            Some(receiver) => Ok(receiver),
            None => Receiver::join(context.clone(), &subscriber),
        };
        async move {
            match receiver {
                Ok(receiver) => receiver.run().await,
                Err(error) => tracing::error!(%error, "consumer could not join its group"),
            }
        }
    });
    Ok(())
}
