//! Sends deals whose time has come: one instance at a time, in batches, and not faster than allowed. What is decided about
//! a batch is committed before it is sent, so a process that dies repeats nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::deal_queue::{self, DealState};
use entities::notifications::notification::{self, DeliveryStatus};
use futures::future::join_all;
use metrics::{counter, gauge};
use platform::clock::Clock;
use platform::database::{Database, DatabaseTransaction};
use platform::jobs::run_leased;
use platform::providers::sqs::SqsQueue;
use platform::tasks::{self, Step};
use platform::workers::WorkerContext;
use sea_orm::{ConnectionTrait, DbErr};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::deal_schedule::preferences;
use crate::deal_sqs::{self, QueueError};
use crate::message_task::{MessageTaskState, SendMessage};
use crate::rules::deal::Priority;
use crate::rules::quiet_hours::{Decision, Window, decide};
use crate::rules::send_decision::SuppressReason;

/// When a message is sent in the background, if the process that sends it at once dies.
const BACKGROUND: TimeDelta = TimeDelta::seconds(10);

/// After this time, a deal that was handed to a queue outside of the database is handed to it again.
const LOST: TimeDelta = TimeDelta::minutes(15);

/// How deals are sent.
#[derive(Clone, Debug)]
pub struct DealDelivery {
    /// How often to look for deals that are due.
    pub interval: Duration,
    /// Deals that are sent concurrently.
    pub at_once: u64,
    /// Deals that are sent in a second, at most.
    pub per_second: u32,
    /// A queue that carries deals that are due to the processes that send them. Without it, they are sent from the
    /// database.
    pub queue: Option<SqsQueue>,
}

impl DealDelivery {
    /// How long as many deals take at least.
    fn least(&self, deals: u64) -> Duration {
        let deals = u32::try_from(deals).unwrap_or(u32::MAX);
        Duration::from_secs(1).saturating_mul(deals) / self.per_second.max(1)
    }
}

/// The dependencies of sending deals.
#[derive(Clone, Debug)]
pub struct DealTaskState {
    pub database: Database,
    pub clock: Clock,
    pub delivery: DealDelivery,
    pub messages: MessageTaskState,
    pub stop: CancellationToken,
}

/// Why deals were not sent on.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    #[error("the notifications database failed: {0}")]
    Database(#[from] DbErr),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// What one drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    pub sent: u64,
    /// Handed to the queue outside of the database.
    pub queued: u64,
    /// Their providers failed; they are sent again by their tasks.
    pub failed: u64,
    /// Dropped, because their window ended before they could be sent.
    pub expired: u64,
    /// Of customers who meanwhile do not want deals.
    pub opted_out: u64,
    /// Put off to the end of quiet hours.
    pub put_off: u64,
}

impl Drained {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.queued += other.queued;
        self.failed += other.failed;
        self.expired += other.expired;
        self.opted_out += other.opted_out;
        self.put_off += other.put_off;
    }

    pub(crate) fn count(self) {
        for (outcome, count) in [
            ("sent", self.sent),
            ("queued", self.queued),
            ("failed", self.failed),
            ("expired", self.expired),
            ("opted_out", self.opted_out),
            ("put_off", self.put_off),
        ] {
            counter!("vantage_deals_total", "outcome" => outcome).increment(count);
        }
    }
}

/// Sends what is due at each interval, in one of all instances.
pub(crate) async fn drain(state: DealTaskState, context: WorkerContext) {
    let interval = state.delivery.interval;
    run_leased(&context, "deals", interval, || async {
        let drained = Box::pin(drain_once(&state)).await?;
        if drained.expired > 0 {
            let deals = drained.expired;
            tracing::warn!(
                deals,
                "deals dropped, because their window ended before they could be sent"
            );
        }
        Ok::<_, DrainError>(())
    })
    .await;
}

/// Sends everything that is due. Stops when the provider fails for a whole batch: it is due again at the next drain.
pub async fn drain_once(state: &DealTaskState) -> Result<Drained, DrainError> {
    let db = state.database.write();
    deal_queue::delete_settled(db, None).await?;
    deal_queue::take_back(db, state.clock.now() - LOST, state.clock.now()).await?;
    let mut total = Drained::default();
    while !state.stop.is_cancelled() {
        let started = Instant::now();
        let due = due(db, state.clock.now(), state.delivery.at_once).await?;
        if due.is_empty() {
            break;
        }
        let batch = match &state.delivery.queue {
            Some(queue) => deal_sqs::hand_over(state, queue, due).await?,
            None => send(state, due).await?,
        };
        batch.count();
        total.add(batch);
        if batch.failed > 0 && batch.sent == 0 {
            break;
        }
        let least = state.delivery.least(batch.sent + batch.queued);
        let rest = least.saturating_sub(started.elapsed());
        if !rest.is_zero() {
            state
                .stop
                .run_until_cancelled(tokio::time::sleep(rest))
                .await;
        }
    }
    measure(state).await?;
    Ok(total)
}

