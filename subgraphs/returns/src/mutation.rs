//! Changes to returns. Each is one transaction: key, rows, timeline and event. What is refused is
//! rolled back whole, its key too, so that it can be asked again once the reason is mended.

use async_graphql::{Context, ID, Object};
use entities::returns::customer_return;
use platform::database::DatabaseTransaction;
use platform::flags::{EvaluationContext, Flag};
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Claim, KeyUse};
use resolvers::{ApiError, ApiResult, access};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::State;
use crate::cancel::{self, ReturnCancelPayload};
use crate::create::{self, ReturnCreatePayload};
use crate::judgement::Wish;
use crate::label_request::{self, ReturnLabelPayload, Wanted};
use crate::loaders::Loaders;
use crate::return_input::ReturnCreateInput;
use crate::rules::input;

/// Whether customers make, label and cancel returns by themselves.
const SELF_SERVICE: Flag = Flag::on_by_default("self_service_returns");

/// What an idempotency key remembers: which return it made or changed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) id: Uuid,
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    /// Makes a return of items of one of the caller's orders, if every rule allows it.
    #[graphql(directive = authenticated::apply())]
    async fn return_create(
        &self,
        context: &Context<'_>,
        input: ReturnCreateInput,
        idempotency_key: String,
    ) -> ApiResult<ReturnCreatePayload> {
        let customer = self_service(context).await?;
        let wanted = match input::parse(&input) {
            Ok(wanted) => wanted,
            Err(mistakes) => return Ok(ReturnCreatePayload::mistaken(mistakes)),
        };
        let wish = match Wish::of(context, customer, &wanted).await? {
            Ok(wish) => wish,
            Err(mistakes) => return Ok(ReturnCreatePayload::mistaken(mistakes)),
        };

        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let transaction = state.database.begin().await?;
        let using = KeyUse {
            caller: customer,
            operation: "returnCreate",
            key: &idempotency_key,
            input: &input,
            keep_days: idempotency::KEEP_MONEY_DAYS,
        };
        let row = match idempotency::claim(&transaction, using, now).await? {
            Claim::Replay(outcome) => replay(&transaction, &outcome).await?,
            Claim::First(slot) => match create::create(&transaction, customer, &wish, now).await? {
                Ok(row) => {
                    slot.record(&transaction, &Outcome { id: row.id }).await?;
                    row
                }
                Err(failures) => {
                    transaction.rollback().await;
                    return Ok(ReturnCreatePayload::ineligible(&failures));
                }
            },
        };
        transaction.commit().await?;
        context.data_unchecked::<Loaders>().forget();
        ReturnCreatePayload::of(row)
    }

    /// Gets the shipping label of one of the caller's returns, making it if there is none yet.
    /// Without a plausible rate for it the return goes to a person instead.
    #[graphql(directive = authenticated::apply())]
    async fn return_label_generate(
        &self,
        context: &Context<'_>,
        id: ID,
        idempotency_key: String,
    ) -> ApiResult<ReturnLabelPayload> {
        let customer = self_service(context).await?;
        let id = IdKind::Return.argument("id", &id)?;
        let state = context.data_unchecked::<State>();
        let row = match label_request::want(state, customer, id, &idempotency_key).await? {
            Wanted::Settled(row) => *row,
            Wanted::Cancelled => return Ok(ReturnLabelPayload::cancelled()),
            Wanted::Yes => label_request::wait(state, id).await?,
        };
        context.data_unchecked::<Loaders>().forget();
        ReturnLabelPayload::of(row)
    }

    /// Cancels one of the caller's returns, which is possible until the carrier has the package.
    #[graphql(directive = authenticated::apply())]
    async fn return_cancel(
        &self,
        context: &Context<'_>,
        id: ID,
        idempotency_key: String,
    ) -> ApiResult<ReturnCancelPayload> {
        let customer = self_service(context).await?;
        let id = IdKind::Return.argument("id", &id)?;

        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let transaction = state.database.begin().await?;
        let using = KeyUse {
            caller: customer,
            operation: "returnCancel",
            key: &idempotency_key,
            input: &id,
            keep_days: idempotency::KEEP_DAYS,
        };
        let row = match idempotency::claim(&transaction, using, now).await? {
            Claim::Replay(outcome) => replay(&transaction, &outcome).await?,
            Claim::First(slot) => match cancel::cancel(&transaction, customer, id, now).await? {
                Ok(row) => {
                    slot.record(&transaction, &Outcome { id }).await?;
                    row
                }
                Err(from) => {
                    transaction.rollback().await;
                    return Ok(ReturnCancelPayload::refused(from));
                }
            },
        };
        transaction.commit().await?;
        context.data_unchecked::<Loaders>().forget();
        ReturnCancelPayload::of(row)
    }
}

/// The caller, if customers make returns by themselves; otherwise they ask support.
async fn self_service(context: &Context<'_>) -> ApiResult<Uuid> {
    let customer = access::customer(context)?;
    let flags = &context.data_unchecked::<State>().flags;
    let whom = EvaluationContext::default().with_targeting_key(IdKind::Customer.format(customer));
    if flags.is_on(SELF_SERVICE, &whom).await {
        Ok(customer)
    } else {
        Err(ApiError::forbidden(
            "Returns are made by our support at the moment: please contact us",
        ))
    }
}

/// The return that a key made or changed, as it is now.
async fn replay(
    transaction: &DatabaseTransaction,
    outcome: &Outcome,
) -> ApiResult<customer_return::Model> {
    let mut rows = customer_return::by_ids(transaction, &[outcome.id]).await?;
    rows.remove(&outcome.id)
        .ok_or_else(|| ApiError::internal(format!("return {} is missing", outcome.id)))
}
