//! Background work: return tasks in every instance, and in one of them hourly reconciliation and the daily deletion of
//! old labels. Two concurrent sweeps are harmless: each return is evaluated again under its lock.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::returns::customer_return;
use futures::FutureExt;
use futures::future::BoxFuture;
use platform::database::DatabaseTransaction;
use platform::inbox::{ConsumerGroup, Subscriber};
use platform::jobs;
use platform::objects::ObjectKey;
use platform::objects::setup::Retention;
use platform::tasks::{self, Runner, Task};
use platform::workers::{Job, WorkerContext};
use resolvers::erasure;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::erased_label_task::DeleteErasedLabel;
use crate::follow_parcels;
use crate::label_task::{self, BuyLabel};
use crate::orphan_refunds;
use crate::privacy::{self, EraseReturns};
use crate::refund_supplement::IssueSupplement;
use crate::refund_task::IssueRefund;
use crate::replaced_label_task::VoidReplacedLabel;
use crate::review;
use crate::rules::reconciliation::{self, ReconciliationAction, ReturnSnapshot, USUAL_REVIEWS};
use crate::store_credit;
use crate::subscription;
use crate::support_alert::{self, AlertReason};
use crate::transitions::{self, Actor, ReviewReason, Transition, TransitionError};
use crate::void_task::VoidLabel;

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[
    follow_parcels::PARCELS,
    subscription::LIVE,
    privacy::CUSTOMERS,
];

/// The subscribers of this domain.
pub fn subscribers(state: &State) -> Vec<Subscriber> {
    vec![
        follow_parcels::subscriber(),
        subscription::subscriber(state.pubsub.clone()),
        erasure::subscriber(privacy::CUSTOMERS, Arc::new(EraseReturns)),
    ]
}

/// The scheduled jobs of this domain.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<Job> {
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    let job = |name, run: fn(State, WorkerContext) -> BoxFuture<'static, ()>| {
        let (state, context) = (state.clone(), context.clone());
        Job::new(name, move || run(state.clone(), context.clone()))
    };
    vec![
        job("returns.tasks", |state, context| {
            runner(&state, context).run().boxed()
        }),
        job("returns.reconciliation", |state, context| {
            reconcile(state, context).boxed()
        }),
        job("returns.store_credits", |state, context| {
            announce_credits(state, context).boxed()
        }),
        job("returns.old_labels", |state, context| {
            forget_labels(state, context).boxed()
        }),
        erasure::job("returns.erasures", context, Arc::new(EraseReturns)),
    ]
}

/// The runner of return tasks.
pub fn runner(state: &State, context: WorkerContext) -> Runner {
    Runner::new(context)
        .register::<BuyLabel>(state.clone())
        .register::<VoidLabel>(state.clone())
        .register::<IssueRefund>(state.clone())
        .register::<IssueSupplement>(state.clone())
        .register::<VoidReplacedLabel>(state.clone())
        .register::<DeleteErasedLabel>(state.clone())
}

async fn reconcile(state: State, context: WorkerContext) {
    let work = || async { sweep(&state).await.map(drop) };
    jobs::run_leased(&context, "returns.reconciliation", RECONCILIATION, work).await;
}

/// Credits come unannounced only from versions that could not spend them, which may still run for a while.
async fn announce_credits(state: State, context: WorkerContext) {
    let work = || async { store_credit::announce(&state.database, state.clock.now()).await };
    jobs::run_leased(&context, "returns.store_credits", RECONCILIATION, work).await;
}

/// Labels contain names and addresses, so they are deleted once their links have expired.
async fn forget_labels(state: State, context: WorkerContext) {
    let work = || async {
        let folder = ObjectKey::new(label_task::FOLDER).map_err(|error| error.to_string())?;
        let cutoff = state.clock.now() - TimeDelta::days(LABELS.days.into());
        let objects = state.labels.objects();
        let deleted = objects.delete_older_than(&folder, cutoff).await;
        let deleted = deleted.map_err(|error| error.to_string())?;
        metrics::counter!("vantage_returns_labels_deleted_total").increment(deleted);
        Ok::<_, String>(())
    };
    jobs::run_leased(&context, "returns.old_labels", OLD_LABELS, work).await;
}

const RECONCILIATION: Duration = Duration::from_secs(60 * 60);

/// How often old labels are deleted.
const OLD_LABELS: Duration = Duration::from_secs(24 * 60 * 60);

/// How long labels are stored.
pub const LABELS: Retention = Retention {
    folder: label_task::FOLDER,
    days: 90,
};

/// Refunds in doubt for longer than this raise an alert.
const IN_DOUBT: TimeDelta = TimeDelta::hours(1);

/// Returns loaded at a time.
const PAGE: u64 = 100;

/// The result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Returns that support was alerted about.
    pub alerted: u64,
    /// Returns sent to manual review.
    pub reviewed: u64,
    /// Returns whose missing refund or label task was enqueued again.
    pub resumed: u64,
    /// Refunds by the payment provider that their returns do not know.
    pub orphans: u64,
    /// Returns that could not be settled; the next sweep tries again.
    pub failed: u64,
    /// Returns that have waited for a person for more than a day, and were reported.
    pub overdue: u64,
}