/// The next deals to send, the most urgent ones first.
async fn due(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<deal_queue::Model>, DbErr> {
    let mut all = Vec::new();
    for priority in Priority::ALL {
        let rest = limit - all.len() as u64;
        if rest > 0 {
            all.extend(deal_queue::due(db, priority.rank(), now, rest).await?);
        }
    }
    Ok(all)
}

async fn measure(state: &DealTaskState) -> Result<(), DbErr> {
    let counts = deal_queue::count(state.database.read(), state.clock.now()).await?;
    gauge!("vantage_deals_waiting").set(counts.waiting as f64);
    gauge!("vantage_deals_due").set(counts.due as f64);
    gauge!("vantage_deals_handed_on").set(counts.handed_on as f64);
    Ok(())
}

/// Decides about deals and sends them, all at once.
async fn send(state: &DealTaskState, due: Vec<deal_queue::Model>) -> Result<Drained, DbErr> {
    let mut batch = Drained::default();
    let release = decide_all(state, due, DealState::Waiting, &mut batch).await?;
    let sent = release_all(state, &release).await?;
    batch.sent = sent;
    batch.failed = release.len() as u64 - sent;
    Ok(batch)
}

/// Decides about deals in this state by the preferences of now, and returns those to send, which are released.
pub(crate) async fn decide_all(
    state: &DealTaskState,
    deals: Vec<deal_queue::Model>,
    from: DealState,
    batch: &mut Drained,
) -> Result<Vec<Uuid>, DbErr> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let customers: Vec<Uuid> = deals.iter().map(|deal| deal.customer_id).collect();
    let preferences = preferences(&transaction, &customers).await?;
    let (mut release, mut drop) = (Vec::new(), Vec::new());
    for deal in deals {
        let preference = &preferences[&deal.customer_id];
        let window = Window {
            start: deal.window_start,
            end: deal.window_end,
        };
        let quiet = preference.cell.quiet_hours;
        let id = deal.notification_id;
        match decide(now, window, quiet, preference.zone) {
            _ if !preference.cell.enabled => {
                batch.opted_out += 1;
                suppress(&transaction, id, SuppressReason::OptedOut).await?;
                drop.push(id);
            }
            Decision::Expired => {
                batch.expired += 1;
                suppress(&transaction, id, SuppressReason::Expired).await?;
                drop.push(id);
            }
            Decision::WaitUntil(at) => {
                batch.put_off += 1;
                put_off(&transaction, id, from, at).await?;
            }
            Decision::Deliver => release.push(id),
        }
    }
    deal_queue::delete(&transaction, &drop).await?;
    for &id in &release {
        // At once by this process; by any other if it dies.
        let task = SendMessage { id };
        tasks::enqueue(&transaction, &task, now + BACKGROUND, now).await?;
    }
    deal_queue::set_states(&transaction, &release, from, DealState::Released).await?;
    transaction.commit().await?;
    Ok(release)
}

async fn suppress(
    transaction: &DatabaseTransaction,
    id: Uuid,
    reason: SuppressReason,
) -> Result<(), DbErr> {
    let status = DeliveryStatus::Suppressed;
    notification::set_not_sent(transaction, id, status, reason.into_str()).await?;
    Ok(())
}

/// Has a deal wait for another time, which its customer sees, too.
pub(crate) async fn put_off(
    transaction: &DatabaseTransaction,
    id: Uuid,
    from: DealState,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    if deal_queue::wait_until(transaction, id, from, at).await? {
        notification::schedule(transaction, id, at).await?;
    }
    Ok(())
}

/// Sends released deals concurrently. Returns how many are settled: sent, or not to be sent.
pub(crate) async fn release_all(state: &DealTaskState, ids: &[Uuid]) -> Result<u64, DbErr> {
    let sending = ids.iter().map(|&id| async move {
        let claimed = tasks::claim::<SendMessage>(&state.database, &state.clock, id).await?;
        let Some(claimed) = claimed else {
            // Another process is sending it.
            return Ok(false);
        };
        // A failure is in the message's row, and its task repeats it.
        let outcome = Box::pin(claimed.perform(&state.messages)).await;
        Ok::<_, DbErr>(matches!(outcome, Ok(Step::Done)))
    });
    let mut settled = 0;
    for outcome in join_all(sending).await {
        settled += u64::from(outcome?);
    }
    if !ids.is_empty() {
        deal_queue::delete_settled(state.database.write(), Some(ids)).await?;
    }
    Ok(settled)
}
