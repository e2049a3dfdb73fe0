//! The task that refunds a return once the carrier has the package: through the payment provider, or as store credit.
//!
//! The amount is recomputed under the order's lock and recorded with its idempotency key before the provider is called.
//! If the outcome of a call is unknown, it is looked up before the call is repeated, and the key makes repeated calls
//! one. So the money is paid exactly once, wherever the task is interrupted.

use chrono::{DateTime, Utc};
use entities::returns::store_credit::StoreCreditReason;
use entities::returns::{customer_return, refund_supplement, return_event};
use platform::database::DatabaseTransaction;
use platform::providers::stripe::refund_schedule::{next_check_at, next_poll_at};
use platform::providers::stripe::{self, RefundStatus, Stripe, StripeError};
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::order_payment::OrderPayment;
use crate::refund_approval;
use crate::refund_refusal::{report_mismatch, report_refusal};
use crate::refund_requote;
use crate::rules::status::ReturnStatus;
use crate::store_credit;
use crate::tasks::{Step, TaskError, return_task};
use crate::transitions::{self, Actor, Transition, TransitionError};
use crate::{RefundMethod, State};

/// The timeline event for a failed refund replaced by store credit.
const CREDITED: &str = "store_credit_issued";

return_task!(
    /// Issues a return's refund, and checks later that it was not sent back.
    IssueRefund,
    "refund",
    refund
);

/// Advances the refund by one step.
pub(crate) async fn refund(state: &State, id: Uuid) -> Result<Step, TaskError> {
    let row = customer_return::by_id(state.database.read(), id).await?;
    let Some(row) = row else {
        return Ok(Step::Done);
    };
    match row.status {
        ReturnStatus::CarrierScanned => issue(state, &row).await,
        ReturnStatus::RefundIssued | ReturnStatus::Completed => poll_issued(state, &row).await,
        ReturnStatus::ManualReview if row.refund_issued_at.is_some() => {
            poll_issued(state, &row).await
        }
        ReturnStatus::ManualReview => issue(state, &row).await,
        _ => Ok(Step::Done),
    }
}

/// Where the money went.
#[derive(Clone, Debug)]
enum RefundDestination {
    /// There was nothing to refund.
    Nothing,
    /// The provider's refund of this amount.
    Refund(String, i64),
    Credit(StoreCreditReason),
}

