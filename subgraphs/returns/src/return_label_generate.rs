//! `returnLabelGenerate`: enqueues the label task in a transaction, then waits briefly for the label. The task
//! continues if the customer disconnects or the process dies.

use std::time::Duration;

use async_graphql::{Enum, SimpleObject};
use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use platform::database::DatabaseTransaction;
use platform::tasks;
use resolvers::id::IdKind;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument;
use uuid::Uuid;

use crate::State;
use crate::customer_return::Return;
use crate::label_task::{self, BuyLabel};
use crate::rules::status::ReturnStatus;

/// How long a request waits for the label: less than the router waits for the response. The label is created in any
/// case.
const LABEL_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How often a waiting request polls the return unless a commit in this process wakes it.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The progress of a return's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ReturnLabelStatus {
    /// The label is in `return { label }`.
    Ready,
    /// The label is being created. Read the return again in a few seconds, or watch it with `returnUpdated`.
    Pending,
    /// There is no label: the return is in manual review, or no longer needs one.
    Unavailable,
}

/// The outcome of `returnLabelGenerate`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnLabelPayload {
    /// The return as it is now, with or without a label; null if there are errors.
    #[graphql(name = "return")]
    pub labelled: Option<Return>,
    /// The progress of the label; null if there are errors.
    pub label_status: Option<ReturnLabelStatus>,
    /// Why the return cannot have a label; empty if it can.
    pub user_errors: Vec<InputError>,
}

impl ReturnLabelPayload {
    pub(crate) fn of(row: customer_return::Model) -> ApiResult<Self> {
        if row.status == ReturnStatus::Cancelled {
            return Ok(Self::cancelled());
        }
        let is_pending = row.status == ReturnStatus::Initiated;
        let labelled = Return::try_from(row)?;
        let label_status = match labelled.has_label() {
            true => ReturnLabelStatus::Ready,
            false if is_pending => ReturnLabelStatus::Pending,
            false => ReturnLabelStatus::Unavailable,
        };
        Ok(Self {
            labelled: Some(labelled),
            label_status: Some(label_status),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn cancelled() -> Self {
        let message = "This return is cancelled: make a new one to get a label";
        Self {
            labelled: None,
            label_status: None,
            user_errors: vec![InputError::new(
                UserErrorCode::ReturnCancelled,
                message,
                &["id"],
            )],
        }
    }
}

/// Enqueues the label of the customer's return if needed. Returns whether it can have one, which a cancelled return
/// cannot.
pub(crate) async fn request(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
) -> ApiResult<bool> {
    let row = customer_return::lock(transaction, id)
        .await?
        .ok_or_else(|| ApiError::not_found("There is no return with this id"))?;
    if row.customer_id != customer {
        return Err(ApiError::forbidden(
            "You can only get labels of your own returns",
        ));
    }
    if row.status == ReturnStatus::Initiated {
        tasks::ensure(transaction, &BuyLabel { return_id: id }, now).await?;
    }
    Ok(row.status != ReturnStatus::Cancelled)
}

/// The return with its label and a valid link. A pending label is created now, here or by the running task, waiting at
/// most as long as a customer would.
pub(crate) async fn labelled(state: &State, id: Uuid) -> ApiResult<customer_return::Model> {
    let row = wait(state, id).await?;
    label_task::renew_link(state, row).await
}

/// The return once its label is created, has failed for now, or takes too long.
async fn wait(state: &State, id: Uuid) -> ApiResult<customer_return::Model> {
    let deadline = Instant::now() + LABEL_TIMEOUT;
    let mut commits = state.database.commits();
    loop {
        commits.mark_unchanged();
        let row = find(state, id).await?;
        if row.status != ReturnStatus::Initiated || Instant::now() >= deadline {
            return Ok(row);
        }
        if state.easypost.is_none() {
            tracing::error!("labels cannot be created: set providers.easypost.url and key");
            return Err(ApiError::unavailable(
                "Shipping labels are not available at the moment",
            ));
        }
        let claimed = tasks::claim::<BuyLabel>(&state.database, &state.clock, id).await?;
        if let Some(claimed) = claimed {
            // Spawned, so that it continues if the customer disconnects.
            let own = state.clone();
            let made = async move { claimed.perform(&own).await };
            let made = tokio::spawn(made.in_current_span());
            match timeout_at(deadline, made).await {
                Ok(Ok(Ok(_))) => continue,
                // It failed and will be retried, or it is still running.
                Ok(Ok(Err(_))) | Err(_) => return find(state, id).await,
                Ok(Err(cut)) => return Err(ApiError::internal(cut)),
            }
        }
        tokio::select! {
            Ok(()) = commits.changed() => {}
            () = sleep_until(deadline.min(Instant::now() + POLL_INTERVAL)) => {}
        }
    }
}

async fn find(state: &State, id: Uuid) -> ApiResult<customer_return::Model> {
    let row = customer_return::by_id(state.database.read(), id).await?;
    row.ok_or_else(|| {
        let id = IdKind::Return.format(id);
        ApiError::internal(format!("return {id} is missing"))
    })
}
