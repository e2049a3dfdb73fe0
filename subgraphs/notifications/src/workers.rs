//! Background work: creates and sends messages to customers; records events for partners, sends their webhooks,
//! measures them, and deletes old events.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::{notification, partner_event, webhook_dead_letter, webhook_endpoint};
use metrics::{counter, gauge};
use parking_lot::Mutex;
use platform::inbox::{ConsumerGroup, Subscriber};
use platform::jobs::run_leased;
use platform::tables::task;
use platform::tasks::{self, Runner, Task};
use platform::workers::{Job, WorkerContext};
use resolvers::erasure;
use sea_orm::DbErr;
use tokio::time::Instant;
use uuid::Uuid;

use crate::State;
use crate::customer_message;
use crate::deal_recalculate::RecalculateDeals;
use crate::message_record::CreateMessages;
use crate::message_task::{MessageTaskState, SendMessage};
use crate::partner::Endpoint;
use crate::partner_event_record::RecordPartnerEvents;
use crate::privacy::{self, EraseMessages};
use crate::topic_task::{self, MakeTopicChanges};
use crate::webhook_task::{DeliverWebhooks, WebhookTaskState};
use crate::{deal_drain, deal_recalculate, deal_sqs};

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[
    ConsumerGroup {
        name: "notifications.partners",
        topics: &["orders.events", "returns.events", "tracking.events"],
    },
    ConsumerGroup {
        name: "notifications.messages",
        topics: customer_message::TOPICS,
    },
    privacy::CUSTOMERS,
];

/// The subscribers of this domain.
pub fn subscribers(state: &State) -> Vec<Subscriber> {
    vec![
        Subscriber {
            group: CONSUMERS[0],
            handler: Arc::new(RecordPartnerEvents(state.partners.clone())),
        },
        Subscriber {
            group: CONSUMERS[1],
            handler: Arc::new(CreateMessages(state.delivery.templates.clone())),
        },
        erasure::subscriber(privacy::CUSTOMERS, Arc::new(EraseMessages)),
    ]
}

/// The scheduled jobs and workers of this domain.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<Job> {
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    let runner = runner(&state, context);
    let messages = message_runner(&state, context);
    let (measured, measuring) = (state.clone(), context.clone());
    let deals = deal_jobs(&state, context);
    let (topics, repeating) = (state.topics(), context.clone());
    let context = context.clone();
    let mut jobs = vec![
        Job::new("notifications.webhooks", move || runner.clone().run()),
        Job::new("notifications.messages", move || messages.clone().run()),
        Job::new("notifications.webhook_metrics", move || {
            measure(measured.clone(), measuring.clone())
        }),
        Job::new("notifications.topics", move || {
            topic_task::repeat(topics.clone(), repeating.clone())
        }),
        Job::new("notifications.partner_events", move || {
            sweep(state.clone(), context.clone())
        }),
    ];
    jobs.extend(deals);
    jobs
}

/// Sends deals, and computes anew when they are due.
fn deal_jobs(state: &State, context: &WorkerContext) -> Vec<Job> {
    let deals = state.deals(context.stop.clone());
    let (drained, draining) = (deals.clone(), context.clone());
    let (recalculated, recalculating) = (deals.clone(), context.clone());
    let mut jobs = vec![
        Job::new("notifications.deals", move || {
            deal_drain::drain(drained.clone(), draining.clone())
        }),
        Job::new("notifications.deals_recalculation", move || {
            deal_recalculate::daily(recalculated.clone(), recalculating.clone())
        }),
    ];
    if let Some(queue) = deals.delivery.queue.clone() {
        let consuming = context.clone();
        jobs.push(Job::new("notifications.deals_queue", move || {
            deal_sqs::consume(deals.clone(), queue.clone(), consuming.clone())
        }));
    }
    jobs
}

/// The runner of webhooks.
pub fn runner(state: &State, context: &WorkerContext) -> Runner {
    let task_state = WebhookTaskState {
        database: context.database.clone(),
        clock: context.clock.clone(),
        partners: state.partners.clone(),
        delivery: state.webhooks.clone(),
        stop: context.stop.clone(),
    };
    Runner::new(context.clone())
        .at_once(state.webhooks.concurrency)
        .register::<DeliverWebhooks>(task_state)
}

