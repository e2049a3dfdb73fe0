//! Monitors unsettled payments and ensures that each has a task.

use std::time::Duration;

use chrono::TimeDelta;
use entities::orders::order_payment;
use platform::jobs;
use platform::tasks::Task;
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;

use crate::payment_task::SettlePayment;
use crate::rules::settlement::PaymentState;

const INTERVAL: Duration = Duration::from_secs(10);
/// Longer than any transaction that opens a payment and enqueues its task.
const MIN_AGE: TimeDelta = TimeDelta::minutes(1);
/// Payments processed in one run.
const BATCH_SIZE: u64 = 100;

pub(crate) async fn run(context: WorkerContext) {
    jobs::run_leased(&context, "orders.payments", INTERVAL, || {
        reconcile(&context)
    })
    .await;
}

async fn reconcile(context: &WorkerContext) -> Result<(), DbErr> {
    let (database, now) = (&context.database, context.clock.now());
    let kind = SettlePayment::KIND;
    for order in
        order_payment::open_without_task(database.read(), kind, now - MIN_AGE, BATCH_SIZE).await?
    {
        // This should never happen; if it does, it is logged and the task is enqueued again.
        let order_id = IdKind::Order.format(order);
        tracing::error!(order_id, kind, "payment task missing, enqueued again");
        SettlePayment::enqueue(database.write(), order, now, now).await?;
        metrics::counter!("vantage_order_payments_resumed_total").increment(1);
    }
    report(&order_payment::count_unsettled(database.read()).await?);
    Ok(())
}

fn report(unsettled: &[(PaymentState, i64)]) {
    for state in order_payment::OPEN {
        let count = unsettled.iter().find(|(stored, _)| *stored == state);
        let count = count.map_or(0, |&(_, count)| u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!("vantage_order_payments_unsettled", "state" => state.as_str()).set(count);
    }
}
