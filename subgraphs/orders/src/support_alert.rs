//! Alerts support about payments and parcels that a person has to look at.

use chrono::{DateTime, Utc};
use entities::orders::order;
use metrics::counter;
use platform::database::DatabaseTransaction;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use sea_orm::DbErr;

use crate::events::{self, Amount, AuthorizationAlert, ParcelAlert, SupportAlert};
use crate::order_review::{self, ReviewReason};
use crate::rules::settlement::Charge;

/// What does not match the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(const_into_str)]
pub(crate) enum Mismatch {
    /// The provider charged another amount or currency.
    #[strum(serialize = "payment_mismatch")]
    Payment,
    /// The provider refunded another amount or currency.
    #[strum(serialize = "refund_mismatch")]
    Refund,
}

impl Mismatch {
    /// The reason that the queue shows.
    const fn queued_as(self) -> ReviewReason {
        match self {
            Self::Payment => ReviewReason::PaymentMismatch,
            Self::Refund => ReviewReason::RefundMismatch,
        }
    }
}

/// Puts the order into the queue, and alerts support that the provider's amount differs from the order's.
pub(crate) async fn alert(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    mismatch: Mismatch,
    charge: &Charge,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    order_review::open(transaction, order.id, mismatch.queued_as(), now).await?;
    let (order_id, reason) = (IdKind::Order.format(order.id), mismatch.into_str());
    tracing::error!(
        order_id,
        reason,
        expected = order.charged_amount(),
        expected_currency = order.local_currency_code,
        received = charge.amount,
        received_currency = charge.currency,
        "payment amounts differ"
    );
    counter!("vantage_order_payment_mismatches_total", "reason" => reason).increment(1);
    let currency = CurrencyCode::from_code(&order.local_currency_code)
        .ok_or_else(|| DbErr::Custom(format!("order {order_id} has an unknown currency")))?;
    let data = SupportAlert {
        version: 1,
        order_id: &order_id,
        customer_id: &IdKind::Customer.format(order.customer_id),
        reason,
        expected: Amount {
            amount: Money::new(order.charged_amount(), currency).decimal(),
            currency,
        },
        received_minor_units: charge.amount,
        received_currency: charge.currency.to_uppercase(),
        timestamp: now,
    };
    events::publish(transaction, &order_id, events::SUPPORT_ALERT, data, now).await
}

/// What is wrong with a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(crate) enum ParcelProblem {
    /// It came back: the customer has not received it, and it is not refunded by itself.
    ReturnedToSender,
    /// The carrier has it, although the order is cancelled.
    SentAfterCancellation,
}

impl ParcelProblem {
    /// The reason that the queue shows.
    const fn queued_as(self) -> ReviewReason {
        match self {
            Self::ReturnedToSender => ReviewReason::ReturnedToSender,
            Self::SentAfterCancellation => ReviewReason::SentAfterCancellation,
        }
    }
}

/// Puts the order into the queue, and alerts support about a parcel of it.
pub(crate) async fn alert_of_parcel(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    parcel: ParcelOf<'_>,
    problem: ParcelProblem,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    order_review::open(transaction, order.id, problem.queued_as(), now).await?;
    let (order_id, reason) = (IdKind::Order.format(order.id), problem.into_str());
    let ParcelOf {
        carrier,
        tracking_number,
    } = parcel;
    tracing::warn!(
        order_id,
        reason,
        carrier,
        tracking_number,
        "parcel needs support"
    );
    counter!("vantage_order_parcel_alerts_total", "reason" => reason).increment(1);
    let data = ParcelAlert {
        version: 1,
        order_id: &order_id,
        customer_id: &IdKind::Customer.format(order.customer_id),
        reason,
        carrier,
        tracking_number,
        timestamp: now,
    };
    events::publish(transaction, &order_id, events::PARCEL_ALERT, data, now).await
}

/// What is wrong with an authorized payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(crate) enum AuthorizationProblem {
    /// Something is still to be sent, and the authorization ends soon.
    AuthorizationEnding,
    /// Something was sent, and the authorization ended before everything was captured.
    CaptureFailed,
}

/// Alerts support about an authorized payment.
pub(crate) async fn alert_of_authorization(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    problem: AuthorizationProblem,
    authorized_until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if problem == AuthorizationProblem::CaptureFailed {
        order_review::open(transaction, order.id, ReviewReason::CaptureFailed, now).await?;
    }
    let (order_id, reason) = (IdKind::Order.format(order.id), problem.into_str());
    tracing::warn!(order_id, reason, "authorized payment needs support");
    counter!("vantage_order_authorization_alerts_total", "reason" => reason).increment(1);
    let data = AuthorizationAlert {
        version: 1,
        order_id: &order_id,
        customer_id: &IdKind::Customer.format(order.customer_id),
        reason,
        authorized_until,
        timestamp: now,
    };
    events::publish(
        transaction,
        &order_id,
        events::AUTHORIZATION_ALERT,
        data,
        now,
    )
    .await
}

/// Names a parcel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParcelOf<'a> {
    pub carrier: &'a str,
    pub tracking_number: &'a str,
}
