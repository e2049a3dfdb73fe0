//! `orderReviewDecide`: what support decides about an order that waits for a person. One transaction, which holds the
//! order's lock, so that of two concurrent decisions one wins.

use std::sync::Arc;

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entities::orders::order_decision::{self, OrderDecision};
use entities::orders::order_event::Actor;
use entities::orders::order_payment::{self, PaymentState};
use entities::orders::{order, order_parcel, order_review};
use metrics::counter;
use platform::database::DatabaseTransaction;
use resolvers::id::IdKind;
use resolvers::support::{already_decided, error, public_decision};
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::follow_parcels;
use crate::order::Order;
use crate::payment;
use crate::payment_task::SettlePayment;
use crate::rules::review;
use crate::rules::status::OrderStatus;
use crate::transitions::{self, Transition, TransitionError};

/// The outcome of `orderReviewDecide`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct OrderReviewPayload {
    /// The order as it is now; null if the decision was not possible.
    pub order: Option<Order>,
    /// Why nothing was decided; empty if it was.
    pub user_errors: Vec<InputError>,
}

impl OrderReviewPayload {
    pub(crate) fn of(row: order::Model) -> ApiResult<Self> {
        Ok(Self {
            order: Some(Order::try_from(Arc::new(row))?),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn with_error(error: InputError) -> Self {
        Self {
            order: None,
            user_errors: vec![error],
        }
    }
}

/// Who decides what, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided<'a> {
    pub actor: &'a str,
    pub decision: OrderDecision,
    pub note: &'a str,
    pub now: DateTime<Utc>,
}

/// Applies the decision and records it, or returns why it is not possible; then nothing was written.
pub(crate) async fn decide(
    transaction: &DatabaseTransaction,
    id: Uuid,
    by: Decided<'_>,
) -> ApiResult<Result<order::Model, InputError>> {
    let mut row = order::lock(transaction, id)
        .await?
        .ok_or_else(|| ApiError::not_found("There is no order with this id"))?;
    let review = match open_review(transaction, id).await? {
        Ok(review) => review,
        Err(error) => return Ok(Err(error)),
    };
    let payment = order_payment::of_order(transaction, id).await?;
    let is_packed = !order_parcel::of_order(transaction, id).await?.is_empty();
    let state = payment.as_ref().map(|payment| payment.state);
    let possible = review::possible(review.reason, row.status, is_packed, state);
    if !possible.contains(&by.decision) {
        let possible: Vec<_> = possible.into_iter().map(public).collect();
        let message = format!("This order can have {}", possible.join(", "));
        let code = UserErrorCode::DecisionNotPossible;
        return Ok(Err(error(code, message, "decision")));
    }
    let status_before = row.status;
    apply(transaction, &mut row, payment, by).await?;
    if by.decision == OrderDecision::Wait {
        order_review::remind(transaction, &[id], by.now).await?;
    } else {
        order_review::close(transaction, id, by.now).await?;
    }
    let record = order_decision::Model {
        id: Uuid::now_v7(),
        order_id: id,
        reason: Some(review.reason),
        since: Some(review.since),
        decision: by.decision,
        note: by.note.to_owned(),
        actor: by.actor.to_owned(),
        decided_at: by.now,
        status_before,
        status_after: row.status,
        refund_amount: None,
    };
    tracing::info!(
        order_id = IdKind::Order.format(id),
        decision = by.decision.as_str(),
        reason = review.reason.as_str(),
        actor = by.actor,
        "order decided by support"
    );
    counter!("vantage_orders_decisions_total", "decision" => by.decision.as_str()).increment(1);
    order_decision::insert(transaction, record).await?;
    Ok(Ok(row))
}

async fn open_review(
    transaction: &DatabaseTransaction,
    id: Uuid,
) -> ApiResult<Result<order_review::Model, InputError>> {
    let review = order_review::of_order(transaction, id).await?;
    let since = match review {
        Some(open) if open.closed_at.is_none() => return Ok(Ok(open)),
        closed => closed.map(|closed| closed.since),
    };
    let mut decisions = order_decision::of_orders(transaction, &[id]).await?;
    let decisions = decisions.remove(&id).unwrap_or_default();
    let latest = decisions.into_iter().rev().find(|made| made.since == since);
    let (code, message) = match latest.filter(|_| since.is_some()) {
        Some(latest) => (
            UserErrorCode::AlreadyDecided,
            already_decided(&latest.actor, latest.decision.as_str(), latest.decided_at),
        ),
        None => (
            UserErrorCode::NotInReview,
            "This order does not wait for a decision".to_owned(),
        ),
    };
    Ok(Err(error(code, message, "orderId")))
}

/// A decision's name in the schema.
fn public(decision: OrderDecision) -> String {
    public_decision(decision.as_str())
}

async fn apply(
    transaction: &DatabaseTransaction,
    row: &mut order::Model,
    payment: Option<order_payment::Model>,
    by: Decided<'_>,
) -> ApiResult<()> {
    match (by.decision, payment) {
        (OrderDecision::Cancel, _) => {
            let cancelled = Transition {
                to: OrderStatus::Cancelled,
                actor: Actor::Support,
                reason: Some("support"),
                at: by.now,
            };
            let advanced = transitions::advance(transaction, row, &cancelled, by.now).await;
            advanced.map_err(failed)?;
            payment::request_release(transaction, row.id, by.now).await?;
        }
        (OrderDecision::RetryPayment, Some(mut payment)) => {
            if payment.state == PaymentState::NeedsReview {
                payment.state = match row.status {
                    OrderStatus::Cancelled => PaymentState::ReleaseRequested,
                    _ if payment.capture_target.is_some() => PaymentState::CaptureRequested,
                    _ => PaymentState::AwaitingCustomer,
                };
            }
            payment.updated_at = by.now;
            order_payment::update(transaction, payment).await?;
            SettlePayment::enqueue(transaction, row.id, by.now, by.now).await?;
        }
        // A person has settled it.
        (OrderDecision::Resolve, Some(mut payment))
            if payment.state == PaymentState::NeedsReview =>
        {
            let is_uncaptured =
                payment.authorized_until.is_some() && payment.captured_amount.is_none();
            let is_given_back = row.status == OrderStatus::Cancelled;
            payment.state = match is_given_back || is_uncaptured {
                true => PaymentState::Released,
                // What was captured stays so, and nothing more will be.
                false => PaymentState::Captured,
            };
            payment.updated_at = by.now;
            order_payment::update(transaction, payment).await?;
        }
        (OrderDecision::Resolve, _) => {
            let delivered = follow_parcels::deliver_without_rest(transaction, row, by.now).await;
            delivered.map_err(failed)?;
        }
        _ => {}
    }
    Ok(())
}

fn failed(error: TransitionError) -> ApiError {
    match error {
        TransitionError::Database(error) => error.into(),
        error @ TransitionError::Illegal(_) => ApiError::internal(error),
    }
}
