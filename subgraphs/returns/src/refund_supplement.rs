//! Refunds shipping that becomes due after a return was refunded, because the sibling return that was to refund it was
//! cancelled. It is a separate refund and works like the first one: recorded before the call, made under an idempotency
//! key, and looked up before it is tried again.

use chrono::{DateTime, Utc};
use entities::returns::store_credit::StoreCreditReason;
use entities::returns::{customer_return, refund_supplement, return_event};
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use platform::providers::stripe::refund_schedule::next_poll_at;
use platform::providers::stripe::{Refund as ProviderRefund, RefundStatus, Stripe, StripeError};
use platform::tasks::enqueue;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::events::{self, Refund, ShippingRefunded};
use crate::order_payment::OrderPayment;
use crate::refund_requote;
use crate::refund_task::{next_poll, provider, record_credit};
use crate::rules::status::ReturnStatus;
use crate::store_credit;
use crate::tasks::{Step, TaskError, return_task};
use crate::transitions::{Actor, TransitionError};
use crate::{RefundMethod, State};

/// The timeline event.
const TIMELINE: &str = "shipping_refunded";

return_task!(
    /// Refunds shipping that became due later.
    IssueSupplement,
    "supplement",
    refund_shipping
);

/// Enqueues the refund of shipping for a return that was just cancelled, if another return of the order was refunded
/// without it. The transaction must hold the order's lock.
pub(crate) async fn enqueue_if_owed(
    transaction: &DatabaseTransaction,
    cancelled: &customer_return::Model,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if !cancelled.shipping_refunded {
        return Ok(());
    }
    let order = cancelled.order_id;
    let mut returns =
        customer_return::of_orders(transaction, cancelled.customer_id, &[order]).await?;
    for row in returns.remove(&order).unwrap_or_default() {
        let is_live = row.status != ReturnStatus::Cancelled;
        if is_live && row.refund_issued_at.is_some() {
            let task = IssueSupplement { return_id: row.id };
            enqueue(transaction, &task, now, now).await?;
        }
    }
    Ok(())
}

/// Refunds the shipping, if it is due to this return.
pub(crate) async fn refund_shipping(state: &State, id: Uuid) -> Result<Step, TaskError> {
    let db = state.database.read();
    let Some(row) = customer_return::by_id(db, id).await? else {
        return Ok(Step::Done);
    };
    let owed = match refund_supplement::of_return(db, id).await? {
        Some(owed) => owed,
        None => match create(state, &row).await? {
            Some(owed) => owed,
            None => return Ok(Step::Done),
        },
    };
    if let Some(issued_at) = owed.issued_at {
        return poll_issued(state, &owed, issued_at).await;
    }
    let Some(payment) = &owed.payment_intent_id else {
        return record(state, &owed, None).await;
    };
    let stripe = provider(state)?;
    let refund = match find_refund(stripe, payment, id).await? {
        Some(refund) => refund,
        None => {
            let reference = reference(id);
            let key = format!("refund-{reference}");
            match stripe.refund(payment, owed.amount, &reference, &key).await {
                Ok(refund) => refund,
                Err(StripeError::Declined { .. }) => return record(state, &owed, None).await,
                Err(error) => return Err(error.into()),
            }
        }
    };
    if refund.amount != owed.amount || !refund.currency.eq_ignore_ascii_case(&row.currency) {
        let (amount, currency) = (refund.amount, refund.currency);
        let problem = format!("refund {} is of {amount} {currency}", refund.id);
        return Err(TaskError::Refused(problem));
    }
    match refund.status {
        RefundStatus::Succeeded => record(state, &owed, Some(&refund.id)).await,
        RefundStatus::Failed | RefundStatus::Canceled => record(state, &owed, None).await,
        RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other => {
            let now = state.clock.now();
            Ok(Step::RetryAt(next_poll_at(owed.requested_at, now)))
        }
    }
}

/// Differs from the return's id, which is the reference of its own refund.
fn reference(id: Uuid) -> String {
    format!("{}-shipping", IdKind::Return.format(id))
}

async fn find_refund(
    stripe: &Stripe,
    payment: &str,
    id: Uuid,
) -> Result<Option<ProviderRefund>, StripeError> {
    let reference = reference(id);
    let refunds = stripe.refunds(payment).await?;
    Ok(refunds
        .into_iter()
        .find(|refund| refund.metadata.get("reference") == Some(&reference)))
}

/// Checks whether the bank has sent an issued refund back, and gives store credit if so.
async fn poll_issued(
    state: &State,
    owed: &refund_supplement::Model,
    issued_at: DateTime<Utc>,
) -> Result<Step, TaskError> {
    let (Some(payment), Some(provider_id)) = (&owed.payment_intent_id, &owed.provider_id) else {
        return Ok(Step::Done);
    };
    let refund = find_refund(provider(state)?, payment, owed.return_id).await?;
    // Otherwise it was given as store credit.
    let Some(refund) = refund.filter(|refund| refund.id == *provider_id) else {
        return Ok(Step::Done);
    };
    match refund.status {
        RefundStatus::Failed | RefundStatus::Canceled => {
            credit_failed_refund(state, owed, &refund.id).await?;
            Ok(Step::Done)
        }
        _ => Ok(next_poll(issued_at, state.clock.now())),
    }
}

