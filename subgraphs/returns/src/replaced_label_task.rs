//! The task that voids a label that support had replaced by another one.

use async_trait::async_trait;
use entities::returns::customer_return;
use platform::providers::easypost::EasypostError;
use platform::tasks::{self, Step, Task};
use resolvers::id::IdKind;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::State;
use crate::support_alert::{self, AlertReason};
use crate::tasks::TaskError;

/// Voids a label that is no longer its return's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VoidReplacedLabel {
    /// Of the decision that replaced it.
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
        let easypost = state.easypost.as_ref();
        let easypost = easypost.ok_or(TaskError::NoProvider("easypost"))?;
        match easypost.void(&self.shipment_id).await {
            Ok(()) => Ok(Step::Done),
            Err(EasypostError::Refused { status: 404, .. }) => {
                self.report(state, AlertReason::LabelUnknown).await
            }
            Err(error) if error.is_final() => self.report(state, AlertReason::LabelUsed).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Its price is lost.
    async fn report(&self, state: &State, reason: AlertReason) -> Result<Step, TaskError> {
        let now = state.clock.now();
        let transaction = state.database.begin().await?;
        if let Some(row) = customer_return::lock(&transaction, self.return_id).await? {
            support_alert::alert(&transaction, &row, reason, now).await?;
        }
        transaction.commit().await?;
        Ok(Step::Done)
    }
}
