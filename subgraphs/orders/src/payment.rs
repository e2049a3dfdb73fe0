//! Payments of orders: what we request, and how the provider's updates are applied.
//!
//! A request is recorded before the provider is called (`payment_processor.rs`). Whatever is interrupted leaves a row
//! that says what remains to be done, and repeating it is safe: a payment intent is created without charging, its id is
//! stored, and only then is it confirmed, which the provider does at most once.

use chrono::{DateTime, TimeDelta, Utc};
use entities::orders::order_event::Actor;
use entities::orders::{order, order_parcel, order_payment};
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
use crate::rules::status::{self, OrderStatus};
use crate::support_alert::{self, AuthorizationProblem, Mismatch};
use crate::transitions::{self, Transition, TransitionError};

/// How long a payment is left to the request that placed the order.
const INITIAL_DELAY: TimeDelta = TimeDelta::seconds(1);
/// How soon to retry if the provider has not made progress with a refund.
const RELEASE_INTERVAL: TimeDelta = TimeDelta::seconds(5);
/// How long an authorization can be captured, if the provider does not say.
const AUTHORIZATION_LIFETIME: TimeDelta = TimeDelta::days(7);
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
    /// The captured amount, if any; of an authorization, the authorized one.
    pub received: Option<Charge>,
    /// How much was captured.
    pub captured: i64,
    /// Until when an authorization can be captured, if the provider says so.
    pub capture_before: Option<DateTime<Utc>>,
}

impl ProviderUpdate {
    pub(crate) fn of(intent: &PaymentIntent) -> Self {
        let decline = intent.last_payment_error.as_ref();
        Self {
            status: provider_status(intent),
            intent: Some(intent.id.clone()),
            decline_code: decline.and_then(|error| error.code()).map(str::to_owned),
            received: Some(Charge {
                amount: match intent.status {
                    PaymentStatus::RequiresCapture => {
                        intent.amount_received + intent.amount_capturable
                    }
                    _ => intent.amount_received,
                },
                currency: intent.currency.clone(),
            }),
            captured: intent.amount_received,
            capture_before: intent.capture_before(),
        }
    }

    /// An update without an amount.
    pub(crate) fn without_amount(status: ProviderStatus, intent: Option<String>) -> Self {
        Self {
            status,
            intent,
            decline_code: None,
            received: None,
            captured: 0,
            capture_before: None,
        }
    }

    /// The captured or authorized amount, if it is not one that the order can have.
    pub(crate) fn mismatch(&self, order: &order::Model) -> Option<&Charge> {
        let (total, currency) = (order.charged_amount(), &order.local_currency_code);
        let received = self.received.as_ref()?;
        let is_possible = match self.status {
            ProviderStatus::Succeeded | ProviderStatus::Authorized => received.is(total, currency),
            // Parts are captured only once something is sent.
            ProviderStatus::PartiallyCaptured => {
                order.status != OrderStatus::Pending
                    && received.amount < total
                    && received.currency.eq_ignore_ascii_case(currency)
            }
            ProviderStatus::RequiresConfirmation
            | ProviderStatus::Processing
            | ProviderStatus::Declined
            | ProviderStatus::Canceled => true,
        };
        (!is_possible).then_some(received)
    }
}

