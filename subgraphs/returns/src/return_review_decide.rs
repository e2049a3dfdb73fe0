//! `returnReviewDecide`: what support decides about a return that waits for a person. One transaction, which holds the
//! return's lock and its order's, so that of two concurrent decisions one wins.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entities::returns::return_decision::{self, ReviewDecision};
use entities::returns::{customer_return, order_lock, return_review};
use metrics::counter;
use platform::database::DatabaseTransaction;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::support::{already_decided, error, public_decision};
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::State;
use crate::customer_return::Return;
use crate::order_payment::OrderPayment;
use crate::return_request::refunded;
use crate::return_review_input::Decision;
use crate::review_effects::{self, Change};
use crate::rules::refund::Paid;
use crate::rules::review;
use crate::rules::status::ReturnStatus;

/// The outcome of `returnReviewDecide`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnReviewPayload {
    /// The return as it is now; null if the decision was not possible.
    #[graphql(name = "return")]
    pub decided: Option<Return>,
    /// Why nothing was decided; empty if it was.
    pub user_errors: Vec<InputError>,
}

impl ReturnReviewPayload {
    pub(crate) fn of(row: customer_return::Model) -> ApiResult<Self> {
        Ok(Self {
            decided: Some(row.try_into()?),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn with_errors(user_errors: Vec<InputError>) -> Self {
        Self {
            decided: None,
            user_errors,
        }
    }
}

/// Who decides what, and when.
#[derive(Debug)]
pub(crate) struct Decided<'a> {
    pub actor: &'a str,
    pub decision: &'a Decision,
    /// The order's payment, if an amount was decided.
    pub paid: Option<Paid>,
    pub now: DateTime<Utc>,
}

/// What was paid for the return's order, for a refund in this currency; `None` if that is another one.
pub(crate) async fn paid(
    state: &State,
    id: Uuid,
    currency: CurrencyCode,
) -> ApiResult<Option<Paid>> {
    let row = customer_return::by_id(state.database.read(), id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("There is no return with this id"))?;
    if row.currency != currency.as_str() {
        return Ok(None);
    }
    let order = OrderPayment::of(state, row.customer_id, row.order_id).await;
    let order = order.map_err(|error| {
        tracing::warn!(return_id = IdKind::Return.format(id), %error, "order not loaded");
        ApiError::unavailable("Orders are not available at the moment")
    })?;
    let bought = order.bought(currency);
    Ok(Some(
        bought
            .ok_or_else(|| ApiError::internal("an order's amounts are inconsistent"))?
            .0,
    ))
}

/// Applies the decision and records it, or returns why it is not possible; then nothing but locks was written.
pub(crate) async fn decide(
    transaction: &DatabaseTransaction,
    id: Uuid,
    by: &Decided<'_>,
) -> ApiResult<Result<customer_return::Model, InputError>> {
    let row = customer_return::lock(transaction, id)
        .await?
        .ok_or_else(|| ApiError::not_found("There is no return with this id"))?;
    let review = match open_review(transaction, &row).await? {
        Ok(review) => review,
        Err(error) => return Ok(Err(error)),
    };
    let (status, is_refunded) = (row.status, row.refund_issued_at.is_some());
    let decision = by.decision.decision;
    let Some(effect) = review::effect(decision, review.reason, status, is_refunded) else {
        return Ok(Err(not_possible(review.reason, status, is_refunded)));
    };
    let amount = match amount(transaction, &row, by).await? {
        Ok(amount) => amount,
        Err(error) => return Ok(Err(error)),
    };
    let before = (row.status, row.refund_total);
    let decision_id = Uuid::now_v7();
    let change = Change {
        decision_id,
        effect,
        amount,
        now: by.now,
    };
    let is_refund_fixed = change.fixes_refund();
    let row = review_effects::apply(transaction, row, &change).await?;
    let record = return_decision::Model {
        id: decision_id,
        return_id: row.id,
        reason: review.reason,
        since: review.since,
        decision,
        note: by.decision.note.clone(),
        actor: by.actor.to_owned(),
        decided_at: by.now,
        status_before: before.0,
        status_after: row.status,
        refund_before: before.1,
        refund_after: row.refund_total,
        is_refund_fixed,
        carrier: by.decision.carrier.clone(),
        accepts_any_rate: by.decision.accepts_any_rate,
    };
    review_effects::announce(transaction, &row, &record).await?;
    tracing::info!(
        return_id = IdKind::Return.format(row.id),
        decision = decision.as_str(),
        reason = review.reason.as_str(),
        actor = by.actor,
        "return decided by support"
    );
    counter!("vantage_returns_decisions_total", "decision" => decision.as_str()).increment(1);
    return_decision::insert(transaction, record).await?;
    Ok(Ok(row))
}

/// The review that waits for a decision, or why there is none.
async fn open_review(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
) -> ApiResult<Result<return_review::Model, InputError>> {
    let review = return_review::of_return(transaction, row.id).await?;
    if let Some(open) = review.filter(|review| review.closed_at.is_none()) {
        return Ok(Ok(open));
    }
    let latest = return_decision::latest_of_all(transaction, row.id).await?;
    let (code, message) = match latest {
        Some(latest) => (
            UserErrorCode::AlreadyDecided,
            already_decided(&latest.actor, latest.decision.as_str(), latest.decided_at),
        ),
        None => (
            UserErrorCode::NotInReview,
            "This return does not wait for a decision".to_owned(),
        ),
    };
    Ok(Err(error(code, message, "returnId")))
}

fn not_possible(
    reason: return_review::ReviewReason,
    status: ReturnStatus,
    is_refunded: bool,
) -> InputError {
    let possible = review::possible(reason, status, is_refunded);
    let possible: Vec<_> = possible.into_iter().map(public).collect();
    let message = format!("This return can have {}", possible.join(", "));
    error(UserErrorCode::DecisionNotPossible, message, "decision")
}

/// A decision's name in the schema.
fn public(decision: ReviewDecision) -> String {
    public_decision(decision.as_str())
}

/// The decided amount, if one was, within what the order's other returns leave of its payment. Acquires the order's lock.
async fn amount(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    by: &Decided<'_>,
) -> ApiResult<Result<Option<i64>, InputError>> {
    order_lock::acquire(transaction, row.order_id, by.now).await?;
    let currency = CurrencyCode::from_code(&row.currency)
        .ok_or_else(|| ApiError::internal("a return has an unknown currency"))?;
    let wanted = match by.decision.amount_in(currency) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(Err(error)),
    };
    let (Some(wanted), Some(paid)) = (wanted, &by.paid) else {
        return Ok(Ok(wanted));
    };
    let mut returns =
        customer_return::of_orders(transaction, row.customer_id, &[row.order_id]).await?;
    let mut others = returns.remove(&row.order_id).unwrap_or_default();
    others.retain(|other| other.id != row.id);
    let left = (paid.total - refunded(&others).total).max(0);
    if wanted > left {
        let left = Money::new(left, currency).decimal();
        let message = format!(
            "At most {left} {} is left of the order's payment",
            currency.as_str()
        );
        let code = UserErrorCode::RefundTooHigh;
        return Ok(Err(error(code, message, "refundAmount")));
    }
    Ok(Ok(Some(wanted)))
}