async fn credit_failed_refund(
    state: &State,
    owed: &refund_supplement::Model,
    refund: &str,
) -> Result<(), TaskError> {
    let (id, now) = (owed.return_id, state.clock.now());
    let transaction = state.database.begin().await?;
    let Some(row) = customer_return::lock(&transaction, id).await? else {
        return Ok(());
    };
    let known = refund_supplement::of_return(&transaction, id).await?;
    if known.is_none_or(|known| known.provider_id.as_deref() != Some(refund)) {
        return Ok(());
    }
    let reason = StoreCreditReason::RefundFailed;
    let credit = store_credit::issue(&transaction, &row, owed.amount, reason, now).await?;
    refund_supplement::replace_refund(&transaction, id, &credit.to_string()).await?;
    record_credit(&transaction, id, now).await?;
    transaction.commit().await?;
    Ok(())
}

/// Recomputes the return's refund and records the supplement if shipping has become due.
async fn create(
    state: &State,
    row: &customer_return::Model,
) -> Result<Option<refund_supplement::Model>, TaskError> {
    let order = OrderPayment::of(state, row.customer_id, row.order_id).await?;
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let Some(mut row) = customer_return::lock(&transaction, row.id).await? else {
        return Ok(None);
    };
    if row.refund_issued_at.is_none() || row.shipping_refunded {
        return Ok(None);
    }
    let issued = row.refund_total;
    refund_requote::requote(&transaction, &mut row, &order, now).await?;
    if !row.shipping_refunded {
        transaction.rollback().await;
        return Ok(None);
    }
    let is_original_payment = row.refund_method == RefundMethod::OriginalPayment;
    // The payment method got back all that it paid for what is returned; the rest was paid by store credit.
    let is_shared = row.refund_credit > 0;
    let payment = order
        .refundable()
        .filter(|_| is_original_payment && !is_shared);
    let owed = refund_supplement::Model {
        return_id: row.id,
        amount: row.refund_total - issued,
        payment_intent_id: payment.map(str::to_owned),
        provider_id: None,
        requested_at: now,
        issued_at: None,
    };
    refund_supplement::insert(&transaction, owed.clone()).await?;
    transaction.commit().await?;
    Ok(Some(owed))
}

/// Records how it was paid: by this refund, or as store credit.
async fn record(
    state: &State,
    owed: &refund_supplement::Model,
    refund: Option<&str>,
) -> Result<Step, TaskError> {
    let (id, now) = (owed.return_id, state.clock.now());
    let transaction = state.database.begin().await?;
    let Some(row) = customer_return::lock(&transaction, id).await? else {
        return Ok(Step::Done);
    };
    let is_new = refund_supplement::of_return(&transaction, id)
        .await?
        .is_some_and(|known| known.issued_at.is_none());
    if !is_new {
        return Ok(Step::Done);
    }
    let provider_id = match refund {
        Some(refund) => refund.to_owned(),
        None => {
            let reason = StoreCreditReason::PaymentUnusable;
            let credit = store_credit::issue(&transaction, &row, owed.amount, reason, now).await?;
            credit.to_string()
        }
    };
    refund_supplement::issue(&transaction, id, &provider_id, now).await?;
    announce(&transaction, &row, owed.amount, now).await?;
    transaction.commit().await?;
    Ok(match refund {
        Some(_) => next_poll(now, now),
        None => Step::Done,
    })
}

async fn announce(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    amount: i64,
    now: DateTime<Utc>,
) -> Result<(), TransitionError> {
    let event = return_event::Model {
        id: Uuid::now_v7(),
        return_id: row.id,
        event: TIMELINE.to_owned(),
        actor: Actor::System.name(),
        occurred_at: now,
    };
    entities::insert_many::<return_event::Entity>(transaction, vec![event]).await?;
    let currency =
        CurrencyCode::from_code(&row.currency).ok_or(TransitionError::UnknownValue(row.id))?;
    let return_id = IdKind::Return.format(row.id);
    let event = NewEvent {
        topic: events::TOPIC,
        event_type: events::SHIPPING_REFUNDED,
        aggregate_id: &return_id,
        data: ShippingRefunded {
            version: 1,
            return_id: return_id.clone(),
            order_id: IdKind::Order.format(row.order_id),
            customer_id: IdKind::Customer.format(row.customer_id),
            amount: Money::new(amount, currency).decimal(),
            currency: currency.as_str(),
            refund: Refund::of(row).ok_or(TransitionError::UnknownValue(row.id))?,
        },
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}
