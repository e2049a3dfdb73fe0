//! Alerts support about payments that a person has to look at.

use chrono::{DateTime, Utc};
use entities::orders::order;
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use sea_orm::DbErr;

use crate::events::{self, Amount, SupportAlert};
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
        expected = order.local_currency_amount,
        expected_currency = order.local_currency_code,
        received = charge.amount,
        received_currency = charge.currency,
        "payment amounts differ"
    );
    counter!("vantage_order_payment_mismatches_total", "reason" => reason).increment(1);
    let currency = CurrencyCode::from_code(&order.local_currency_code)
        .ok_or_else(|| DbErr::Custom(format!("order {order_id} has an unknown currency")))?;
    let event = NewEvent {
        topic: events::TOPIC,
        event_type: events::SUPPORT_ALERT,
        aggregate_id: &order_id,
        data: SupportAlert {
            version: 1,
            order_id: &order_id,
            customer_id: &IdKind::Customer.format(order.customer_id),
            reason,
            expected: Amount {
                amount: Money::new(order.local_currency_amount, currency).decimal(),
                currency,
            },
            received_minor_units: charge.amount,
            received_currency: charge.currency.to_uppercase(),
            timestamp: now,
        },
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}
