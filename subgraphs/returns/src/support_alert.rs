//! Alerts support about a return that needs a person.

use chrono::{DateTime, Utc};
use entities::returns::{customer_return, unvoided_label};
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use sea_orm::DbErr;

use crate::events::{self, SupportAlert};
use crate::review::{self, ReviewReason};

/// Why support is alerted; in snake_case in events and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(crate) enum AlertReason {
    /// It was created long ago and has no label yet.
    NoLabel,
    /// The payment provider refuses the refund, although the payment method is usable.
    RefundRefused,
    /// The payment provider refunded another amount or currency.
    RefundMismatch,
    /// A label that is not needed was used, so its price is not refunded.
    LabelUsed,
    /// EasyPost does not know a label that is not needed, so its price is not refunded.
    LabelUnknown,
    /// The carrier has the package of a cancelled return.
    ScannedAfterCancellation,
    /// The carrier is sending the package back to the customer.
    ReturnedToCustomer,
}

impl AlertReason {
    /// The reason that the queue shows.
    const fn queued_as(self) -> ReviewReason {
        match self {
            Self::NoLabel => ReviewReason::NoLabel,
            Self::RefundRefused | Self::RefundMismatch => ReviewReason::RefundRefused,
            Self::LabelUsed | Self::LabelUnknown => ReviewReason::LabelNotVoided,
            Self::ScannedAfterCancellation => ReviewReason::CancelledButScanned,
            Self::ReturnedToCustomer => ReviewReason::ReturnedToCustomer,
        }
    }
}

/// Puts the return into the queue, and publishes the alert through the outbox.
pub(crate) async fn alert(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    reason: AlertReason,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let return_id = IdKind::Return.format(row.id);
    review::open(transaction, row.id, reason.queued_as(), now).await?;
    let reason = reason.into_str();
    tracing::warn!(return_id, reason, "return needs support");
    counter!("vantage_returns_alerts_total", "alert" => reason).increment(1);
    let event = NewEvent {
        topic: events::TOPIC,
        event_type: events::SUPPORT_ALERT,
        aggregate_id: &return_id,
        data: SupportAlert {
            version: 1,
            return_id: return_id.clone(),
            order_id: IdKind::Order.format(row.order_id),
            customer_id: IdKind::Customer.format(row.customer_id),
            reason,
            created_at: row.created_at,
        },
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}

/// Records that a label could not be voided, and alerts support the first time.
pub(crate) async fn alert_of_label(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    shipment_id: &str,
    reason: AlertReason,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if unvoided_label::add(transaction, row.id, shipment_id, now).await? {
        alert(transaction, row, reason, now).await?;
    }
    Ok(())
}
