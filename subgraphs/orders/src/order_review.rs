//! The queue of orders that wait for a person, and the GraphQL type `OrderReview`.

use async_graphql::{Context, Enum, Object};
use chrono::{DateTime as Time, TimeDelta, Utc};
pub(crate) use entities::orders::order_review::ReviewReason;
use entities::orders::{order, order_decision, order_payment, order_review};
use metrics::{counter, gauge};
use platform::clock::Clock;
use platform::database::{Database, DatabaseTransaction};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::events::{self, ReviewOverdue};
use crate::loaders::Loaders;
use crate::order::OrderStatus;
use crate::order_review_input::OrderDecision;
use crate::rules::review;
use crate::rules::settlement::{self, PaymentState};

/// An order that waits longer than this is reported, and again after as long.
const PATIENCE: TimeDelta = TimeDelta::days(1);

/// A payment without an outcome for longer than this needs a person.
const IN_DOUBT: TimeDelta = TimeDelta::hours(1);

/// The most orders that one run reports or puts into the queue; the next run does the others.
const BATCH: u64 = 200;

/// Puts an order that the transaction has locked into the queue. One that waits already keeps its place.
pub(crate) async fn open(
    transaction: &DatabaseTransaction,
    order_id: Uuid,
    reason: ReviewReason,
    now: Time<Utc>,
) -> Result<(), DbErr> {
    let known = order_review::of_order(transaction, order_id).await?;
    let review = match known.filter(|known| known.closed_at.is_none()) {
        Some(open) if open.reason == reason => return Ok(()),
        Some(open) => order_review::Model { reason, ..open },
        None => order_review::Model {
            order_id,
            reason,
            since: now,
            closed_at: None,
            reminded_at: None,
        },
    };
    counter!("vantage_orders_reviews_total", "reason" => reason.as_str()).increment(1);
    order_review::write(transaction, review).await
}

/// Takes an order out of the queue that waited because of its payment, which is in this state now.
pub(crate) async fn settled(
    transaction: &DatabaseTransaction,
    order_id: Uuid,
    state: PaymentState,
    now: Time<Utc>,
) -> Result<(), DbErr> {
    let known = order_review::of_order(transaction, order_id).await?;
    let is_over = known.is_some_and(|known| match known.reason {
        // A payment that needs a person has no outcome yet either.
        ReviewReason::PaymentInDoubt => {
            !settlement::is_open(state) && state != PaymentState::NeedsReview
        }
        // Whatever was charged was returned.
        ReviewReason::PaymentMismatch => state == PaymentState::Released,
        ReviewReason::CaptureFailed => {
            matches!(state, PaymentState::Captured | PaymentState::Released)
        }
        _ => false,
    });
    if is_over {
        order_review::close(transaction, order_id, now).await?;
    }
    Ok(())
}

/// Puts orders into the queue whose payments have been in doubt for long, reports orders that wait for too long, and how
/// many wait.
pub(crate) async fn watch(database: &Database, clock: &Clock) -> Result<(), DbErr> {
    let now = clock.now();
    let in_doubt = order_payment::open_since(database.read(), now - IN_DOUBT, BATCH).await?;
    for order_id in in_doubt {
        let transaction = database.begin().await?;
        if order::lock(&transaction, order_id).await?.is_some()
            && let Some(payment) = order_payment::of_order(&transaction, order_id).await?
            && settlement::is_open(payment.state)
            && order_review::of_order(&transaction, order_id)
                .await?
                .is_none_or(|known| {
                    known
                        .closed_at
                        .is_some_and(|closed| closed < now - IN_DOUBT)
                })
        {
            open(&transaction, order_id, ReviewReason::PaymentInDoubt, now).await?;
        }
        transaction.commit().await?;
    }

    let (waiting, oldest) = order_review::waiting(database.read()).await?;
    let age = oldest.map_or(TimeDelta::zero(), |since| now - since);
    let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
    let seconds = u32::try_from(age.num_seconds().max(0)).unwrap_or(u32::MAX);
    gauge!("vantage_orders_reviews_waiting").set(f64::from(waiting));
    gauge!("vantage_orders_oldest_review_seconds").set(f64::from(seconds));

    let transaction = database.begin().await?;
    let overdue = order_review::overdue(&transaction, now - PATIENCE, BATCH).await?;
    for review in &overdue {
        // Another instance may be doing the same.
        if !order_review::report(&transaction, review.order_id, now - PATIENCE, now).await? {
            continue;
        }
        let order_id = IdKind::Order.format(review.order_id);
        let reason = review.reason.as_str();
        tracing::info!(order_id, reason, since = %review.since, "order waits for support");
        let data = ReviewOverdue {
            version: 1,
            order_id: &order_id,
            reason,
            since: review.since,
        };
        events::publish(&transaction, &order_id, events::REVIEW_OVERDUE, data, now).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Why a person has to look at an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "ReviewReason")]