async fn issue(state: &State, row: &customer_return::Model) -> Result<Step, TaskError> {
    let approval = refund_approval::of(state.database.read(), row).await?;
    if !approval.awaits_refund(row) {
        return Ok(Step::Done);
    }
    let asked_before = row
        .payment_intent_id
        .clone()
        .filter(|_| row.refund_requested_at.is_some());
    let (payment, total, credit_share) = match asked_before {
        Some(payment) => {
            if let Some(refund) = find_refund(provider(state)?, &payment, row.id).await? {
                return apply_refund(state, row, &refund).await;
            }
            if row.refund_total <= 0 {
                return record_destination(state, row.id, RefundDestination::Nothing).await;
            }
            (payment, row.refund_total, row.refund_credit)
        }
        None => {
            let order = OrderPayment::of(state, row.customer_id, row.order_id).await?;
            let Some(quoted) = quote_anew(state, row.id, &order).await? else {
                return Ok(Step::Done);
            };
            if quoted.refund_total <= 0 {
                return record_destination(state, row.id, RefundDestination::Nothing).await;
            }
            // Store credit needs no payment.
            let Some(payment) = order
                .refundable()
                .or(approval.is_store_credit.then_some(""))
            else {
                return record_destination(
                    state,
                    row.id,
                    RefundDestination::Credit(StoreCreditReason::PaymentUnusable),
                )
                .await;
            };
            let credit_share = credit_share(&quoted, &order)?;
            (payment.to_owned(), quoted.refund_total, credit_share)
        }
    };
    if credit_share == total {
        let credit = RefundDestination::Credit(StoreCreditReason::PaidByCredit);
        return record_destination(state, row.id, credit).await;
    }
    if approval.is_store_credit {
        let credit = RefundDestination::Credit(StoreCreditReason::SupportDecision);
        return record_destination(state, row.id, credit).await;
    }
    let stripe = provider(state)?;
    let Some(attempt) = record_request(state, row.id, &payment, credit_share).await? else {
        return Ok(Step::Done);
    };
    let reference = IdKind::Return.format(row.id);
    let outcome = stripe
        .refund(&payment, to_payment(&attempt.row), &reference, &attempt.key)
        .await;
    match outcome {
        Ok(refund) => apply_refund(state, &attempt.row, &refund).await,
        Err(StripeError::Declined { .. }) => {
            record_destination(
                state,
                row.id,
                RefundDestination::Credit(StoreCreditReason::RefundFailed),
            )
            .await
        }
        Err(StripeError::Refused {
            code,
            in_doubt: false,
        }) => report_refusal(state, &attempt.row, &code).await,
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn provider(state: &State) -> Result<&Stripe, TaskError> {
    state.stripe.as_ref().ok_or(TaskError::NoProvider("stripe"))
}

/// Recomputes the refund and returns the return with it; `None` if it no longer waits for a refund. Once an amount has
/// been requested from the provider, it stays fixed.
async fn quote_anew(
    state: &State,
    id: Uuid,
    order: &OrderPayment,
) -> Result<Option<customer_return::Model>, TaskError> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let Some(mut row) = lock_awaiting_refund(&transaction, id).await? else {
        return Ok(None);
    };
    let approval = refund_approval::of(&transaction, &row).await?;
    if row.refund_requested_at.is_none() && !approval.is_fixed {
        refund_requote::requote(&transaction, &mut row, order, now).await?;
    }
    transaction.commit().await?;
    Ok(Some(row))
}

/// The provider's refund of this return, if any.
async fn find_refund(
    stripe: &Stripe,
    payment: &str,
    id: Uuid,
) -> Result<Option<stripe::Refund>, StripeError> {
    let reference = IdKind::Return.format(id);
    let refunds = stripe.refunds(payment).await?;
    Ok(refunds
        .into_iter()
        .find(|refund| refund.metadata.get("reference") == Some(&reference)))
}

/// A recorded request, about to be sent.
struct Attempt {
    row: customer_return::Model,
    key: String,
}

/// Records the refund request and its payment before the provider is called. `None` if it is no longer wanted.
async fn record_request(
    state: &State,
    id: Uuid,
    payment: &str,
    credit_share: i64,
) -> Result<Option<Attempt>, TaskError> {
    let transaction = state.database.begin().await?;
    let Some(mut row) = lock_awaiting_refund(&transaction, id).await? else {
        return Ok(None);
    };
    let key = row
        .refund_key
        .get_or_insert_with(|| format!("refund-{}", IdKind::Return.format(id)))
        .clone();
    row.payment_intent_id = Some(payment.to_owned());
    row.refund_attempts += 1;
    if row.refund_requested_at.is_none() {
        row.refund_requested_at = Some(state.clock.now());
        row.refund_credit = credit_share;
    }
    transitions::update(&transaction, &row).await?;
    transaction.commit().await?;
    Ok(Some(Attempt { row, key }))
}

/// Acts on the provider's status of the refund.
async fn apply_refund(
    state: &State,
    row: &customer_return::Model,
    refund: &stripe::Refund,
) -> Result<Step, TaskError> {
    if !is_of(row, refund) {
        return report_mismatch(state, row, refund).await;
    }
    match refund.status {
        RefundStatus::Succeeded => {
            let made = RefundDestination::Refund(refund.id.clone(), refund.amount);
            record_destination(state, row.id, made).await
        }
        RefundStatus::Failed | RefundStatus::Canceled => {
            record_destination(
                state,
                row.id,
                RefundDestination::Credit(StoreCreditReason::RefundFailed),
            )
            .await
        }
        RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other => {
            let now = state.clock.now();
            Ok(Step::RetryAt(next_poll_at(
                row.refund_requested_at.unwrap_or(now),
                now,
            )))
        }
    }
}

/// What the payment method gets back, in minor units; store credit the rest.
pub(crate) fn to_payment(row: &customer_return::Model) -> i64 {
    row.refund_total - row.refund_credit
}

/// The part of the refund that is given as store credit.
fn credit_share(row: &customer_return::Model, order: &OrderPayment) -> Result<i64, TaskError> {
    let currency =
        CurrencyCode::from_code(&row.currency).ok_or(TransitionError::UnknownValue(row.id))?;
    let share = order.credit_share(row.refund_total, currency);
    share.ok_or_else(|| {
        let order = IdKind::Order.format(row.order_id);
        TaskError::Orders(format!("the amounts of order {order} are inconsistent"))
    })
}

/// Whether the refund has the return's amount and currency.
fn is_of(row: &customer_return::Model, refund: &stripe::Refund) -> bool {
    refund.amount == to_payment(row) && refund.currency.eq_ignore_ascii_case(&row.currency)
}

/// Records where the money went and what follows from it.
async fn record_destination(
    state: &State,
    id: Uuid,
    destination: RefundDestination,
) -> Result<Step, TaskError> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let Some(row) = lock_awaiting_refund(&transaction, id).await? else {
        return Ok(Step::Done);
    };
    if matches!(
        destination,
        RefundDestination::Credit(StoreCreditReason::PaymentUnusable)
    ) && row.refund_requested_at.is_some()
    {
        // Another process called the provider meanwhile; its answer counts.
        return Ok(Step::RetryAt(now));
    }
    if let RefundDestination::Refund(_, amount) = destination
        && amount != to_payment(&row)
    {
        // Support decided on another amount meanwhile: the difference is reported.
        return Ok(Step::RetryAt(now));
    }
    let issued_in = row.status;
    let (provider_id, method) = match destination {
        RefundDestination::Nothing => (None, RefundMethod::OriginalPayment),
        RefundDestination::Refund(id, _) => {
            if row.refund_credit > 0 {
                let (share, reason) = (row.refund_credit, StoreCreditReason::PaidByCredit);
                store_credit::issue(&transaction, &row, share, reason, now).await?;
            }
            (Some(id), RefundMethod::OriginalPayment)
        }
        RefundDestination::Credit(reason) => {
            let amount = row.refund_total;
            let credit = store_credit::issue(&transaction, &row, amount, reason, now).await?;
            (Some(credit.to_string()), RefundMethod::StoreCredit)
        }
    };
    let is_watched = method == RefundMethod::OriginalPayment && provider_id.is_some();
    let issued = Transition::RefundIssued {
        provider_id,
        method,
    };
    let row = transitions::advance(&transaction, row, &issued, Actor::System, now).await?;
    if let Some(next) = refund_approval::next(&row, issued_in) {
        let actor = match next {
            Transition::Completed => Actor::Warehouse,
            Transition::Closed => Actor::Support,
            _ => Actor::Carrier,
        };
        transitions::advance(&transaction, row, &next, actor, now).await?;
    }
    transaction.commit().await?;
    Ok(if is_watched {
        next_poll(now, now)
    } else {
        Step::Done
    })
}