/// Messages that one process sends concurrently.
const MESSAGES_AT_ONCE: usize = 16;

/// The runner of messages, topics and waiting deals, apart from webhooks: neither waits for the other's slow receivers.
pub fn message_runner(state: &State, context: &WorkerContext) -> Runner {
    let task_state = MessageTaskState {
        database: context.database.clone(),
        clock: context.clock.clone(),
        delivery: state.delivery.clone(),
    };
    Runner::new(context.clone())
        .at_once(MESSAGES_AT_ONCE)
        .register::<SendMessage>(task_state)
        .register::<MakeTopicChanges>(state.topics())
        .register::<RecalculateDeals>(state.deals(context.stop.clone()))
}

/// How often webhooks are measured.
const METRICS_INTERVAL: Duration = Duration::from_secs(10);

/// Events that a webhook does not get are skipped after this time: another process may have recorded them for a
/// registration that this one has not read yet.
const SETTLED: TimeDelta = TimeDelta::minutes(1);

/// Events counted for a webhook's metrics at most: with more, all that matters is that it is far behind.
const MOST_COUNTED: u64 = 10_000;

/// Measures webhooks in one of all instances.
async fn measure(state: State, context: WorkerContext) {
    let measured: Mutex<HashMap<Uuid, (Endpoint, Instant)>> = Mutex::default();
    let measuring = run_leased(&context, "webhook_metrics", METRICS_INTERVAL, || async {
        measure_once(&state).await?;
        let endpoints = state.partners.endpoints().into_iter();
        let now = Instant::now();
        measured
            .lock()
            .extend(endpoints.map(|one| (one.id, (one, now))));
        Ok::<_, DbErr>(())
    });
    // What was removed waits for nothing, and what another instance measures now is reported there.
    let forgetting = async {
        let wait = || tokio::time::sleep(METRICS_INTERVAL);
        while context.stop.run_until_cancelled(wait()).await.is_some() {
            measured.lock().retain(|_, (endpoint, at)| {
                let is_current = at.elapsed() < METRICS_INTERVAL * 3;
                if !is_current {
                    WebhookMetrics::default().report(endpoint);
                }
                is_current
            });
        }
    };
    tokio::join!(measuring, forgetting);
}

/// Reports each webhook's queue in metrics, and wakes those whose task is missing.
pub async fn measure_once(state: &State) -> Result<(), DbErr> {
    let dead = notification::count_dead_letters(state.database.read()).await?;
    gauge!("vantage_notifications_dead_letters").set(dead as f64);
    // Before the queues are read, so that an event recorded meanwhile is not skipped.
    let before = state.clock.now() - SETTLED;
    let settled = partner_event::last_before(state.database.read(), before).await?;
    for endpoint in state.partners.endpoints() {
        if let Err(error) = measure_endpoint(state, &endpoint, settled).await {
            let (client, webhook) = (&endpoint.client, &endpoint.subscription.id);
            tracing::warn!(client, webhook, %error, "webhook not measured");
        }
    }
    Ok(())
}

/// What a webhook's metrics show.
#[derive(Default)]
struct WebhookMetrics {
    waiting: i64,
    age_seconds: f64,
    dead_letters: u64,
    is_disabled: bool,
}

impl WebhookMetrics {
    fn report(&self, endpoint: &Endpoint) {
        let client = || endpoint.client.clone();
        let webhook = || endpoint.subscription.id.clone();
        gauge!("vantage_partner_webhooks_waiting", "client" => client(), "webhook" => webhook())
            .set(self.waiting as f64);
        gauge!("vantage_partner_webhooks_age_seconds", "client" => client(), "webhook" => webhook())
            .set(self.age_seconds);
        gauge!("vantage_partner_webhooks_dead_letters", "client" => client(), "webhook" => webhook())
            .set(self.dead_letters as f64);
        gauge!("vantage_partner_webhooks_disabled", "client" => client(), "webhook" => webhook())
            .set(f64::from(u8::from(self.is_disabled)));
    }
}

