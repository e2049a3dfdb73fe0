//! Background work and reactions to other domains' events: orders follow their parcels.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::orders::order;
use entities::orders::order_event::Actor;
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use platform::jobs;
use platform::tasks::Runner;
use platform::workers::{Job, WorkerContext};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::Deserialize;

use crate::State;
use crate::order_refund_task::IssueOrderRefund;
use crate::order_review;
use crate::payment_task::{SettlePayment, Settlement};
use crate::reconciliation;
use crate::rules::fulfillment::{self, Fulfillment};
use crate::stock_consumers;
use crate::transitions::{self, Transition, TransitionError};

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] =
    &[PARCELS, stock_consumers::RETURNS, stock_consumers::CATALOG];

const PARCELS: ConsumerGroup = ConsumerGroup {
    name: "orders.tracking",
    topics: &["tracking.events"],
};

/// The subscribers of this domain.
pub fn subscribers() -> Vec<Subscriber> {
    let parcels = Subscriber {
        group: PARCELS,
        handler: Arc::new(FollowParcels),
    };
    [parcels]
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
    tasks.into_iter().chain([payments, reviews]).collect()
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
    };
    Some(
        Runner::new(context.clone())
            .register::<SettlePayment>(settlement.clone())
            .register::<IssueOrderRefund>(settlement),
    )
}

/// Advances an order when the carrier has its parcels, and when all are delivered.
struct FollowParcels;

/// The fields used of `tracking.status_changed`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParcelChanged {
    order_id: String,
    return_id: Option<String>,
    status: String,
    all_delivered: bool,
    /// When the last of the parcels was delivered, whichever was reported last.
    #[serde(default)]
    delivered_at: Option<DateTime<Utc>>,
    timestamp: Option<DateTime<Utc>>,
}

#[async_trait]
impl Handler for FollowParcels {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let parcel = inbox::read::<ParcelChanged>(event, "tracking.status_changed")?;
        // A return's parcel does not affect the order.
        let Some(parcel) = parcel.filter(|parcel| parcel.return_id.is_none()) else {
            return Ok(());
        };
        let id = IdKind::Order.of_event(&parcel.order_id)?;
        let Some(mut order) = order::lock(transaction, id).await? else {
            return Err(HandleError::Unusable(format!(
                "there is no order {}",
                parcel.order_id
            )));
        };
        // Nothing can have happened after the event that reports it.
        let at = parcel
            .delivered_at
            .or(parcel.timestamp)
            .map_or(event.occurred_at, |at| at.min(event.occurred_at));
        let fulfillment = Fulfillment::of(&parcel.status, parcel.all_delivered);
        let transitions = fulfillment::transitions(order.status, fulfillment);
        for &to in transitions {
            let transition = Transition {
                to,
                actor: Actor::Carrier,
                reason: None,
                at,
            };
            transitions::advance(transaction, &mut order, &transition, now)
                .await
                .map_err(|error| match error {
                    TransitionError::Illegal(refused) => HandleError::Unusable(refused.to_string()),
                    TransitionError::Database(error) => error.into(),
                })?;
        }
        Ok(())
    }
}
