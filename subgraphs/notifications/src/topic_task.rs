//! Subscribes devices to push topics and unsubscribes them: at once by a durable task, and by a job that repeats what
//! failed. Both work on the rows that [`crate::topic_membership`] writes, in batches over all customers.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::topic_membership::{self, Claim, TopicChange};
use entities::notifications::{customer_settings, device_token};
use metrics::{counter, gauge};
use platform::clock::Clock;
use platform::database::Database;
use platform::jobs::run_leased;
use platform::providers::fcm::{Fcm, MAX_TOKENS, TopicOutcome, TopicSubscription};
use platform::tasks::{Step, Task, TaskError};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::notification_preferences::DEFAULT_TIMEZONE;
use crate::topic_membership::TopicRecorder;

/// When a failure is repeated.
const RETRY: TimeDelta = TimeDelta::minutes(5);
/// How often to look for what is due again.
const INTERVAL: Duration = Duration::from_secs(60);
/// Longer than a call to the push service can take.
const CLAIM: TimeDelta = TimeDelta::seconds(60);
/// Customers whose devices' topics are recorded in one run.
const RECORDED_AT_ONCE: u64 = 1_000;

/// The dependencies of changing topics.
#[derive(Clone, Debug)]
pub struct TopicTaskState {
    pub database: Database,
    pub clock: Clock,
    /// Without it, changes wait until there is one.
    pub fcm: Option<Fcm>,
}

/// Makes the changes of a customer's devices, and others of the same topics with them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MakeTopicChanges {
    pub(crate) customer_id: Uuid,
}

#[async_trait]
impl Task for MakeTopicChanges {
    const KIND: &'static str = "topic_changes";
    type State = TopicTaskState;

    fn key(&self) -> Uuid {
        self.customer_id
    }

    fn subject(&self) -> String {
        IdKind::Customer.format(self.customer_id)
    }

    /// What fails is left to the job, so that an outage costs one attempt for each batch and not for each customer.
    async fn run(&self, state: &TopicTaskState, _: u32) -> Result<Step, TaskError> {
        make(state, Some(self.customer_id)).await?;
        Ok(Step::Done)
    }
}

/// Makes the changes that are due: of the topics that this customer's devices wait for, or of all.
pub async fn make(state: &TopicTaskState, customer: Option<Uuid>) -> Result<(), DbErr> {
    let Some(fcm) = &state.fcm else {
        return Ok(());
    };
    let db = state.database.write();
    while let Some(change) = topic_membership::next_due(db, customer, state.clock.now()).await? {
        make_batch(state, fcm, &change, customer).await?;
    }
    Ok(())
}

/// Calls the push service about one batch of a topic, and records the outcomes.
async fn make_batch(
    state: &TopicTaskState,
    fcm: &Fcm,
    change: &TopicChange,
    first: Option<Uuid>,
) -> Result<(), DbErr> {
    let (db, now) = (state.database.write(), state.clock.now());
    let claim = Claim {
        by: Uuid::now_v7(),
        until: now + CLAIM,
    };
    let limit = MAX_TOKENS as u64;
    let tokens = topic_membership::claim(db, change, first, limit, claim, now).await?;
    if tokens.is_empty() {
        return Ok(());
    }
    let subscription = if change.subscribed {
        TopicSubscription::Subscribe
    } else {
        TopicSubscription::Unsubscribe
    };
    let answer = fcm.change_topic(&change.topic, subscription, &tokens).await;
    let outcomes = Outcomes::new(tokens, answer.as_deref().ok());
    outcomes.record(state, change, claim).await
}

/// The tokens of a batch by what became of them.
#[derive(Debug, Default)]
struct Outcomes {
    done: Vec<String>,
    unknown: Vec<String>,
    /// With the push service's code.
    refused: Vec<(String, String)>,
    failed: Vec<(String, String)>,
}

