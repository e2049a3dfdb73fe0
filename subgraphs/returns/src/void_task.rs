//! The task that voids the unused label of a cancelled return.

use chrono::Duration;
use entities::returns::customer_return;
use platform::providers::easypost::EasypostError;
use uuid::Uuid;

use crate::State;
use crate::label_task;
use crate::rules::status::ReturnStatus;
use crate::support_alert::{self, AlertReason};
use crate::tasks::{Step, TaskError, return_task};
use crate::transitions;

/// A shipment not bought this long after its return was cancelled never will be: longer than any call that was in
/// progress then.
const IN_FLIGHT: Duration = Duration::minutes(10);

return_task!(
    /// Voids the label of a cancelled return.
    VoidLabel,
    "void",
    void
);

/// Voids the label, if there is one, and deletes its file.
pub(crate) async fn void(state: &State, id: Uuid) -> Result<Step, TaskError> {
    let row = customer_return::by_id(state.database.read(), id).await?;
    let Some(row) = row else {
        return Ok(Step::Done);
    };
    let is_cancelled = row.status == ReturnStatus::Cancelled;
    let shipment = row.label_shipment_id.as_deref();
    let (Some(shipment), true, None) = (shipment, is_cancelled, row.label_voided_at) else {
        return Ok(Step::Done);
    };
    let easypost = state
        .easypost
        .as_ref()
        .ok_or(TaskError::NoProvider("easypost"))?;
    let is_bought = match easypost.shipment(shipment).await {
        Ok(shipment) => shipment.is_bought(),
        Err(EasypostError::Refused { status: 404, .. }) => {
            return record_unknown_label(state, id, shipment).await;
        }
        Err(error) => return Err(error.into()),
    };
    if is_bought {
        match easypost.void(shipment).await {
            Ok(()) => {}
            Err(error @ EasypostError::Refused { .. }) if error.is_final() => {
                return record_used_label(state, id, shipment).await;
            }
            Err(error) => return Err(error.into()),
        }
        state
            .labels
            .objects()
            .delete(&label_task::object(id)?)
            .await?;
    } else if state.clock.now() < row.updated_at + IN_FLIGHT {
        return Ok(Step::RetryAt(row.updated_at + IN_FLIGHT));
    }
    update(state, id, |row, now| row.label_voided_at = Some(now)).await?;
    Ok(Step::Done)
}

/// EasyPost does not know the shipment, perhaps because it belongs to another account. Retrying is pointless, and a
/// person should look at it.
async fn record_unknown_label(state: &State, id: Uuid, shipment: &str) -> Result<Step, TaskError> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    if let Some(mut row) = customer_return::lock(&transaction, id).await?
        && row.label_voided_at.is_none()
    {
        row.label_voided_at = Some(now);
        transitions::update(&transaction, &row).await?;
        let reason = AlertReason::LabelUnknown;
        support_alert::alert_of_label(&transaction, &row, shipment, reason, now).await?;
    }
    transaction.commit().await?;
    Ok(Step::Done)
}

/// The carrier has scanned the label: its price is lost, and a person should look at it.
async fn record_used_label(state: &State, id: Uuid, shipment: &str) -> Result<Step, TaskError> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    if let Some(mut row) = customer_return::lock(&transaction, id).await?
        && row.support_alerted_at.is_none()
    {
        row.support_alerted_at = Some(now);
        transitions::update(&transaction, &row).await?;
        let reason = AlertReason::LabelUsed;
        support_alert::alert_of_label(&transaction, &row, shipment, reason, now).await?;
    }
    transaction.commit().await?;
    Ok(Step::Done)
}

/// Updates the row under its lock, without a transition.
async fn update(
    state: &State,
    id: Uuid,
    update: impl FnOnce(&mut customer_return::Model, chrono::DateTime<chrono::Utc>),
) -> Result<(), TaskError> {
    let transaction = state.database.begin().await?;
    if let Some(mut row) = customer_return::lock(&transaction, id).await? {
        update(&mut row, state.clock.now());
        transitions::update(&transaction, &row).await?;
    }
    transaction.commit().await?;
    Ok(())
}
