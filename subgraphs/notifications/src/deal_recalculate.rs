//! Computes anew when waiting deals are due: those of a customer who has changed quiet hours or the time zone, by a durable
//! task, and those of all customers once a day, since time zones change, too. Both go in steps with short transactions of
//! their own, so that nobody waits for a customer with many deals.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::notifications::deal_queue::{self, DealState};
use platform::clock::Clock;
use platform::database::{Database, DatabaseTransaction};
use platform::jobs::run_leased;
use platform::tasks::{self, Step, Task, TaskError};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::deal_drain::{DealTaskState, put_off};
use crate::deal_schedule::{DealPreference, preferences};
use crate::rules::quiet_hours::{Decision, Window, decide};

/// How often all are computed.
const INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// Deals of one transaction.
const BATCH: u64 = 100;

/// Computes when all of a customer's waiting deals are due. One that is interrupted begins again: deals that were computed
/// before stay as they are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecalculateDeals {
    pub customer_id: Uuid,
}

#[async_trait]
impl Task for RecalculateDeals {
    const KIND: &'static str = "deals_recalculation";
    type State = DealTaskState;

    fn key(&self) -> Uuid {
        self.customer_id
    }

    fn subject(&self) -> String {
        IdKind::Customer.format(self.customer_id)
    }

    async fn run(&self, state: &DealTaskState, _: u32) -> Result<Step, TaskError> {
        let mut after = None;
        loop {
            let transaction = state.database.begin().await?;
            let deals =
                deal_queue::waiting_of_customer(&transaction, self.customer_id, after, BATCH)
                    .await?;
            let Some(last) = deals.last() else {
                transaction.rollback().await;
                return Ok(Step::Done);
            };
            after = Some(last.notification_id);
            recalculate(&transaction, &deals, state.clock.now()).await?;
            transaction.commit().await?;
            if state.stop.is_cancelled() {
                // Another process goes on.
                return Ok(Step::RetryAt(state.clock.now()));
            }
        }
    }
}

/// Has the customer's waiting deals follow a change, in the transaction of that change.
pub(crate) async fn enqueue(
    transaction: &DatabaseTransaction,
    customer_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if deal_queue::has_waiting(transaction, customer_id).await? {
        tasks::enqueue(transaction, &RecalculateDeals { customer_id }, now, now).await?;
    }
    Ok(())
}

/// Computes when all waiting deals are due, in one of all instances.
pub(crate) async fn daily(state: DealTaskState, context: WorkerContext) {
    run_leased(&context, "deals_recalculation", INTERVAL, || {
        of_all(&state.database, &state.clock)
    })
    .await;
}

/// Computes when all waiting deals are due.
pub async fn of_all(database: &Database, clock: &Clock) -> Result<(), DbErr> {
    let mut after = None;
    loop {
        let transaction = database.begin().await?;
        let deals = deal_queue::waiting_after(&transaction, after, BATCH).await?;
        let Some(last) = deals.last() else {
            transaction.rollback().await;
            return Ok(());
        };
        after = Some(last.notification_id);
        recalculate(&transaction, &deals, clock.now()).await?;
        transaction.commit().await?;
    }
}

async fn recalculate(
    transaction: &DatabaseTransaction,
    deals: &[deal_queue::Model],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut customers: Vec<Uuid> = deals.iter().map(|deal| deal.customer_id).collect();
    customers.sort_unstable();
    customers.dedup();
    let preferences = preferences(transaction, &customers).await?;
    let mut moved: BTreeMap<DateTime<Utc>, Vec<Uuid>> = BTreeMap::new();
    for deal in deals {
        let at = due_at(deal, &preferences[&deal.customer_id], now);
        // What is due stays so: its turn depends on since when.
        let stays = at == deal.due_at || (at <= now && deal.due_at <= now);
        if !stays {
            moved.entry(at).or_default().push(deal.notification_id);
        }
    }
    // Many of a customer's wait for the end of the same quiet hours.
    for (at, ids) in moved {
        put_off(transaction, &ids, DealState::Waiting, at).await?;
    }
    Ok(())
}

fn due_at(
    deal: &deal_queue::Model,
    preference: &DealPreference,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let window = Window {
        start: deal.window_start,
        end: deal.window_end,
    };
    let quiet = preference.cell.quiet_hours;
    match decide(now, window, quiet, preference.zone) {
        Decision::WaitUntil(at) => at,
        Decision::Deliver | Decision::Expired => now,
    }
}