impl Outcomes {
    /// Of the answer; `None` if there is none.
    fn new(tokens: Vec<String>, answer: Option<&[TopicOutcome]>) -> Self {
        let mut sorted = Self::default();
        for (index, token) in tokens.into_iter().enumerate() {
            match answer.and_then(|outcomes| outcomes.get(index)) {
                Some(TopicOutcome::Done) => sorted.done.push(token),
                Some(TopicOutcome::UnknownToken) => sorted.unknown.push(token),
                Some(TopicOutcome::Refused(code)) => sorted.refused.push((code.clone(), token)),
                Some(TopicOutcome::Failed(code)) => sorted.failed.push((code.clone(), token)),
                None => sorted.failed.push(("NO_ANSWER".to_owned(), token)),
            }
        }
        sorted
    }

    async fn record(
        self,
        state: &TopicTaskState,
        change: &TopicChange,
        claim: Claim,
    ) -> Result<(), DbErr> {
        let action = if change.subscribed {
            "subscribe"
        } else {
            "unsubscribe"
        };
        for (outcome, count) in [
            ("done", self.done.len()),
            ("unknown_token", self.unknown.len()),
            ("refused", self.refused.len()),
            ("failed", self.failed.len()),
        ] {
            counter!("vantage_topic_changes_total", "action" => action, "outcome" => outcome)
                .increment(count as u64);
        }
        let again = state.clock.now() + RETRY;
        let transaction = state.database.begin().await?;
        topic_membership::finish(&transaction, change, &self.done, claim).await?;
        if !self.unknown.is_empty() {
            topic_membership::delete_tokens(&transaction, &self.unknown).await?;
            device_token::delete_tokens(&transaction, &self.unknown).await?;
        }
        for (code, tokens) in by_code(self.refused) {
            let (topic, devices) = (&change.topic, tokens.len());
            tracing::warn!(
                topic,
                action,
                code,
                devices,
                "topic change refused, see its code"
            );
            topic_membership::fail(&transaction, change, &tokens, claim, &code, None).await?;
        }
        for (code, tokens) in by_code(self.failed) {
            let (topic, devices) = (&change.topic, tokens.len());
            tracing::warn!(
                topic,
                action,
                code,
                devices,
                "topic change failed, will be retried"
            );
            topic_membership::fail(&transaction, change, &tokens, claim, &code, Some(again))
                .await?;
        }
        transaction.commit().await
    }
}

fn by_code(mut tokens: Vec<(String, String)>) -> Vec<(String, Vec<String>)> {
    tokens.sort();
    let groups = tokens.chunk_by(|a, b| a.0 == b.0);
    groups
        .map(|group| {
            let code = group[0].0.clone();
            (code, group.iter().map(|(_, token)| token.clone()).collect())
        })
        .collect()
}

/// Repeats what failed, in one of all instances.
pub(crate) async fn repeat(state: TopicTaskState, context: WorkerContext) {
    run_leased(&context, "topics", INTERVAL, || repeat_once(&state)).await;
}

/// Records the topics of devices that have none recorded, and makes every change that is due.
pub async fn repeat_once(state: &TopicTaskState) -> Result<(), DbErr> {
    if state.fcm.is_none() {
        return Ok(());
    }
    while record_missing(state, state.clock.now()).await? > 0 {
        make(state, None).await?;
    }
    make(state, None).await?;
    let pending = topic_membership::count_pending(state.database.read()).await?;
    gauge!("vantage_topic_changes_pending").set(pending as f64);
    Ok(())
}

/// Records the topics of a batch of customers, and returns how many.
async fn record_missing(state: &TopicTaskState, now: DateTime<Utc>) -> Result<usize, DbErr> {
    let db = state.database.read();
    let customers = device_token::customers_without_topics(db, RECORDED_AT_ONCE).await?;
    for &customer in &customers {
        let transaction = state.database.begin().await?;
        customer_settings::lock(&transaction, customer, DEFAULT_TIMEZONE).await?;
        let recorder = TopicRecorder {
            transaction: &transaction,
            customer,
            now,
            due_at: None,
        };
        recorder.record_all().await?;
        transaction.commit().await?;
    }
    Ok(customers.len())
}
