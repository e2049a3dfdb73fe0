//! Sends deals whose time has come: one instance at a time, in batches, and not faster than allowed. What is decided about
//! a batch is committed before it is sent, so a process that dies repeats nothing.

use std::collections::{BTreeMap, HashMap};
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

use crate::deal_schedule::{DealPreference, preferences};
use crate::deal_sqs::{self, QueueError};
use crate::message_task::{MessageTaskState, SendMessage};
use crate::rules::deal::Priority;
use crate::rules::quiet_hours::{Decision, Window, decide};
use crate::rules::send_decision::SuppressReason;

/// When a message is sent in the background, if the process that sends it at once dies.
const BACKGROUND: TimeDelta = TimeDelta::seconds(10);

/// Deals of a customer that are put off or dropped with the one whose turn it is.
const SETTLED_AT_ONCE: u64 = 100;

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
    /// Their provider has accepted them.
    pub sent: u64,
    /// There was nothing to send them to, such as a device.
    pub skipped: u64,
    /// Refused for good.
    pub given_up: u64,
    /// Handed to the queue outside of the database.
    pub queued: u64,
    /// Their providers failed; they are sent again by their tasks.
    pub failed: u64,
    /// Dropped, because their window ended before they could be sent.
    pub expired: u64,
    /// Of customers who meanwhile do not want deals.
    pub opted_out: u64,
    /// Of customers who were erased meanwhile.
    pub erased: u64,
    /// Put off to the end of quiet hours.
    pub put_off: u64,
}

impl Drained {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.skipped += other.skipped;
        self.given_up += other.given_up;
        self.queued += other.queued;
        self.failed += other.failed;
        self.expired += other.expired;
        self.opted_out += other.opted_out;
        self.erased += other.erased;
        self.put_off += other.put_off;
    }

    pub(crate) fn count(self) {
        for (outcome, count) in [
            ("sent", self.sent),
            ("skipped", self.skipped),
            ("given_up", self.given_up),
            ("queued", self.queued),
            ("failed", self.failed),
            ("expired", self.expired),
            ("opted_out", self.opted_out),
            ("erased", self.erased),
            ("put_off", self.put_off),
        ] {
            counter!("vantage_deals_total", "outcome" => outcome).increment(count);
        }
    }

    /// Adds a message that is settled, by what became of it.
    fn add_settled(&mut self, row: &notification::Model) {
        match row.status {
            DeliveryStatus::Sent => self.sent += 1,
            DeliveryStatus::DeadLettered => self.given_up += 1,
            _ => {
                let reason = row.reason.as_deref();
                self.add_suppressed(reason.and_then(|reason| reason.parse().ok()));
            }
        }
    }

    /// Adds a message that is not sent, for this reason if it is known.
    fn add_suppressed(&mut self, reason: Option<SuppressReason>) {
        let outcome = match reason {
            Some(SuppressReason::OptedOut) => &mut self.opted_out,
            Some(SuppressReason::CustomerDeleted) => &mut self.erased,
            Some(SuppressReason::Expired) => &mut self.expired,
            _ => &mut self.skipped,
        };
        *outcome += 1;
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
        let (batch, is_failing) = match &state.delivery.queue {
            Some(queue) => (deal_sqs::hand_over(state, queue, due).await?, false),
            None => send(state, due).await?,
        };
        batch.count();
        total.add(batch);
        if is_failing {
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

/// Decides about deals and sends them, all at once. Also returns whether the provider failed for all of them.
async fn send(
    state: &DealTaskState,
    due: Vec<deal_queue::Model>,
) -> Result<(Drained, bool), DbErr> {
    let mut batch = Drained::default();
    let release = decide_all(state, due, DealState::Waiting, &mut batch).await?;
    let settled = release_all(state, &release, &mut batch).await?;
    batch.failed = release.len() as u64 - settled;
    Ok((batch, batch.failed > 0 && settled == 0))
}

/// Decides about deals in this state by the preferences of now, and returns those to send, which are released. Where a
/// customer's is not to be sent, others of theirs that are due are put off or dropped with it.
pub(crate) async fn decide_all(
    state: &DealTaskState,
    deals: Vec<deal_queue::Model>,
    from: DealState,
    batch: &mut Drained,
) -> Result<Vec<Uuid>, DbErr> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let customers: Vec<Uuid> = deals.iter().map(|deal| deal.customer_id).collect();
    let decided = Decided {
        transaction: &transaction,
        preferences: preferences(&transaction, &customers).await?,
        now,
    };
    let (release, held_back) = decided.settle(&deals, from, batch).await?;
    if from == DealState::Waiting {
        for customer in held_back {
            let rest =
                deal_queue::due_of_customer(&transaction, customer, now, SETTLED_AT_ONCE).await?;
            // Those to send wait for their turn.
            decided.settle(&rest, from, batch).await?;
        }
    }
    for &id in &release {
        // At once by this process; by any other if it dies.
        let task = SendMessage { id };
        tasks::enqueue(&transaction, &task, now + BACKGROUND, now).await?;
    }
    deal_queue::set_states(&transaction, &release, from, DealState::Released).await?;
    transaction.commit().await?;
    Ok(release)
}

/// What is decided in one transaction.
struct Decided<'a> {
    transaction: &'a DatabaseTransaction,
    preferences: HashMap<Uuid, DealPreference>,
    now: DateTime<Utc>,
}

