//! The task that sends a webhook's events to its receiver: one after the other, each until it is accepted or given up.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::{partner_event as entity, webhook_dead_letter, webhook_endpoint};
use metrics::counter;
use platform::clock::Clock;
use platform::database::Database;
use platform::tasks::{Retry, Step, Task, TaskError};
use platform::webhooks::{DeliveryError, RetrySchedule, SigningKey, WebhookSender};
use resolvers::id::format_event;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::partner::{Endpoint, Partners, endpoint_id};
use crate::partner_event;

/// How long one run goes on before other webhooks get their chance.
const RUN: Duration = Duration::from_secs(20);

/// How often to check whether this process knows a webhook that another one has enqueued.
const UNKNOWN: TimeDelta = TimeDelta::seconds(1);
/// How long that is checked after the webhook started. One that started earlier has been removed, or is missing from the
/// file: its task ends, and is enqueued again when the webhook is measured.
const STARTING: TimeDelta = TimeDelta::minutes(1);

/// How webhooks are sent.
#[derive(Clone, Debug)]
pub struct WebhookDelivery {
    pub sender: WebhookSender,
    pub signing_key: SigningKey,
    pub schedule: RetrySchedule,
    /// How long events are kept.
    pub retention: Duration,
    /// Webhooks that this process sends to concurrently.
    pub concurrency: usize,
}

/// The dependencies of the task.
#[derive(Clone, Debug)]
pub struct WebhookTaskState {
    pub database: Database,
    pub clock: Clock,
    pub partners: Partners,
    pub delivery: WebhookDelivery,
    pub stop: CancellationToken,
}

/// Sends what is next to a webhook's receiver.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliverWebhooks {
    pub client: String,
    pub webhook: String,
}

/// What is sent next.
struct Next {
    event: entity::Model,
    /// The event was given up before.
    letter: Option<webhook_dead_letter::Model>,
}

#[async_trait]
impl Task for DeliverWebhooks {
    const KIND: &'static str = "deliver_webhooks";
    // For the database's failures only: a receiver's are retried by the webhook's own schedule.
    const RETRY: Retry = Retry {
        longest: Duration::from_secs(15),
        ..Retry::DEFAULT
    };
    type State = WebhookTaskState;

    fn key(&self) -> Uuid {
        endpoint_id(&self.client, &self.webhook)
    }

    fn subject(&self) -> String {
        format!("{}/{}", self.client, self.webhook)
    }

    async fn run(&self, state: &WebhookTaskState, _: u32) -> Result<Step, TaskError> {
        let started = Instant::now();
        while !state.stop.is_cancelled() && started.elapsed() < RUN {
            if let Some(step) = self.deliver_next(state).await? {
                return Ok(step);
            }
        }
        Ok(Step::RetryAt(state.clock.now()))
    }
}

impl DeliverWebhooks {
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        Self {
            client: endpoint.client.clone(),
            webhook: endpoint.subscription.id.clone(),
        }
    }

    /// Sends one event. Returns what to do if there is nothing to send now.
    async fn deliver_next(&self, state: &WebhookTaskState) -> Result<Option<Step>, TaskError> {
        let (db, now) = (state.database.write(), state.clock.now());
        // Read with the connection that writes, which sees what was just written.
        let Some(row) = webhook_endpoint::find(db, self.key()).await? else {
            return Ok(Some(Step::Done));
        };
        let Some(endpoint) = state.partners.endpoint(&self.client, &self.webhook) else {
            let is_new = now - row.created_at < STARTING;
            return Ok(Some(if is_new {
                Step::RetryAt(now + UNKNOWN)
            } else {
                Step::Done
            }));
        };
        if row.disabled_at.is_some() {
            return Ok(Some(Step::Done));
        }
        if let Some(at) = row.next_attempt_at.filter(|at| *at > now) {
            return Ok(Some(Step::RetryAt(at)));
        }
        let Some(next) = next(state, &row, &endpoint).await? else {
            return Ok(Some(Step::Done));
        };
        let attempt = Attempt {
            state,
            endpoint: &endpoint,
            row: &row,
            next: &next,
        };
        attempt.make().await?;
        Ok(None)
    }
}

async fn next(
    state: &WebhookTaskState,
    row: &webhook_endpoint::Model,
    endpoint: &Endpoint,
) -> Result<Option<Next>, DbErr> {
    let db = state.database.write();
    while let Some(letter) = webhook_dead_letter::first_requeued(db, row.id).await? {
        let event = entity::at(db, letter.position).await?;
        let is_theirs = |event: &entity::Model| {
            endpoint
                .filter
                .matches(&event.event_type, event.customer_id)
        };
        match event.filter(is_theirs) {
            Some(event) => {
                return Ok(Some(Next {
                    event,
                    letter: Some(letter),
                }));
            }
            // It is no longer kept, or the partner may no longer see it.
            None => webhook_dead_letter::delete(db, &letter).await?,
        }
    }
    let filters = std::slice::from_ref(&endpoint.filter);
    let events = entity::after(db, filters, row.position, 1).await?;
    Ok(events.into_iter().next().map(|event| Next {
        event,
        letter: None,
    }))
}

