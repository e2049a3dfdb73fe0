//! Refunds that the payment provider refuses, or makes with another amount: a person has to decide.

use entities::returns::customer_return;
use platform::providers::stripe;

use crate::State;
use crate::refund_task::{lock_awaiting_refund, to_payment};
use crate::review::{self, ReviewReason};
use crate::support_alert::{self, AlertReason};
use crate::tasks::{Step, TaskError};
use crate::transitions;

/// Reports a refund of another amount than requested; it does not count as this return's refund.
pub(crate) async fn report_mismatch(
    state: &State,
    row: &customer_return::Model,
    refund: &stripe::Refund,
) -> Result<Step, TaskError> {
    report(state, row, AlertReason::RefundMismatch).await?;
    Err(TaskError::Refused(format!(
        "refund {} is of {} {}, not of {} {}",
        refund.id,
        refund.amount,
        refund.currency,
        to_payment(row),
        row.currency
    )))
}

/// The provider refused for a reason other than the payment method. Retried later, since the cause may have been fixed.
pub(crate) async fn report_refusal(
    state: &State,
    row: &customer_return::Model,
    code: &str,
) -> Result<Step, TaskError> {
    report(state, row, AlertReason::RefundRefused).await?;
    Err(TaskError::Refused(format!("Stripe refused: {code}")))
}

/// Alerts support, unless the return is in its queue already.
async fn report(
    state: &State,
    row: &customer_return::Model,
    reason: AlertReason,
) -> Result<(), TaskError> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    if let Some(mut row) = lock_awaiting_refund(&transaction, row.id).await?
        && !review::is_open(&transaction, row.id, ReviewReason::RefundRefused).await?
    {
        row.support_alerted_at = Some(now);
        transitions::update(&transaction, &row).await?;
        support_alert::alert(&transaction, &row, reason, now).await?;
    }
    transaction.commit().await?;
    Ok(())
}
