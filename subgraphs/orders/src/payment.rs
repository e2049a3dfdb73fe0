//! Payments of orders: what we request, and how the provider's updates are applied.
//!
//! A request is recorded before the provider is called (`payment_processor.rs`). Whatever is interrupted leaves a row
//! that says what remains to be done, and repeating it is safe: a payment intent is created without charging, its id is
//! stored, and only then is it confirmed, which the provider does at most once.

use chrono::{DateTime, TimeDelta, Utc};
use entities::orders::order_event::Actor;
use entities::orders::{order, order_payment};
use platform::database::DatabaseTransaction;
use platform::http::HttpError;
use platform::providers::stripe::{
    PaymentIntent, PaymentStatus, Refund, RefundStatus, StripeError,
};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::order_review::{self, ReviewReason};
use crate::payment_task::SettlePayment;
use crate::rules::settlement::{self, Charge, Outcome, PaymentState, ProviderStatus};
use crate::rules::status::OrderStatus;
use crate::support_alert::{self, Mismatch};
use crate::transitions::{self, Transition, TransitionError};

/// How long a payment is left to the request that placed the order.
const INITIAL_DELAY: TimeDelta = TimeDelta::seconds(1);
/// How soon to retry if the provider has not made progress with a refund.
const RELEASE_INTERVAL: TimeDelta = TimeDelta::seconds(5);
/// How often a payment that waits for the customer is polled; webhooks are faster.
const POLL_INTERVAL: TimeDelta = TimeDelta::minutes(5);

