//! Computes anew when waiting deals are due: in the transaction in which a customer changes quiet hours or the time zone,
//! and for all customers once a day, since time zones change, too.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::notifications::deal_queue::{self, DealState};
use platform::clock::Clock;
use platform::database::{Database, DatabaseTransaction};
use platform::jobs::run_leased;
use platform::workers::WorkerContext;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::deal_drain::{DealTaskState, put_off};
use crate::deal_schedule::{DealPreference, preferences};
use crate::rules::quiet_hours::{Decision, Window, decide};

/// How often all are computed.
const INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// Deals of one transaction. A customer with more has the rest computed when they are due.
const BATCH: u64 = 500;

/// Computes when the customer's waiting deals are due.
pub(crate) async fn of_customer(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let deals = deal_queue::waiting_of_customer(transaction, customer, BATCH).await?;
    recalculate(transaction, &deals, now).await.map(drop)
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
    if deals.is_empty() {
        return Ok(());
    }
    let mut customers: Vec<Uuid> = deals.iter().map(|deal| deal.customer_id).collect();
    customers.sort_unstable();
    customers.dedup();
    let preferences = preferences(transaction, &customers).await?;
    for deal in deals {
        let at = due_at(deal, &preferences[&deal.customer_id], now);
        // What is due stays so: its turn depends on since when.
        let stays = at == deal.due_at || (at <= now && deal.due_at <= now);
        if !stays {
            put_off(transaction, deal.notification_id, DealState::Waiting, at).await?;
        }
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
