//! Publishes events from the outbox to the bus. Any number of publishers may share an outbox: each claims events for a
//! limited time, and takes over claims left by publishers that died.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use metrics::{counter, gauge};
use parking_lot::Mutex;
use sea_orm::DbErr;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::reconciliation::Expected;
use crate::bus::{BusError, Event, LogPosition, Receipt};
use crate::inbox::ConsumerGroup;
use crate::queue::{self, QueueWorker, Round};
use crate::retry::{RetryPolicy, describe};
use crate::tables::outbox_event;
use crate::tables::queue::Queue;
use crate::telemetry::traces;
use crate::telemetry::traces::messages::{self, Batch};
use crate::workers::WorkerContext;

/// Events claimed at once.
const BATCH: u64 = 100;
/// How long a claim lasts. A publisher that takes longer causes duplicates, which are harmless; the claim of a killed
/// publisher blocks its events for this long.
const CLAIM: TimeDelta = TimeDelta::seconds(4);
/// How often published events are reconciled with the bus while some are not confirmed.
const RECONCILE: Duration = Duration::from_secs(1);
/// How often they are otherwise: another publisher may have left some.
const RECONCILE_IDLE: Duration = Duration::from_secs(10);
/// Wait before an event is offered again to a bus that was unavailable.
const AWAY: TimeDelta = TimeDelta::milliseconds(100);

/// Publishes one domain's outbox.
#[derive(Clone, Debug)]
pub struct Publisher {
    pub(super) context: WorkerContext,
    retries: RetryPolicy,
    pub(super) expected: Expected,
    /// The names of the logs last seen for each topic.
    pub(super) logs: Arc<Mutex<HashMap<String, HashSet<String>>>>,
}

impl Publisher {
    /// Keeps events until all of these consumers, and any others that read the topic, have them.
    pub fn new(context: WorkerContext, consumers: &[ConsumerGroup]) -> Self {
        Self {
            context,
            retries: RetryPolicy::DEFAULT,
            expected: Expected::new(consumers),
            logs: Arc::default(),
        }
    }

    /// Publishes until told to stop. While the bus or the database is unavailable it waits, with backoff, and gives
    /// nothing up.
    pub async fn run(self) {
        let context = self.context.clone();
        let mut worker = Publishing {
            publisher: self,
            reconcile_at: Instant::now(),
        };
        queue::work_through(&context, Queue::Outbox, "outbox", &mut worker).await;
    }

    /// One step of [`Self::run`], for tests. Returns whether anything was published.
    #[cfg(any(test, feature = "testing"))]
    pub async fn publish_next(&self) -> Result<bool, DbErr> {
        Ok(self.publish_due().await? == Round::Worked)
    }

    /// Claims due events, publishes them, and records the outcomes.
    pub(super) async fn publish_due(&self) -> Result<Round, DbErr> {
        let claimed = self.claim().await?;
        if claimed.is_empty() {
            return Ok(Round::Idle);
        }
        if let Some(round) = self.reconcile_before(&claimed).await? {
            return Ok(round);
        }
        let events: Vec<_> = claimed.iter().map(|row| Arc::new(event(row))).collect();
        let traceparents = claimed.iter().map(|row| row.traceparent.as_deref());
        let send = Batch::Send {
            domain: self.domain(),
        };
        let span = messages::batch(send, claimed.len(), traceparents);
        let publishing = self.context.bus.publish(&events);
        let outcomes = traces::run(span.clone(), publishing).await;
        if outcomes.iter().any(Result::is_err) {
            traces::fail(&span, "bus");
        }

        let (mut confirmed, mut logged, mut postponed) = (Vec::new(), Vec::new(), Vec::new());
        let mut away = None;
        for (row, outcome) in claimed.iter().zip(outcomes) {
            match outcome {
                Ok(Receipt::Confirmed) => confirmed.push(row.id),
                Ok(Receipt::Logged(position)) => logged.push((row.id, position)),
                Err(error @ BusError::Refused(_)) => self.refused(row, &error).await?,
                Err(error) => {
                    postponed.push(row.id);
                    away = Some(error);
                }
            }
        }
        self.published(&confirmed, &logged).await?;
        let Some(error) = away else {
            return Ok(Round::Worked);
        };
        self.bus_away(&postponed, &error).await
    }

    /// Postpones events because the bus is unavailable.
    pub(super) async fn bus_away(
        &self,
        postponed: &[Uuid],
        error: &BusError,
    ) -> Result<Round, DbErr> {
        let (domain, waiting) = (self.domain(), postponed.len());
        // A shared bus is watched. During shutdown consumers leave first, so this is expected.
        if self.context.bus.is_shared() || self.context.stop.is_cancelled() {
            tracing::debug!(%error, domain, waiting, "event bus not available, events postponed");
        } else {
            tracing::warn!(%error, domain, waiting, "event bus not available, events postponed");
        }
        self.postpone(postponed, error).await?;
        Ok(Round::Away)
    }