async fn measure_endpoint(
    state: &State,
    endpoint: &Endpoint,
    settled: Option<i64>,
) -> Result<(), DbErr> {
    let (db, now) = (state.database.read(), state.clock.now());
    let Some(row) = webhook_endpoint::find(db, endpoint.id).await? else {
        return Ok(());
    };
    let mut metrics = WebhookMetrics {
        dead_letters: webhook_dead_letter::count(db, endpoint.id).await?,
        is_disabled: row.disabled_at.is_some(),
        ..WebhookMetrics::default()
    };
    if metrics.is_disabled {
        metrics.report(endpoint);
        return Ok(());
    }
    let filters = std::slice::from_ref(&endpoint.filter);
    let backlog = partner_event::backlog(db, filters, row.position, MOST_COUNTED).await?;
    let age = backlog
        .oldest
        .map_or(TimeDelta::zero(), |oldest| now - oldest);
    metrics.waiting = backlog.waiting;
    metrics.age_seconds = age.as_seconds_f64().max(0.0);
    metrics.report(endpoint);
    let write = state.database.write();
    if backlog.waiting > 0 {
        // A process that did not know of the registration may have finished the task.
        let task = DeliverWebhooks::of(endpoint);
        if task::find(db, DeliverWebhooks::KIND, task.key())
            .await?
            .is_none()
        {
            tasks::enqueue(write, &task, now, now).await?;
        }
    } else if let Some(settled) = settled.filter(|settled| row.position < *settled) {
        // What it does not get need not be looked at again.
        webhook_endpoint::skip(write, &row, settled).await?;
    }
    Ok(())
}

/// How often old events are deleted.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Rows per statement, so that a sweep never blocks other writes for long.
const BATCH: u64 = 1_000;
/// How long the state of a webhook is kept while the clients file does not have it: it may be missing by mistake.
const REMOVED: TimeDelta = TimeDelta::days(1);

async fn sweep(state: State, context: WorkerContext) {
    run_leased(&context, "partner_events", SWEEP_INTERVAL, || {
        sweep_once(&state, context.clock.now())
    })
    .await;
}

/// Deletes texts and events that are kept no longer, and the state of webhooks that were removed.
pub async fn sweep_once(state: &State, now: DateTime<Utc>) -> Result<(), DbErr> {
    let db = state.database.write();
    let retention = TimeDelta::from_std(state.webhooks.retention).unwrap_or(TimeDelta::MAX);
    let endpoints = state.partners.endpoints();
    privacy::sweep_texts(&state.database, state.text_retention, now).await?;
    let oldest = now
        .checked_sub_signed(retention)
        .unwrap_or(DateTime::UNIX_EPOCH);
    if let Some(up_to) = partner_event::last_before(db, oldest).await? {
        for endpoint in &endpoints {
            report_expired(state, endpoint, up_to).await?;
        }
        webhook_dead_letter::sweep(db, up_to).await?;
        while partner_event::sweep(db, up_to, BATCH).await? > 0 {}
    }
    let known: HashSet<_> = endpoints.iter().map(|endpoint| endpoint.id).collect();
    for row in webhook_endpoint::all(db).await? {
        match (known.contains(&row.id), row.missing_since) {
            (true, None) => {}
            (true, Some(_)) => webhook_endpoint::set_missing(db, row.id, None).await?,
            (false, None) => webhook_endpoint::set_missing(db, row.id, Some(now)).await?,
            (false, Some(since)) if now - since > REMOVED => {
                webhook_dead_letter::delete_of(db, row.id).await?;
                webhook_endpoint::delete(db, row.id).await?;
            }
            (false, Some(_)) => {}
        }
    }
    Ok(())
}

/// Reports events that a webhook did not accept while they were kept.
async fn report_expired(state: &State, endpoint: &Endpoint, up_to: i64) -> Result<(), DbErr> {
    let db = state.database.read();
    let Some(row) = webhook_endpoint::find(db, endpoint.id).await? else {
        return Ok(());
    };
    let filters = std::slice::from_ref(&endpoint.filter);
    let events = partner_event::count_between(db, filters, row.position, up_to).await?;
    if events > 0 {
        let (client, webhook) = (&endpoint.client, &endpoint.subscription.id);
        tracing::error!(
            client,
            webhook,
            events,
            "events deleted before their webhook accepted them"
        );
        counter!("vantage_partner_webhooks_expired_total", "client" => client.clone())
            .increment(events);
    }
    Ok(())
}