/// One attempt to send an event.
struct Attempt<'a> {
    state: &'a WebhookTaskState,
    endpoint: &'a Endpoint,
    row: &'a webhook_endpoint::Model,
    next: &'a Next,
}

impl Attempt<'_> {
    async fn make(&self) -> Result<(), TaskError> {
        let outcome = self.send().await?;
        let now = self.state.clock.now();
        let (name, recorded) = match outcome {
            Ok(()) => ("delivered", self.accepted().await),
            Err(error @ DeliveryError::Gone) => ("disabled", self.disabled(&error, now).await),
            Err(error) => {
                let attempts = self.row.attempts_at(self.next.event.position) + 1;
                let failures = u32::try_from(attempts).unwrap_or(u32::MAX);
                match self.state.delivery.schedule.wait_after(failures) {
                    Some(wait) => ("failed", self.failed(&error, wait, now).await),
                    None => ("given_up", self.given_up(&error, attempts, now).await),
                }
            }
        };
        counter!(
            "vantage_partner_webhooks_total",
            "client" => self.endpoint.client.clone(),
            "outcome" => name,
        )
        .increment(1);
        Ok(recorded?)
    }

    async fn send(&self) -> Result<Result<(), DeliveryError>, TaskError> {
        let (delivery, endpoint) = (&self.state.delivery, self.endpoint);
        let (now, webhook) = (self.state.clock.now(), &endpoint.subscription);
        let secrets: Vec<_> = webhook
            .active_secrets(now)
            .map(|id| {
                delivery
                    .signing_key
                    .secret(&endpoint.client, &webhook.id, id)
            })
            .collect();
        let body = partner_event::body(&self.next.event, endpoint.personal)
            .map_err(|error| TaskError::failed(&error))?;
        let id = format_event(self.next.event.event_id);
        let sent = delivery
            .sender
            .send(&webhook.url, &secrets, &id, Bytes::from(body), now);
        Ok(sent.await)
    }

    async fn accepted(&self) -> Result<(), DbErr> {
        let db = self.state.database.write();
        match &self.next.letter {
            Some(letter) => {
                webhook_endpoint::recover(db, self.row).await?;
                webhook_dead_letter::delete(db, letter).await?;
            }
            None => webhook_endpoint::advance(db, self.row, self.next.event.position).await?,
        }
        if let Some(since) = self.row.failing_since {
            let (client, webhook, _) = self.names();
            tracing::info!(client, webhook, %since, "webhook delivered again");
        }
        Ok(())
    }

    /// Logs only that it began: the receiver's outage is not ours.
    async fn failed(
        &self,
        error: &DeliveryError,
        wait: Duration,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let requested = match error {
            DeliveryError::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let wait = TimeDelta::from_std(wait.max(requested)).unwrap_or(TimeDelta::MAX);
        if self.row.failing_since.is_none() {
            let (client, webhook, event_id) = self.names();
            tracing::warn!(client, webhook, event_id, %error, "webhook not delivered, will be retried");
        }
        let (db, position) = (self.state.database.write(), self.next.event.position);
        webhook_endpoint::fail(db, self.row, position, now + wait, &error.to_string(), now).await
    }

    async fn given_up(
        &self,
        error: &DeliveryError,
        attempts: i32,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let (client, webhook, event_id) = self.names();
        tracing::error!(client, webhook, event_id, attempts, %error, "webhook given up");
        let event = &self.next.event;
        let before = self.next.letter.as_ref();
        let letter = webhook_dead_letter::Model {
            endpoint_id: self.row.id,
            position: event.position,
            event_id: event.event_id,
            attempts: attempts + before.map_or(0, |letter| letter.attempts),
            error: error.to_string(),
            dead_lettered_at: now,
            requeued_at: None,
        };
        let position = match before {
            Some(_) => self.row.position,
            None => event.position,
        };
        let transaction = self.state.database.begin().await?;
        webhook_dead_letter::store(&transaction, letter).await?;
        webhook_endpoint::give_up(&transaction, self.row, position, &error.to_string(), now)
            .await?;
        transaction.commit().await
    }

    async fn disabled(&self, error: &DeliveryError, now: DateTime<Utc>) -> Result<(), DbErr> {
        let (client, webhook, event_id) = self.names();
        tracing::error!(client, webhook, event_id, %error, "webhook disabled, see `vantage webhooks resume`");
        let db = self.state.database.write();
        webhook_endpoint::disable(db, self.row, &error.to_string(), now).await
    }

    /// The client, the webhook and the event.
    fn names(&self) -> (&str, &str, String) {
        let event = format_event(self.next.event.event_id);
        (&self.endpoint.client, &self.endpoint.subscription.id, event)
    }
}
