//! `returnLabelGenerate`: wants the label in one transaction, then waits for whoever makes it. The
//! customer who goes away, or a process that dies, leaves a task that goes on.

use std::time::Duration;

use async_graphql::SimpleObject;
use entities::returns::{customer_return, return_task};
use resolvers::idempotency::{self, Claim, KeyUse};
use resolvers::user_error::InputError;
use resolvers::{ApiError, ApiResult};
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use crate::State;
use crate::customer_return::Return;
use crate::label;
use crate::mutation::Outcome;
use crate::rules::status::ReturnStatus;
use crate::tasks::{self, Kind, TaskError};

/// How long a customer waits for a label that somebody else makes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often that is looked at when nobody says that something changed.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnLabelPayload {
    /// Null when there are errors.
    #[graphql(name = "return")]
    pub labelled: Option<Return>,
    pub user_errors: Vec<InputError>,
}

impl ReturnLabelPayload {
    pub(crate) fn of(row: customer_return::Model) -> ApiResult<Self> {
        Ok(Self {
            labelled: Some(row.try_into()?),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn cancelled() -> Self {
        let message = "This return is cancelled: make a new one to get a label";
        Self {
            labelled: None,
            user_errors: vec![InputError::new("RETURN_CANCELLED", message, &["id"])],
        }
    }
}

/// What asking for a label came to.
pub(crate) enum Wanted {
    /// The label is there, or the return is past needing one.
    Settled(Box<customer_return::Model>),
    Cancelled,
    /// It is to be made.
    Yes,
}

/// Wants a label of the customer's return, in one transaction with the key.
pub(crate) async fn want(
    state: &State,
    customer: Uuid,
    id: Uuid,
    idempotency_key: &str,
) -> ApiResult<Wanted> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let using = KeyUse {
        caller: customer,
        operation: "returnLabelGenerate",
        key: idempotency_key,
        input: &id,
        keep_days: idempotency::KEEP_MONEY_DAYS,
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
    let wanted = match ReturnStatus::parse(&row.status) {
        Some(ReturnStatus::Cancelled) => return Ok(Wanted::Cancelled),
        Some(ReturnStatus::Initiated) => {
            return_task::want(&transaction, id, Kind::Label.as_str(), now).await?;
            Wanted::Yes
        }
        _ => {
            let row = label::renew(state, &transaction, row, now).await?;
            Wanted::Settled(Box::new(row))
        }
    };
    transaction.commit().await?;
    Ok(wanted)
}

/// Makes the wanted label, or waits for whoever is at it, and gives the return as it is then.
pub(crate) async fn wait(state: &State, id: Uuid) -> ApiResult<customer_return::Model> {
    let deadline = Instant::now() + PATIENCE;
    let mut commits = state.database.commits();
    loop {
        commits.mark_unchanged();
        let row = find(state, id).await?;
        if row.status != ReturnStatus::Initiated.as_str() {
            return Ok(row);
        }
        if let Some(claimed) = tasks::claim(state, id, Kind::Label).await? {
            // On its own: it goes on when the customer does not wait for it.
            let state = state.clone();
            let made = async move { tasks::perform(&state, claimed).await }.in_current_span();
            let made = tokio::spawn(made).await;
            match made {
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => return Err(not_now(&error)),
                Err(cut) => return Err(ApiError::internal(cut)),
            }
        }
        if Instant::now() >= deadline {
            return Err(ApiError::unavailable(LATER));
        }
        tokio::select! {
            Ok(()) = commits.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

const LATER: &str = "The shipping label could not be made at this time. We go on trying: look at \
                     your return again in a few minutes";

fn not_now(error: &TaskError) -> ApiError {
    if let TaskError::NoProvider(_) = error {
        tracing::error!(%error, "labels are not possible in this process");
    }
    ApiError::unavailable(LATER)
}

async fn find(state: &State, id: Uuid) -> ApiResult<customer_return::Model> {
    let row = customer_return::by_id(state.database.read(), id).await?;
    row.ok_or_else(|| ApiError::internal(format!("return {id} is missing")))
}