/// Settles every stuck return, each in its own transaction, so that a failure does not affect the others.
pub async fn sweep(state: &State) -> Result<SweepReport, DbErr> {
    let now = state.clock.now();
    let mut report = SweepReport::default();
    let db = state.database.read();
    let overdue = reconciliation::overdue_before(now);
    let stuck = reconciliation::stuck_before(now);
    let mut last = Uuid::nil();
    while let page = customer_return::unscanned(db, overdue, last, PAGE).await?
        && let Some(end) = page.last()
    {
        last = *end;
        report.settle_all(state, &page, now).await;
    }
    let mut last = Uuid::nil();
    while let page = customer_return::unlabelled(db, stuck, last, PAGE).await?
        && let Some(end) = page.last()
    {
        last = *end;
        report.settle_all(state, &page, now).await;
    }
    let mut last = Uuid::nil();
    while let page = customer_return::unrefunded(db, last, PAGE).await?
        && let Some(end) = page.last()
    {
        last = *end;
        let refund = |return_id| IssueRefund { return_id };
        report.resume_all(state, &page, refund, now).await?;
    }
    let mut last = Uuid::nil();
    while let page = customer_return::unvoided(db, last, PAGE).await?
        && let Some(end) = page.last()
    {
        last = *end;
        let void = |return_id| VoidLabel { return_id };
        report.resume_all(state, &page, void, now).await?;
    }
    let in_doubt = customer_return::count_in_doubt(db, now - IN_DOUBT).await?;
    metrics::gauge!("vantage_returns_refunds_in_doubt")
        .set(f64::from(u32::try_from(in_doubt).unwrap_or(u32::MAX)));
    if in_doubt > 0 {
        tracing::error!(
            refunds = in_doubt,
            "refunds without a known outcome for an hour"
        );
    }
    match orphan_refunds::report(state, now).await {
        Ok(orphans) => report.orphans = orphans,
        Err(error) => {
            report.failed += 1;
            tracing::warn!(%error, "refunds not compared with their returns");
        }
    }
    report.overdue = review::remind(state, now).await?;
    report.report();
    Ok(report)
}

impl SweepReport {
    async fn settle_all(&mut self, state: &State, returns: &[Uuid], now: DateTime<Utc>) {
        for id in returns {
            match settle(state, *id, now).await {
                Ok(Some(ReconciliationAction::SupportAlert)) => self.alerted += 1,
                Ok(Some(ReconciliationAction::ManualReview)) => self.reviewed += 1,
                Ok(None) => {}
                Err(error) => {
                    self.failed += 1;
                    let return_id = IdKind::Return.format(*id);
                    tracing::error!(return_id, %error, "return not settled");
                }
            }
        }
    }

    /// Enqueues missing tasks again, and reports them. There should be none.
    async fn resume_all<T: Task>(
        &mut self,
        state: &State,
        returns: &[Uuid],
        task: impl Fn(Uuid) -> T,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        for id in returns {
            let return_id = IdKind::Return.format(*id);
            tracing::error!(
                return_id,
                kind = T::KIND,
                "return task missing, enqueued again"
            );
            tasks::enqueue(state.database.write(), &task(*id), now, now).await?;
            self.resumed += 1;
        }
        Ok(())
    }

    fn report(&self) {
        for (outcome, count) in [
            ("support_alert", self.alerted),
            ("manual_review", self.reviewed),
            ("resumed", self.resumed),
            ("orphan_refund", self.orphans),
            ("failed", self.failed),
            ("overdue_review", self.overdue),
        ] {
            metrics::counter!("vantage_returns_reconciled_total", "outcome" => outcome)
                .increment(count);
        }
        if self.reviewed > USUAL_REVIEWS {
            tracing::error!(
                returns = self.reviewed,
                "unusually many returns went to manual review without a carrier scan"
            );
        }
    }
}

/// Does what is due about the return and returns what it was.
async fn settle(
    state: &State,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<ReconciliationAction>, TransitionError> {
    let transaction = state.database.begin().await?;
    let Some(row) = customer_return::lock(&transaction, id).await? else {
        return Ok(None);
    };
    let due = reconciliation::due(&snapshot(&row)?, now);
    match due {
        None => return Ok(None),
        Some(ReconciliationAction::ManualReview) => {
            let review = Transition::ManualReview(ReviewReason::NoScan);
            transitions::advance(&transaction, row, &review, Actor::System, now).await?;
        }
        Some(ReconciliationAction::SupportAlert) => alert(&transaction, row, now).await?,
    }
    transaction.commit().await?;
    Ok(due)
}

fn snapshot(row: &customer_return::Model) -> Result<ReturnSnapshot, TransitionError> {
    Ok(ReturnSnapshot {
        status: row.status,
        created_at: row.created_at,
        label_generated_at: row.label_generated_at,
        alerted: row.support_alerted_at.is_some(),
    })
}

/// Alerts support about a return without a label, once.
async fn alert(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    now: DateTime<Utc>,
) -> Result<(), TransitionError> {
    row.support_alerted_at = Some(now);
    transitions::update(transaction, &row).await?;
    support_alert::alert(transaction, &row, AlertReason::NoLabel, now).await?;
    Ok(())
}