/// When to check an issued refund next.
pub(crate) fn next_poll(issued_at: DateTime<Utc>, now: DateTime<Utc>) -> Step {
    next_check_at(issued_at, now).map_or(Step::Done, Step::RetryAt)
}

/// Checks whether the bank has sent an issued refund back, and gives store credit if so.
async fn poll_issued(state: &State, row: &customer_return::Model) -> Result<Step, TaskError> {
    let (Some(payment), Some(issued_at)) = (&row.payment_intent_id, row.refund_issued_at) else {
        return Ok(Step::Done);
    };
    if row.refund_method != RefundMethod::OriginalPayment {
        return Ok(Step::Done);
    }
    let refund = find_refund(provider(state)?, payment, row.id).await?;
    let now = state.clock.now();
    match refund.map(|refund| refund.status) {
        Some(RefundStatus::Failed | RefundStatus::Canceled) => {
            credit_failed_refund(state, row.id, now).await?;
            Ok(Step::Done)
        }
        _ => Ok(next_poll(issued_at, now)),
    }
}

async fn credit_failed_refund(
    state: &State,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), TaskError> {
    let transaction = state.database.begin().await?;
    let Some(mut row) = customer_return::lock(&transaction, id).await? else {
        return Ok(());
    };
    if row.refund_method != RefundMethod::OriginalPayment {
        return Ok(());
    }
    // A supplement was refunded separately and did not come back with it.
    let supplement = refund_supplement::of_return(&transaction, id).await?;
    let amount = to_payment(&row) - supplement.map_or(0, |supplement| supplement.amount);
    let credit = store_credit::issue(
        &transaction,
        &row,
        amount,
        StoreCreditReason::RefundFailed,
        now,
    )
    .await?;
    row.refund_provider_id = Some(credit.to_string());
    row.refund_method = RefundMethod::StoreCredit;
    row.updated_at = now;
    transitions::update(&transaction, &row).await?;
    record_credit(&transaction, id, now).await?;
    transaction.commit().await?;
    Ok(())
}

/// Records the store credit for a failed refund in the timeline.
pub(crate) async fn record_credit(
    transaction: &DatabaseTransaction,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let event = return_event::Model {
        id: Uuid::now_v7(),
        return_id: id,
        event: CREDITED.to_owned(),
        actor: Actor::System.name(),
        occurred_at: now,
    };
    entities::insert_many::<return_event::Entity>(transaction, vec![event]).await?;
    Ok(())
}

/// Locks the return, if it still waits for its refund.
pub(crate) async fn lock_awaiting_refund(
    transaction: &DatabaseTransaction,
    id: Uuid,
) -> Result<Option<customer_return::Model>, TransitionError> {
    let Some(row) = customer_return::lock(transaction, id).await? else {
        return Ok(None);
    };
    let approval = refund_approval::of(transaction, &row).await?;
    Ok(approval.awaits_refund(&row).then_some(row))
}
