//! `returnLabelGenerate`: wants the label in one transaction, then waits a moment for whoever makes it.
//! The customer who goes away, or a process that dies, leaves a task that goes on.

use std::time::Duration;

use async_graphql::{Enum, SimpleObject};
use entities::returns::customer_return;
use platform::tasks::{self, enqueue};
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Claim, KeyUse};
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument;
use uuid::Uuid;

use crate::State;
use crate::customer_return::Return;
use crate::label_task::{self, BuyLabel};
use crate::mutation::Outcome;
use crate::rules::status::ReturnStatus;

/// How long a customer waits for their label: less than the router waits for an answer. It is made
/// without them, too.
const LABEL_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How often that is looked at when nobody says that something changed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How far a return's label is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ReturnLabelStatus {
    /// It is there, in `return.label`.
    Ready,
    /// It is being made, however long that takes: ask for the return again in a moment.
    Pending,
    /// There is none: a person looks at the return, or it needs none any more.
    Unavailable,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnLabelPayload {
    /// As it is now, with its label or without. Null when there are errors.
    #[graphql(name = "return")]
    pub labelled: Option<Return>,
    /// Null when there are errors.
    pub label_status: Option<ReturnLabelStatus>,
    pub user_errors: Vec<InputError>,
}

impl ReturnLabelPayload {
    pub(crate) fn of(row: customer_return::Model) -> ApiResult<Self> {
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
            user_errors: vec![InputError::new("RETURN_CANCELLED", message, &["id"])],
        }
    }
}

/// What asking for a label came to.
pub(crate) enum LabelOutcome {
    /// The label is there, or the return is past needing one.
    Finished(Box<customer_return::Model>),
    Cancelled,
    /// It is to be made.
    Pending,
}

/// Wants a label of the customer's return, in one transaction with the key.
pub(crate) async fn request(
    state: &State,
    customer: Uuid,
    id: Uuid,
    idempotency_key: &str,
) -> ApiResult<LabelOutcome> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let using = KeyUse {
        caller: customer,
        operation: "returnLabelGenerate",
        key: idempotency_key,
        input: &id,
        retention_days: idempotency::MONEY_RETENTION_DAYS,
    };
    // A key that was used goes on where it was: a return has one label, whoever asks.
    if let Claim::First(slot) = idempotency::claim::<_, Outcome>(&transaction, using, now).await? {
        slot.record(&transaction, &Outcome { id }).await?;
    }
    let row = customer_return::lock(&transaction, id)
        .await?
        .ok_or_else(|| ApiError::not_found("There is no return with this id"))?;
    if row.customer_id != customer {
        return Err(ApiError::forbidden(
            "You can only get labels of your own returns",
        ));
    }
    let outcome = match row.status {
        ReturnStatus::Cancelled => return Ok(LabelOutcome::Cancelled),
        ReturnStatus::Initiated => {
            enqueue(&transaction, &BuyLabel { return_id: id }, now, now).await?;
            LabelOutcome::Pending
        }
        _ => {
            let row = label_task::renew_link(state, &transaction, row, now).await?;
            LabelOutcome::Finished(Box::new(row))
        }
    };
    transaction.commit().await?;
    Ok(outcome)
}

/// Makes the wanted label, or waits for whoever is at it, and gives the return as it is when that is
/// done, has failed for now, or takes longer than a customer waits.
pub(crate) async fn wait(state: &State, id: Uuid) -> ApiResult<customer_return::Model> {
    let deadline = Instant::now() + LABEL_TIMEOUT;
    let mut commits = state.database.commits();
    loop {
        commits.mark_unchanged();
        let row = find(state, id).await?;
        if row.status != ReturnStatus::Initiated || Instant::now() >= deadline {
            return Ok(row);
        }
        if state.easypost.is_none() {
            tracing::error!("labels cannot be made: set providers.easypost.url and key");
            return Err(ApiError::unavailable(
                "Shipping labels are not available at the moment",
            ));
        }
        let claimed = tasks::claim::<BuyLabel>(&state.database, &state.clock, id).await?;
        if let Some(claimed) = claimed {
            // On its own: it goes on when the customer does not wait for it.
            let own = state.clone();
            let made = async move { claimed.perform(&own).await };
            let made = tokio::spawn(made.in_current_span());
            match timeout_at(deadline, made).await {
                Ok(Ok(Ok(_))) => continue,
                // It failed and is tried again, or is still at it.
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