pub(crate) enum OrderReviewReason {
    /// The payment provider charged another amount or currency than the order's.
    PaymentMismatch,
    /// The payment provider refunded another amount or currency than it should.
    RefundMismatch,
    /// The payment provider or the bank refuses a refund.
    RefundRefused,
    /// The outcome of the payment has been unknown for long.
    PaymentInDoubt,
    /// Something was sent, and the authorization ended before everything was captured.
    CaptureFailed,
    /// A parcel came back: the customer has not received it.
    ReturnedToSender,
    /// The carrier has a parcel of a cancelled order.
    SentAfterCancellation,
}

pub(crate) struct OrderReview {
    pub order: std::sync::Arc<order::Model>,
    pub review: order_review::Model,
}

/// Why a person looks at an order, or has looked. Only support sees it.
#[Object]
impl OrderReview {
    /// Why.
    async fn reason(&self) -> OrderReviewReason {
        self.review.reason.into()
    }

    /// Since when it waits, or waited.
    async fn since(&self) -> DateTime {
        self.review.since.into()
    }

    /// Whether it still waits for a decision.
    async fn is_open(&self) -> bool {
        self.review.closed_at.is_none()
    }

    /// What can be decided now; empty if nothing waits.
    async fn allowed_decisions(&self, context: &Context<'_>) -> ApiResult<Vec<OrderDecision>> {
        if self.review.closed_at.is_some() {
            return Ok(Vec::new());
        }
        let loaders = context.data_unchecked::<Loaders>();
        let payment = loaders.payment_of_order.load_one(self.order.id).await?;
        let state = payment.map(|payment| payment.state);
        let is_packed = loaders
            .parcel_counts
            .load_one(self.order.id)
            .await?
            .is_some();
        let possible = review::possible(self.review.reason, self.order.status, is_packed, state);
        Ok(possible.into_iter().map(Into::into).collect())
    }
}

pub(crate) struct OrderDecided(pub order_decision::Model, pub CurrencyCode);

/// What support did about an order: who, when, why, and what it changed.
#[Object(name = "OrderDecisionRecord")]
impl OrderDecided {
    /// Why the order waited for a person; null if it did not.
    async fn reason(&self) -> Option<OrderReviewReason> {
        self.0.reason.map(Into::into)
    }

    /// What was done.
    async fn decision(&self) -> OrderDecision {
        self.0.decision.into()
    }

    /// Why.
    async fn note(&self) -> &str {
        &self.0.note
    }

    /// Who did it: the subject of their token.
    async fn actor(&self) -> &str {
        &self.0.actor
    }

    /// When.
    async fn decided_at(&self) -> DateTime {
        self.0.decided_at.into()
    }

    /// The order's status before it.
    async fn status_before(&self) -> OrderStatus {
        self.0.status_before.into()
    }

    /// The order's status at once after it.
    async fn status_after(&self) -> OrderStatus {
        self.0.status_after.into()
    }

    /// What was to be refunded; null for other decisions.
    async fn refund(&self) -> Option<Money> {
        self.0.refund_amount.map(|minor| Money::new(minor, self.1))
    }
}

/// An order's currency.
pub(crate) fn currency(order: &order::Model) -> ApiResult<CurrencyCode> {
    CurrencyCode::from_code(&order.local_currency_code).ok_or_else(|| {
        let order_id = IdKind::Order.format(order.id);
        ApiError::internal(format!("order {order_id} has an unknown currency"))
    })
}
