//! Background work and reactions to other domains' events.

use std::sync::Arc;
use std::time::Duration;

use platform::inbox::{ConsumerGroup, Subscriber};
use platform::jobs;
use platform::tasks::Runner;
use platform::workers::{Job, WorkerContext};
use resolvers::erasure;
use sea_orm::DbErr;

use crate::State;
use crate::follow_parcels::FollowParcels;
use crate::order_refund_task::IssueOrderRefund;
use crate::order_review;
use crate::payment_task::{SettlePayment, Settlement};
use crate::privacy::{self, EraseOrders};
use crate::reconciliation;
use crate::stock_consumers;
use crate::subscription;

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[
    PARCELS,
    stock_consumers::RETURNS,
    stock_consumers::CATALOG,
    subscription::LIVE,
    privacy::CUSTOMERS,
];

const PARCELS: ConsumerGroup = ConsumerGroup {
    name: "orders.tracking",
    topics: &["tracking.events"],
};

/// The subscribers of this domain.
pub fn subscribers(state: &State) -> Vec<Subscriber> {
    let parcels = Subscriber {
        group: PARCELS,
        handler: Arc::new(FollowParcels),
    };
    let customers = erasure::subscriber(privacy::CUSTOMERS, Arc::new(EraseOrders));
    let live = subscription::subscriber(state.pubsub.clone());
    [parcels, live, customers]
        .into_iter()
        .chain(stock_consumers::subscribers())
        .collect()
}

/// The scheduled jobs of this domain.
pub fn jobs(state: &State, context: &WorkerContext) -> Vec<Job> {
    let (tasks, payments) = (runner(state, context), context.clone());
    let tasks = tasks.map(|runner| Job::new("orders.tasks", move || runner.clone().run()));
    let payments = Job::new("orders.payments", move || {
        reconciliation::run(payments.clone())
    });
    let reviews = context.clone();
    let reviews = Job::new("orders.reviews", move || watch_reviews(reviews.clone()));
    let erasures = erasure::job("orders.erasures", context, Arc::new(EraseOrders));
    tasks
        .into_iter()
        .chain([payments, reviews, erasures])
        .collect()
}

/// Puts orders into the queue whose payments have been in doubt for an hour, and reports those that have waited for a
/// day.
pub async fn review(state: &State) -> Result<(), DbErr> {
    order_review::watch(&state.database, &state.clock).await
}

/// How often orders are looked for that wait for a person.
const REVIEWS: Duration = Duration::from_secs(60);

async fn watch_reviews(context: WorkerContext) {
    let work = || order_review::watch(&context.database, &context.clock);
    jobs::run_leased(&context, "orders.reviews", REVIEWS, work).await;
}

/// The runner of payment tasks, if there is a provider.
pub fn runner(state: &State, context: &WorkerContext) -> Option<Runner> {
    let settlement = Settlement {
        database: context.database.clone(),
        clock: context.clock.clone(),
        stripe: state.stripe.clone()?,
        capture_method: state.capture_method,
    };
    Some(
        Runner::new(context.clone())
            .register::<SettlePayment>(settlement.clone())
            .register::<IssueOrderRefund>(settlement),
    )
}
