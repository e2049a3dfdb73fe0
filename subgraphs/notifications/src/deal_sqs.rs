//! Deals that are due, carried by an SQS FIFO queue. The window and the order stay ours, in the database: a FIFO queue refuses
//! a delay on single messages. What is received is decided about anew, and sent once, however often it is received.

use std::time::Duration;

use chrono::SecondsFormat;
use entities::notifications::deal_queue::{self, DealState};
use entities::notifications::notification;
use platform::providers::sqs::{
    MAX_MESSAGES, NewQueueMessage, QueueMessage, QueueSettings, SqsError, SqsQueue,
};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::deal_drain::{DealTaskState, DrainError, Drained, decide_all, release_all};
use crate::rules::deal::Priority;

/// How long a process waits for messages.
const WAIT: Duration = Duration::from_secs(20);
/// How long a received message is hidden: sending takes less.
const HIDDEN: Duration = Duration::from_secs(120);
/// How long a message is hidden while its provider fails, and with it later ones of its customer.
const FAILED: Duration = Duration::from_secs(30);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// What the queue of deals is like. A message that was not received for a day was handed over again long ago, and a message
/// whose provider is away for longer must not leave the queue: its deal is settled in the database, and so are failures.
pub const QUEUE: QueueSettings = QueueSettings {
    hidden_for: HIDDEN,
    retention: Duration::from_secs(24 * 60 * 60),
    wait: WAIT,
};

/// Why deals could not be handed over or received.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the queue of deals failed: {0}")]
    Sqs(#[from] SqsError),
    #[error("the queue of deals refused a message: {0}")]
    Refused(String),
}

/// What a message says about the deal. The texts are for other consumers; this one reads the database.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    notification_id: Uuid,
    title: String,
    body: String,
    deep_link: Option<String>,
    image_url: Option<String>,
}

/// Hands deals that are due to the queue, in their order. That is recorded first: what a process that dies has not handed
/// over is handed over again after a while, and what it has handed over twice is sent once.
pub(crate) async fn hand_over(
    state: &DealTaskState,
    queue: &SqsQueue,
    due: Vec<deal_queue::Model>,
) -> Result<Drained, DrainError> {
    let (db, now) = (state.database.write(), state.clock.now());
    let mut handed = Drained::default();
    for chunk in due.chunks(MAX_MESSAGES) {
        let ids: Vec<Uuid> = chunk.iter().map(|deal| deal.notification_id).collect();
        let rows = notification::by_ids(db, &ids).await?;
        deal_queue::begin_round(db, &ids, now).await?;
        // A message that was erased meanwhile has nothing to send.
        let (ids, messages): (Vec<Uuid>, Vec<_>) = chunk
            .iter()
            .filter_map(|deal| {
                let row = rows.get(&deal.notification_id)?;
                Some((deal.notification_id, message(deal, row)))
            })
            .unzip();
        let failed = match queue.send(&messages).await {
            Ok(failed) => failed,
            Err(error) => {
                deal_queue::set_states(db, &ids, DealState::Queued, DealState::Waiting).await?;
                return Err(QueueError::from(error).into());
            }
        };
        handed.queued += (messages.len() - failed.len()) as u64;
        let refused: Vec<Uuid> = failed
            .keys()
            .filter_map(|index| ids.get(*index))
            .copied()
            .collect();
        if !refused.is_empty() {
            deal_queue::set_states(db, &refused, DealState::Queued, DealState::Waiting).await?;
            let code = failed.into_values().next().unwrap_or_default();
            return Err(QueueError::Refused(code).into());
        }
    }
    Ok(handed)
}

fn message(deal: &deal_queue::Model, row: &notification::Model) -> NewQueueMessage {
    let customer = IdKind::Customer.format(deal.customer_id);
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let image = row.data.as_ref().and_then(|data| data["imageUrl"].as_str());
    NewQueueMessage {
        group: customer.clone(),
        // A deal that came back for its quiet hours is another message.
        deduplication_id: format!("{}-{}", deal.notification_id, deal.rounds + 1),
        body: json!(Body {
            notification_id: deal.notification_id,
            title: row.title.clone(),
            body: row.body.clone(),
            deep_link: row.deep_link.clone(),
            image_url: image.map(str::to_owned),
        }),
        attributes: vec![
            ("delivery_window_start", time(deal.window_start)),
            ("delivery_window_end", time(deal.window_end)),
            ("user_id", customer),
            ("notification_category", "deals".to_owned()),
            (
                "priority",
                Priority::of_rank(deal.priority).as_str().to_owned(),
            ),
        ],
    }
}

/// Receives deals and sends them, in every instance, until told to stop.
pub(crate) async fn consume(state: DealTaskState, queue: SqsQueue, context: WorkerContext) {
    while !context.stop.is_cancelled() {
        let received = context
            .stop
            .run_until_cancelled(consume_once(&state, &queue, WAIT))
            .await;
        if let Some(Err(error)) = received {
            tracing::warn!(%error, "deals not received, will be retried");
            context
                .stop
                .run_until_cancelled(tokio::time::sleep(PAUSE))
                .await;
        }
    }
}

/// Receives one batch and sends it. Returns what became of it.
pub async fn consume_once(
    state: &DealTaskState,
    queue: &SqsQueue,
    wait: Duration,
) -> Result<Drained, DrainError> {
    let received = queue
        .receive(wait, HIDDEN)
        .await
        .map_err(QueueError::from)?;
    let mut batch = Drained::default();
    let (mut settled, mut failing) = (Vec::new(), Vec::new());
    let mut failed_customers = Vec::new();
    for message in received {
        let Some(id) = id(&message) else {
            tracing::error!("a message in the queue of deals is not one of a deal, deleted");
            settled.push(message.receipt);
            continue;
        };
        let deal = deal_queue::by_ids(state.database.write(), &[id])
            .await?
            .pop();
        let customer = deal.as_ref().map(|deal| deal.customer_id);
        let is_blocked = customer.is_some_and(|customer| failed_customers.contains(&customer));
        if is_blocked || !send(state, deal, &mut batch).await? {
            failed_customers.extend(customer);
            failing.push(message.receipt);
        } else {
            settled.push(message.receipt);
        }
    }
    if !settled.is_empty() {
        queue.delete(&settled).await.map_err(QueueError::from)?;
    }
    for receipt in failing {
        queue
            .hide(&receipt, FAILED)
            .await
            .map_err(QueueError::from)?;
    }
    batch.count();
    Ok(batch)
}

/// Sends a received deal. Returns whether it is settled, so that its message can be deleted.
async fn send(
    state: &DealTaskState,
    deal: Option<deal_queue::Model>,
    batch: &mut Drained,
) -> Result<bool, DbErr> {
    // Without a row it was settled before.
    let Some(deal) = deal else { return Ok(true) };
    let id = deal.notification_id;
    let released = match deal.state {
        // It came back, such as for its quiet hours, and this is an old message.
        DealState::Waiting => return Ok(true),
        DealState::Queued => decide_all(state, vec![deal], DealState::Queued, batch).await?,
        // It was received before: its task may still be sending it.
        DealState::Released => vec![id],
    };
    if released.is_empty() {
        return Ok(true);
    }
    release_all(state, &released, batch).await?;
    let is_open = !deal_queue::by_ids(state.database.write(), &[id])
        .await?
        .is_empty();
    if is_open {
        batch.failed += 1;
    }
    Ok(!is_open)
}

fn id(message: &QueueMessage) -> Option<Uuid> {
    let body: Body = serde_json::from_str(&message.body).ok()?;
    Some(body.notification_id)
}