    async fn claim(&self) -> Result<Vec<outbox_event::Model>, DbErr> {
        let database = &self.context.database;
        let now = self.context.clock.now();
        if !outbox_event::is_any_due(database.read(), now).await? {
            return Ok(Vec::new());
        }
        let transaction = database.begin().await?;
        let claimed = outbox_event::claim(&transaction, now, now + CLAIM, BATCH).await?;
        transaction.commit().await?;
        Ok(claimed)
    }

    async fn published(
        &self,
        confirmed: &[Uuid],
        logged: &[(Uuid, LogPosition)],
    ) -> Result<(), DbErr> {
        let (db, now) = (self.context.database.write(), self.context.clock.now());
        if !confirmed.is_empty() {
            outbox_event::mark_confirmed(db, confirmed, now).await?;
        }
        if !logged.is_empty() {
            outbox_event::mark_logged(db, logged, now).await?;
        }
        counter!("vantage_outbox_published_total", "domain" => self.domain().to_owned())
            .increment((confirmed.len() + logged.len()) as u64);
        Ok(())
    }

    async fn refused(&self, row: &outbox_event::Model, error: &BusError) -> Result<(), DbErr> {
        let now = self.context.clock.now();
        let again = self.retries.next(row.attempts + 1, now);
        let told = describe(error);
        outbox_event::record_failure(self.context.database.write(), row, again, &told, now).await?;
        self.count_retry();
        tracing::warn!(error = told, event = %row.id, domain = self.domain(), "event refused");
        if again.is_none() {
            counter!("vantage_outbox_dead_letters_total", "domain" => self.domain().to_owned())
                .increment(1);
            tracing::error!(event = %row.id, domain = self.domain(), "event given up");
        }
        Ok(())
    }

    async fn postpone(&self, events: &[Uuid], error: &BusError) -> Result<(), DbErr> {
        let at = self.context.clock.now() + AWAY;
        let told = describe(error);
        outbox_event::postpone(self.context.database.write(), events, at, &told).await?;
        self.count_retry();
        Ok(())
    }

    fn count_retry(&self) {
        counter!("vantage_outbox_retries_total", "domain" => self.domain().to_owned()).increment(1);
    }

    pub(super) fn domain(&self) -> &str {
        self.context.database.domain()
    }
}

/// The publisher's work loop, and when it reconciles next.
struct Publishing {
    publisher: Publisher,
    reconcile_at: Instant,
}

#[async_trait]
impl QueueWorker for Publishing {
    async fn work(&mut self) -> Result<Round, DbErr> {
        if self.reconcile_at <= Instant::now() {
            let is_left = self.publisher.reconcile_all().await;
            let wait = match is_left {
                true => RECONCILE,
                false => RECONCILE_IDLE,
            };
            self.reconcile_at = Instant::now() + wait;
        }
        let round = self.publisher.publish_due().await?;
        if round == Round::Worked {
            self.reconcile_at = self.reconcile_at.min(Instant::now() + RECONCILE);
        }
        Ok(round)
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, DbErr> {
        outbox_event::next_due(self.publisher.context.database.read()).await
    }

    async fn wake(&mut self) {
        sleep_until(self.reconcile_at).await;
    }

    async fn measure(&self) {
        let db = self.publisher.context.database.read();
        let measured = async {
            let backlog = outbox_event::backlog(db).await?;
            let unconfirmed = outbox_event::count_unconfirmed(db).await?;
            let dead = outbox_event::count_dead(db).await?;
            Ok::<_, DbErr>((backlog, unconfirmed, dead))
        };
        let Ok((backlog, unconfirmed, dead)) = measured.await else {
            // The loop logs that the database is unavailable.
            return;
        };
        let now = self.publisher.context.clock.now();
        let age = backlog
            .oldest
            .map_or(0, |oldest| (now - oldest).num_milliseconds());
        let domain = self.publisher.domain().to_owned();
        gauge!("vantage_outbox_age_seconds", "domain" => domain.clone())
            .set(as_float(age.max(0)) / 1_000.0);
        gauge!("vantage_outbox_waiting", "domain" => domain.clone()).set(as_float(backlog.waiting));
        gauge!("vantage_outbox_unconfirmed", "domain" => domain.clone())
            .set(as_float(i64::try_from(unconfirmed).unwrap_or(i64::MAX)));
        gauge!("vantage_outbox_dead_letters", "domain" => domain)
            .set(as_float(i64::try_from(dead).unwrap_or(i64::MAX)));
    }
}

fn event(row: &outbox_event::Model) -> Event {
    Event {
        id: row.id,
        topic: row.topic.clone(),
        event_type: row.event_type.clone(),
        aggregate_id: row.aggregate_id.clone(),
        sequence: row.sequence,
        occurred_at: row.occurred_at,
        data: row.data.clone(),
        traceparent: row.traceparent.clone(),
    }
}

/// Metrics are floats; the precision suffices.
pub(crate) fn as_float(count: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a metric")]
    {
        count as f64
    }
}
