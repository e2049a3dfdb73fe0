//! The task that voids a label that support had replaced by another one, or asked to void once more.

use async_trait::async_trait;
use entities::returns::customer_return;
use platform::providers::easypost::EasypostError;
use platform::tasks::{self, Step, Task};
use resolvers::id::IdKind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rules::status::ReturnStatus;
use crate::support_alert::{self, AlertReason};
use crate::tasks::TaskError;
use crate::{State, label_task, review, transitions};

/// Voids a label that its return does not need.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VoidReplacedLabel {
    /// Of the decision that replaced it, or to void it.
    pub(crate) decision_id: Uuid,
    pub(crate) return_id: Uuid,
    /// At EasyPost.
    pub(crate) shipment_id: String,
}

#[async_trait]
impl Task for VoidReplacedLabel {
    const KIND: &'static str = "void_replaced";
    type State = State;

    fn key(&self) -> Uuid {
        self.decision_id
    }

    fn subject(&self) -> String {
        IdKind::Return.format(self.return_id)
    }

    async fn run(&self, state: &State, _: u32) -> Result<Step, tasks::TaskError> {
        Ok(self.void(state).await?)
    }
}

impl VoidReplacedLabel {
    async fn void(&self, state: &State) -> Result<Step, TaskError> {
        let row = customer_return::by_id(state.database.read(), self.return_id).await?;
        let Some(row) = row else {
            return Ok(Step::Done);
        };
        let is_own = self.is_label_of(&row);
        if is_own && row.status != ReturnStatus::Cancelled {
            // It is needed again.
            return Ok(Step::Done);
        }
        let easypost = state.easypost.as_ref();
        let easypost = easypost.ok_or(TaskError::NoProvider("easypost"))?;
        match easypost.void(&self.shipment_id).await {
            Ok(()) => {}
            Err(EasypostError::Refused { status: 404, .. }) => {
                return self.report(state, AlertReason::LabelUnknown).await;
            }
            Err(error) if error.is_final() => {
                return self.report(state, AlertReason::LabelUsed).await;
            }
            Err(error) => return Err(error.into()),
        }
        if is_own {
            let object = label_task::object(self.return_id)?;
            state.labels.objects().delete(&object).await?;
        }
        self.settle(state).await
    }

    fn is_label_of(&self, row: &customer_return::Model) -> bool {
        row.label_shipment_id.as_deref() == Some(&*self.shipment_id)
    }

    /// Its price comes back.
    async fn settle(&self, state: &State) -> Result<Step, TaskError> {
        let now = state.clock.now();
        let transaction = state.database.begin().await?;
        if let Some(mut row) = customer_return::lock(&transaction, self.return_id).await? {
            if self.is_label_of(&row) {
                row.label_voided_at = Some(now);
                transitions::update(&transaction, &row).await?;
            }
            review::settle_label(&transaction, row.id, &self.shipment_id, now).await?;
        }
        transaction.commit().await?;
        Ok(Step::Done)
    }

    /// Its price is lost, unless somebody recovers it.
    async fn report(&self, state: &State, reason: AlertReason) -> Result<Step, TaskError> {
        let now = state.clock.now();
        let transaction = state.database.begin().await?;
        if let Some(row) = customer_return::lock(&transaction, self.return_id).await? {
            let shipment = &self.shipment_id;
            support_alert::alert_of_label(&transaction, &row, shipment, reason, now).await?;
        }
        transaction.commit().await?;
        Ok(Step::Done)
    }
}
