//! What runs beside requests: reconciliation, of which one instance at a time should run a sweep
//! every hour. Two at once do no harm: each return is judged again under its lock.

use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use futures::future::BoxFuture;
use platform::inbox::Subscriber;
use platform::workers::WorkerContext;
use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

use crate::State;
use crate::moves::{self, Actor, Move, MoveError, ReviewReason};
use crate::rules::reconciliation::{self, Due, Standing, USUAL_REVIEWS};
use crate::rules::status::ReturnStatus;
use crate::support::{self, Concern};
use crate::tasks;

/// The consumers of this domain.
pub fn subscribers() -> Vec<Subscriber> {
    Vec::new()
}

/// What this domain does by itself.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<BoxFuture<'static, ()>> {
    let state = State {
        database: context.database.clone(),
        ..state.clone()
    };
    vec![Box::pin(tasks::run(state, context.clone()))]
}

/// Returns that are looked up at a time.
const PAGE: u64 = 100;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Support was told of these.
    pub alerted: u64,
    /// These went to manual review.
    pub reviewed: u64,
    /// These could not be settled; the next sweep tries again.
    pub failed: u64,
}

/// Settles every return that is stuck: one transaction each, so that one that fails holds up no
/// other.
pub async fn sweep(state: &State) -> Result<Swept, DbErr> {
    let now = state.clock.now();
    let mut swept = Swept::default();
    let overdue = reconciliation::overdue_before(now);
    let mut last = Uuid::nil();
    loop {
        let page = customer_return::unscanned(state.database.read(), overdue, last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last = *end;
        swept.settle_all(state, &page, now).await;
    }
    let stuck = reconciliation::stuck_before(now);
    let mut last = Uuid::nil();
    loop {
        let page = customer_return::unlabelled(state.database.read(), stuck, last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last = *end;
        swept.settle_all(state, &page, now).await;
    }
    swept.report();
    Ok(swept)
}

impl Swept {
    async fn settle_all(&mut self, state: &State, returns: &[Uuid], now: DateTime<Utc>) {
        for id in returns {
            match settle(state, *id, now).await {
                Ok(Some(Due::SupportAlert)) => self.alerted += 1,
                Ok(Some(Due::ManualReview)) => self.reviewed += 1,
                Ok(None) => {}
                Err(error) => {
                    self.failed += 1;
                    tracing::error!(%error, "a return could not be settled");
                }
            }
        }
    }

    fn report(&self) {
        for (outcome, count) in [
            ("support_alert", self.alerted),
            ("manual_review", self.reviewed),
            ("failed", self.failed),
        ] {
            metrics::counter!("vantage_returns_reconciled_total", "outcome" => outcome)
                .increment(count);
        }
        if self.reviewed > USUAL_REVIEWS {
            tracing::error!(
                returns = self.reviewed,
                "unusually many returns went to manual review for want of a scan"
            );
        }
    }
}

/// Does what is due about the return, and says what it was.
async fn settle(state: &State, id: Uuid, now: DateTime<Utc>) -> Result<Option<Due>, MoveError> {
    let transaction = state.database.begin().await?;
    let Some(row) = customer_return::lock(&transaction, id).await? else {
        return Ok(None);
    };
    let due = reconciliation::due(&standing(&row)?, now);
    match due {
        None => return Ok(None),
        Some(Due::ManualReview) => {
            let review = Move::ManualReview(ReviewReason::NoScan);
            moves::advance(&transaction, row, &review, Actor::System, now).await?;
        }
        Some(Due::SupportAlert) => alert(&transaction, row, now).await?,
    }
    transaction.commit().await?;
    Ok(due)
}

fn standing(row: &customer_return::Model) -> Result<Standing, MoveError> {
    Ok(Standing {
        status: ReturnStatus::parse(&row.status).ok_or(MoveError::Unknown(row.id))?,
        created_at: row.created_at,
        label_generated_at: row.label_generated_at,
        alerted: row.support_alerted_at.is_some(),
    })
}

/// Tells support of a return without a label, once.
async fn alert(
    transaction: &DatabaseTransaction,
    mut row: customer_return::Model,
    now: DateTime<Utc>,
) -> Result<(), MoveError> {
    row.support_alerted_at = Some(now);
    let status = row.status.clone();
    if !customer_return::change(transaction, &status, row.clone()).await? {
        return Err(MoveError::Overtaken(row.id));
    }
    support::alert(transaction, &row, Concern::NoLabel, now).await?;
    Ok(())
}