impl Decided<'_> {
    /// Puts off and drops the deals that are not to be sent now. Returns those to send, and whose others are not.
    async fn settle(
        &self,
        deals: &[deal_queue::Model],
        from: DealState,
        batch: &mut Drained,
    ) -> Result<(Vec<Uuid>, Vec<Uuid>), DbErr> {
        let (mut release, mut held_back, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        let mut later: BTreeMap<DateTime<Utc>, Vec<Uuid>> = BTreeMap::new();
        for deal in deals {
            let id = deal.notification_id;
            match self.decide(deal) {
                Action::Send => {
                    release.push(id);
                    continue;
                }
                Action::PutOff(at) => {
                    batch.put_off += 1;
                    later.entry(at).or_default().push(id);
                }
                Action::Drop(reason) => {
                    batch.add_suppressed(Some(reason));
                    self.suppress(id, reason).await?;
                    dropped.push(id);
                }
            }
            held_back.push(deal.customer_id);
        }
        deal_queue::delete(self.transaction, &dropped).await?;
        for (at, ids) in later {
            put_off(self.transaction, &ids, from, at).await?;
        }
        Ok((release, held_back))
    }

    async fn suppress(&self, id: Uuid, reason: SuppressReason) -> Result<(), DbErr> {
        if reason == SuppressReason::CustomerDeleted {
            notification::erase_open(self.transaction, id, self.now).await?;
        } else {
            let status = DeliveryStatus::Suppressed;
            notification::set_not_sent(self.transaction, id, status, reason.into_str()).await?;
        }
        Ok(())
    }

    fn decide(&self, deal: &deal_queue::Model) -> Action {
        let preference = &self.preferences[&deal.customer_id];
        if preference.is_erased {
            return Action::Drop(SuppressReason::CustomerDeleted);
        }
        if !preference.cell.enabled {
            return Action::Drop(SuppressReason::OptedOut);
        }
        let window = Window {
            start: deal.window_start,
            end: deal.window_end,
        };
        let quiet = preference.cell.quiet_hours;
        match decide(self.now, window, quiet, preference.zone) {
            Decision::Deliver => Action::Send,
            Decision::WaitUntil(at) => Action::PutOff(at),
            Decision::Expired => Action::Drop(SuppressReason::Expired),
        }
    }
}

/// What to do with a deal whose turn it is.
enum Action {
    Send,
    PutOff(DateTime<Utc>),
    Drop(SuppressReason),
}

/// Has deals wait for another time, which their customers see, too.
pub(crate) async fn put_off(
    transaction: &DatabaseTransaction,
    ids: &[Uuid],
    from: DealState,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let moved = deal_queue::wait_until(transaction, ids, from, at).await?;
    if moved == ids.len() as u64 {
        return notification::schedule_all(transaction, ids, at).await;
    }
    // Some were handed on or erased meanwhile.
    let deals = deal_queue::by_ids(transaction, ids).await?.into_iter();
    let waiting: Vec<Uuid> = deals
        .filter(|deal| deal.state == DealState::Waiting)
        .map(|deal| deal.notification_id)
        .collect();
    notification::schedule_all(transaction, &waiting, at).await
}

/// Sends released deals concurrently, and adds what became of them. Returns how many are settled: sent, or not to be sent.
pub(crate) async fn release_all(
    state: &DealTaskState,
    ids: &[Uuid],
    batch: &mut Drained,
) -> Result<u64, DbErr> {
    if ids.is_empty() {
        return Ok(0);
    }
    let sending = ids.iter().map(|&id| async move {
        let claimed = tasks::claim::<SendMessage>(&state.database, &state.clock, id).await?;
        let Some(claimed) = claimed else {
            // Another process is sending it.
            return Ok(None);
        };
        // A failure is in the message's row, and its task repeats it.
        let outcome = Box::pin(claimed.perform(&state.messages)).await;
        Ok::<_, DbErr>(matches!(outcome, Ok(Step::Done)).then_some(id))
    });
    let mut settled = Vec::with_capacity(ids.len());
    for outcome in join_all(sending).await {
        settled.extend(outcome?);
    }
    let db = state.database.write();
    // A task is done, too, when there was nothing to send its message to.
    for row in notification::by_ids(db, &settled).await?.values() {
        batch.add_settled(row);
    }
    deal_queue::delete_settled(db, Some(ids)).await?;
    Ok(settled.len() as u64)
}