pub(crate) fn provider_status(intent: &PaymentIntent) -> ProviderStatus {
    match intent.status {
        PaymentStatus::RequiresConfirmation => ProviderStatus::RequiresConfirmation,
        PaymentStatus::RequiresPaymentMethod => ProviderStatus::Declined,
        PaymentStatus::Succeeded if intent.amount_received < intent.amount => {
            ProviderStatus::PartiallyCaptured
        }
        PaymentStatus::Succeeded => ProviderStatus::Succeeded,
        PaymentStatus::Canceled => ProviderStatus::Canceled,
        PaymentStatus::RequiresCapture => ProviderStatus::Authorized,
        PaymentStatus::RequiresAction | PaymentStatus::Processing | PaymentStatus::Other => {
            ProviderStatus::Processing
        }
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

/// Confirms a new order that store credit pays completely: there is nothing to charge.
pub(crate) async fn paid_by_credit(
    transaction: &DatabaseTransaction,
    order: &mut order::Model,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let transition = Transition {
        to: OrderStatus::Confirmed,
        actor: Actor::Payment,
        reason: None,
        at: now,
    };
    match transitions::advance(transaction, order, &transition, now).await {
        Ok(()) => Ok(()),
        Err(TransitionError::Database(error)) => Err(error),
        Err(TransitionError::Illegal(refused)) => Err(DbErr::Custom(refused.to_string())),
    }
}

fn requested(order: Uuid, now: DateTime<Utc>) -> order_payment::Model {
    order_payment::Model {
        order_id: order,
        state: PaymentState::Requested,
        decline_code: None,
        refund_id: None,
        captured_amount: None,
        capture_target: None,
        authorized_until: None,
        expiry_alerted_at: None,
        created_at: now,
        updated_at: now,
    }
}

/// Records that this much of an authorized payment is to be captured in total, in the transaction of what was sent.
/// Does nothing if everything is captured, or another amount is to be first.
pub(crate) async fn request_capture(
    transaction: &DatabaseTransaction,
    order: Uuid,
    target: i64,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let Some(mut payment) = order_payment::of_order(transaction, order).await? else {
        return Ok(());
    };
    if !matches!(
        payment.state,
        PaymentState::Authorized | PaymentState::CaptureRequested
    ) || payment.captured_amount >= Some(target)
    {
        return Ok(());
    }
    payment.state = PaymentState::CaptureRequested;
    payment.capture_target = payment.capture_target.max(Some(target));
    payment.updated_at = now;
    order_payment::update(transaction, payment).await?;
    SettlePayment::enqueue(transaction, order, now, now).await
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
    if outcome.order == Some(OrderStatus::Cancelled) {
        let parcels = order_parcel::of_order(transaction, order.id).await?;
        if !status::is_cancellable(status, !parcels.is_empty()) {
            // A part was captured for what is on its way, and there is no money for the rest.
            outcome = Outcome {
                order: None,
                payment: PaymentState::NeedsReview,
            };
        }
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
            ProviderStatus::Canceled if state == PaymentState::Authorized => {
                Some("authorization_expired")
            }
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
    if update.status == ProviderStatus::Authorized && payment.authorized_until.is_none() {
        let until = update.capture_before;
        payment.authorized_until = Some(until.unwrap_or(now + AUTHORIZATION_LIFETIME));
    }
    record_capture(transaction, &order, &mut payment, update.captured, now).await?;
    if matches!(
        outcome.payment,
        PaymentState::CaptureRequested | PaymentState::Authorized
    ) && payment.capture_target.is_some()
    {
        outcome.payment = match payment.captured_amount >= payment.capture_target {
            // The rest waits for the next parcel.
            true => PaymentState::Authorized,
            false => PaymentState::CaptureRequested,
        };
    }
    if outcome.payment != state {
        count(outcome.payment);
    }
    let is_released = outcome.payment == PaymentState::Released;
    if is_released && state != PaymentState::Released && outcome.order.is_none() {
        transitions::payment_released(transaction, &order, now).await?;
    }
    let needs_review = outcome.payment == PaymentState::NeedsReview;
    if needs_review && state != PaymentState::NeedsReview && status != OrderStatus::Pending {
        let (problem, until) = (
            AuthorizationProblem::CaptureFailed,
            payment.authorized_until,
        );
        support_alert::alert_of_authorization(transaction, &order, problem, until, now).await?;
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
        PaymentState::CaptureRequested if state == PaymentState::CaptureRequested => None,
        PaymentState::CaptureRequested => Some(now),
        PaymentState::Authorized
        | PaymentState::Captured
        | PaymentState::Released
        | PaymentState::NeedsReview => None,
    };
    if let Some(due) = due {
        SettlePayment::enqueue(transaction, order.id, due, now).await?;
    }
    payment.updated_at = now;
    order_review::settled(transaction, order.id, payment.state, now).await?;
    order_payment::update(transaction, payment).await?;
    Ok(())
}

/// Records how much of an authorized payment was captured so far, with the timeline and the event.
async fn record_capture(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    payment: &mut order_payment::Model,
    captured: i64,
    now: DateTime<Utc>,
) -> Result<(), SettleError> {
    let before = payment.captured_amount.unwrap_or(0);
    if payment.authorized_until.is_none() || captured <= before {
        return Ok(());
    }
    let currency = CurrencyCode::from_code(&order.local_currency_code)
        .ok_or(SettleError::UnknownValue(order.id))?;
    payment.captured_amount = Some(captured);
    let part = Money::new(captured - before, currency);
    transitions::captured(
        transaction,
        order,
        part,
        Money::new(captured, currency),
        now,
    )
    .await?;
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
    let currency = CurrencyCode::from_code(&order.local_currency_code)
        .ok_or(SettleError::UnknownValue(order.id))?;
    let amount = Money::new(refund.amount, currency);
    if failed {
        tracing::error!(
            order_id = IdKind::Order.format(order.id),
            refund = refund.id,
            reason = refund.failure_reason,
            "refund of a cancelled order failed, it must be issued manually"
        );
        transitions::refund_refused(transaction, order, amount, now).await?;
        let reason = ReviewReason::RefundRefused;
        order_review::open(transaction, order.id, reason, now).await?;
    } else {
        transitions::refunded(transaction, order, amount, now).await?;
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