/// Why a payment could not be settled now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettleError {
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    #[error(transparent)]
    Stripe(#[from] StripeError),
    #[error(transparent)]
    Transition(#[from] TransitionError),
    #[error("order {} has unknown values", IdKind::Order.format(*.0))]
    UnknownValue(Uuid),
    #[error("the payment of order {} is still on its way", IdKind::Order.format(*.0))]
    InProgress(Uuid),
}

impl SettleError {
    /// The failed call, if any.
    pub(crate) fn call(&self) -> Option<&HttpError> {
        match self {
            Self::Stripe(StripeError::Http(error)) => Some(error),
            _ => None,
        }
    }
}

/// The provider's state of an order's payment.
#[derive(Clone, Debug)]
pub(crate) struct ProviderUpdate {
    pub status: ProviderStatus,
    /// The provider's id for the payment, if known.
    pub intent: Option<String>,
    /// Why it was declined.
    pub decline_code: Option<String>,
    /// The captured amount, if any.
    pub received: Option<Charge>,
}

impl ProviderUpdate {
    pub(crate) fn of(intent: &PaymentIntent) -> Self {
        let decline = intent.last_payment_error.as_ref();
        Self {
            status: provider_status(intent.status),
            intent: Some(intent.id.clone()),
            decline_code: decline.and_then(|error| error.code()).map(str::to_owned),
            received: Some(Charge {
                amount: intent.amount_received,
                currency: intent.currency.clone(),
            }),
        }
    }

    /// The captured amount, if it differs from the order's.
    pub(crate) fn mismatch(&self, order: &order::Model) -> Option<&Charge> {
        let received = self.received.as_ref();
        received.filter(|received| {
            self.status == ProviderStatus::Succeeded
                && !received.is(order.local_currency_amount, &order.local_currency_code)
        })
    }
}

pub(crate) fn provider_status(status: PaymentStatus) -> ProviderStatus {
    match status {
        PaymentStatus::RequiresConfirmation => ProviderStatus::RequiresConfirmation,
        PaymentStatus::RequiresPaymentMethod => ProviderStatus::Declined,
        PaymentStatus::Succeeded => ProviderStatus::Succeeded,
        PaymentStatus::Canceled => ProviderStatus::Canceled,
        PaymentStatus::RequiresAction
        | PaymentStatus::Processing
        | PaymentStatus::RequiresCapture
        | PaymentStatus::Other => ProviderStatus::Processing,
    }
}

/// Records a new order's payment request, together with the order.
pub(crate) async fn request(
    transaction: &DatabaseTransaction,
    order: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    order_payment::insert(transaction, requested(order, now)).await?;
    SettlePayment::enqueue(transaction, order, now + INITIAL_DELAY, now).await
}

fn requested(order: Uuid, now: DateTime<Utc>) -> order_payment::Model {
    order_payment::Model {
        order_id: order,
        state: PaymentState::Requested,
        decline_code: None,
        refund_id: None,
        created_at: now,
        updated_at: now,
    }
}

/// Records that the order's payment is no longer wanted, in the transaction that cancels it.
pub(crate) async fn request_release(
    transaction: &DatabaseTransaction,
    order: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let stored = order_payment::of_order(transaction, order).await?;
    let is_new = stored.is_none();
    let payment = order_payment::Model {
        state: PaymentState::ReleaseRequested,
        updated_at: now,
        ..stored.unwrap_or_else(|| requested(order, now))
    };
    if is_new {
        order_payment::insert(transaction, payment).await?;
    } else {
        order_payment::update(transaction, payment).await?;
    }
    SettlePayment::enqueue(transaction, order, now, now).await
}

/// Applies the provider's update to an order locked by this transaction.
pub(crate) async fn apply(
    transaction: &DatabaseTransaction,
    mut order: order::Model,
    update: &ProviderUpdate,
    now: DateTime<Utc>,
) -> Result<(), SettleError> {
    let Some(mut payment) = order_payment::of_order(transaction, order.id).await? else {
        return Ok(());
    };
    let (status, state) = (order.status, payment.state);
    let mut outcome = settlement::outcome(status, state, update.status);
    if let Some(received) = update.mismatch(&order)
        && status == OrderStatus::Pending
    {
        // Asking the provider again would give the same answer.
        support_alert::alert(transaction, &order, Mismatch::Payment, received, now).await?;
        outcome = Outcome {
            order: None,
            payment: PaymentState::NeedsReview,
        };
    }
    if order.payment_intent_id.is_none() && update.intent.is_some() {
        order.payment_intent_id.clone_from(&update.intent);
        order::update(transaction, order.clone()).await?;
    }
    if update.status == ProviderStatus::Declined && status == OrderStatus::Pending {
        let code = update.decline_code.as_deref().unwrap_or("card_declined");
        payment.decline_code = Some(code.to_owned());
    }
    if let Some(to) = outcome.order {
        let reason = match update.status {
            ProviderStatus::Declined => payment.decline_code.as_deref(),
            ProviderStatus::Canceled => Some("payment_abandoned"),
            _ => None,
        };
        let transition = Transition {
            to,
            actor: Actor::Payment,
            reason,
            at: now,
        };
        transitions::advance(transaction, &mut order, &transition, now).await?;
    }
    if outcome.payment != state {
        count(outcome.payment);
    }
    payment.state = outcome.payment;
    let due = match outcome.payment {
        PaymentState::AwaitingCustomer => Some(now + POLL_INTERVAL),
        PaymentState::ReleaseRequested if state == PaymentState::ReleaseRequested => {
            Some(now + RELEASE_INTERVAL)
        }
        PaymentState::ReleaseRequested => Some(now),
        // The task that is already running continues.
        PaymentState::Requested => None,
        PaymentState::Captured | PaymentState::Released | PaymentState::NeedsReview => None,
    };
    if let Some(due) = due {
        SettlePayment::enqueue(transaction, order.id, due, now).await?;
    }
    payment.updated_at = now;
    order_review::settled(transaction, order.id, payment.state, now).await?;
    order_payment::update(transaction, payment).await?;
    Ok(())
}

/// Applies the provider's refund update to an order locked by this transaction. Returns `false`, without a change, if
/// the refund differs from `taken`.
pub(crate) async fn apply_refund(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    refund: &Refund,
    taken: &Charge,
    now: DateTime<Utc>,
) -> Result<bool, SettleError> {
    let Some(mut payment) = order_payment::of_order(transaction, order.id).await? else {
        return Ok(true);
    };
    let state = payment.state;
    let failed = matches!(refund.status, RefundStatus::Failed | RefundStatus::Canceled);
    let next = if failed {
        PaymentState::NeedsReview
    } else {
        PaymentState::Released
    };
    // A failed refund never succeeds later.
    if !matches!(
        state,
        PaymentState::ReleaseRequested | PaymentState::Released
    ) || next == state
    {
        return Ok(true);
    }
    let given_back = Charge {
        amount: refund.amount,
        currency: refund.currency.clone(),
    };
    if !failed && !given_back.is(taken.amount, &taken.currency) {
        support_alert::alert(transaction, order, Mismatch::Refund, &given_back, now).await?;
        return Ok(false);
    }
    if failed {
        tracing::error!(
            order_id = IdKind::Order.format(order.id),
            refund = refund.id,
            reason = refund.failure_reason,
            "refund of a cancelled order failed, it must be issued manually"
        );
        let reason = ReviewReason::RefundRefused;
        order_review::open(transaction, order.id, reason, now).await?;
    } else {
        let currency = CurrencyCode::from_code(&order.local_currency_code)
            .ok_or(SettleError::UnknownValue(order.id))?;
        let given_back = Money::new(refund.amount, currency);
        transitions::refunded(transaction, order, given_back, now).await?;
        order_review::settled(transaction, order.id, next, now).await?;
    }
    count(next);
    payment.state = next;
    payment.refund_id = Some(refund.id.clone());
    payment.updated_at = now;
    order_payment::update(transaction, payment).await?;
    Ok(true)
}

fn count(state: PaymentState) {
    metrics::counter!("vantage_order_payments_total", "outcome" => state.as_str()).increment(1);
}
