//! Settles payments that nobody is at: of orders that were cancelled, and of those that placed them
//! and were cut off.

use std::time::Duration;

use entities::orders::order_payment;
use futures::StreamExt;
use futures::stream;
use platform::jobs;
use platform::stripe::Stripe;
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::payment_processor::PaymentProcessor;
use crate::rules::settlement::PaymentState;

/// How often it is looked for what is due.
const INTERVAL: Duration = Duration::from_secs(2);
/// Payments that are read at a time.
const BATCH_SIZE: u64 = 100;
/// Pages of a run. What is settled in one may have its next step in another: a payment that turns
/// out to be declined is then cancelled at the provider.
const MAX_BATCHES: usize = 10;
/// Payments that are settled at a time.
const CONCURRENCY: usize = 8;

/// Settles what is due, in one of all instances, until told to stop.
pub(crate) async fn run(context: WorkerContext, stripe: Stripe) {
    jobs::run_leased(&context, "orders.payments", INTERVAL, || {
        settle_due(&context, &stripe)
    })
    .await;
}

/// Settles every payment that is due by now, or leaves it for later.
async fn settle_due(context: &WorkerContext, stripe: &Stripe) -> Result<(), DbErr> {
    let processor = PaymentProcessor {
        database: &context.database,
        clock: &context.clock,
        stripe,
    };
    let db = context.database.read();
    for _ in 0..MAX_BATCHES {
        let due = order_payment::due(db, context.clock.now(), BATCH_SIZE).await?;
        if due.is_empty() {
            break;
        }
        let outcomes: Vec<_> = stream::iter(due)
            .map(|order| settle(processor, order))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        if outcomes.contains(&LEFT) {
            // They stay due: the first run after the outage settles them.
            break;
        }
    }
    report(order_payment::count_unsettled(db).await?);
    Ok(())
}

/// The outcome of a payment whose provider is left alone: nothing was called or written.
const LEFT: &str = "left";

/// Settles one payment, and says what came of it.
async fn settle(processor: PaymentProcessor<'_>, order: Uuid) -> &'static str {
    let outcome = match processor.advance(order).await {
        Ok(()) => "settled",
        Err(error) if error.is_circuit_open() => LEFT,
        Err(error) => match processor.postpone(order, &error).await {
            Ok(()) => "postponed",
            Err(error) => {
                let order_id = IdKind::Order.format(order);
                tracing::warn!(order_id, %error, "payment not postponed");
                "failed"
            }
        },
    };
    metrics::counter!("vantage_order_payments_reconciled_total", "outcome" => outcome).increment(1);
    outcome
}

fn report(unsettled: Vec<(String, i64)>) {
    let open = PaymentState::ALL
        .into_iter()
        .filter(|state| state.is_open());
    for state in open.map(PaymentState::as_str) {
        let count = unsettled.iter().find(|(stored, _)| stored == state);
        let count = count.map_or(0, |&(_, count)| u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!("vantage_order_payments_unsettled", "state" => state).set(count);
    }
}
