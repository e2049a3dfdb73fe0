//! Monitors unsettled payments and ensures that each has a task.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entities::orders::{order, order_payment};
use platform::database::Database;
use platform::jobs;
use platform::tasks::Task;
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::payment_task::SettlePayment;
use crate::rules::settlement::PaymentState;
use crate::support_alert::{self, AuthorizationProblem};

const INTERVAL: Duration = Duration::from_secs(10);
/// Longer than any transaction that opens a payment and enqueues its task.
const MIN_AGE: TimeDelta = TimeDelta::minutes(1);
/// How long before its end support is alerted of an authorization.
const NOTICE: TimeDelta = TimeDelta::days(1);
/// How long after its end the provider is asked, unless its webhook came first.
const GRACE: TimeDelta = TimeDelta::minutes(1);
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
    watch_authorizations(context).await
}

/// Alerts support before an authorization ends unused, and asks the provider about those that ended.
async fn watch_authorizations(context: &WorkerContext) -> Result<(), DbErr> {
    let (database, now) = (&context.database, context.clock.now());
    let ending = order_payment::ending_before(database.read(), now + NOTICE, BATCH_SIZE).await?;
    for payment in ending {
        if payment.expiry_alerted_at.is_none() {
            alert(database, payment.order_id, now).await?;
        } else if payment
            .authorized_until
            .is_some_and(|until| until < now - GRACE)
        {
            SettlePayment::enqueue(database.write(), payment.order_id, now, now).await?;
        }
    }
    Ok(())
}

async fn alert(database: &Database, order: Uuid, now: DateTime<Utc>) -> Result<(), DbErr> {
    let transaction = database.begin().await?;
    let Some(order) = order::lock(&transaction, order).await? else {
        return Ok(());
    };
    let payment = order_payment::of_order(&transaction, order.id).await?;
    let is_due = |payment: &order_payment::Model| {
        payment.state == PaymentState::Authorized && payment.expiry_alerted_at.is_none()
    };
    if let Some(payment) = payment.filter(is_due) {
        let (problem, until) = (
            AuthorizationProblem::AuthorizationEnding,
            payment.authorized_until,
        );
        let told = support_alert::alert_of_authorization(&transaction, &order, problem, until, now);
        told.await?;
        let payment = order_payment::Model {
            expiry_alerted_at: Some(now),
            updated_at: now,
            ..payment
        };
        order_payment::update(&transaction, payment).await?;
    }
    transaction.commit().await
}

fn report(unsettled: &[(PaymentState, i64)]) {
    for state in order_payment::OPEN {
        let count = unsettled.iter().find(|(stored, _)| *stored == state);
        let count = count.map_or(0, |&(_, count)| u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!("vantage_order_payments_unsettled", "state" => state.as_str()).set(count);
    }
}
