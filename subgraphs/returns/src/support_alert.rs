//! Telling support of a return that needs a person.

use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use sea_orm::DbErr;

use crate::events::{self, SupportAlert};

/// What support is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlertReason {
    /// It was made long ago and has no label yet.
    NoLabel,
    /// The payment provider will not give the money back, though the way it came is open.
    RefundRefused,
    /// The payment provider gave back another amount, or in another currency.
    RefundMismatch,
    /// The label of a cancelled return was used, so that nobody gives back what it cost.
    LabelUsed,
    /// The label of a cancelled return is unknown to EasyPost, so that nobody gives back what it cost.
    LabelUnknown,
    /// The carrier has the package of a cancelled return.
    ScannedAfterCancellation,
    /// The carrier sends the package back to the customer.
    ReturnedToCustomer,
}

impl AlertReason {
    /// As events and metrics have it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::NoLabel => "no_label",
            Self::RefundRefused => "refund_refused",
            Self::RefundMismatch => "refund_mismatch",
            Self::LabelUsed => "label_used",
            Self::LabelUnknown => "label_unknown",
            Self::ScannedAfterCancellation => "scanned_after_cancellation",
            Self::ReturnedToCustomer => "returned_to_customer",
        }
    }
}

/// Tells it through the outbox.
pub(crate) async fn alert(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    reason: AlertReason,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let return_id = IdKind::Return.format(row.id);
    let reason = reason.as_str();
    tracing::warn!(return_id, reason, "a return needs a person");
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
