//! Alerts support to a return that needs a person.

use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use sea_orm::DbErr;

use crate::events::{self, SupportAlert};

/// Why support is alerted; events and metrics carry it in snake_case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
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

/// Alerts support through the outbox.
pub(crate) async fn alert(
    transaction: &DatabaseTransaction,
    row: &customer_return::Model,
    reason: AlertReason,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let return_id = IdKind::Return.format(row.id);
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
