//! Mutations of returns. Each is one transaction with its idempotency key, rows, timeline and event. A refused mutation
//! is rolled back completely, key included, so that it can be repeated once the reason is fixed. A replay only reads
//! this domain's database.

use async_graphql::{Context, ID, Object};
use entities::returns::customer_return;
use resolvers::access::authenticated;
use resolvers::cost::{THIRD_PARTY, cost};
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Attempt, IdempotentMutation, KeyUse};
use resolvers::{ApiError, ApiResult, access};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::State;
use crate::input;
use crate::loaders::Loaders;
use crate::return_cancel::{self, ReturnCancelPayload};
use crate::return_create::{self, ReturnCreatePayload};
use crate::return_create_input::ReturnCreateInput;
use crate::return_label_generate::{self, ReturnLabelPayload};
use crate::return_request::ReturnRequest;
use crate::return_review_decide::{self, Decided, ReturnReviewPayload};
use crate::return_review_input::{Decision, ReturnReviewInput};
use crate::rules::eligibility::SELF_SERVICE_OFF;
use crate::self_service;

/// The result stored under an idempotency key: the created or changed return.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) id: Uuid,
}

pub(crate) struct Mutation;

/// Root fields of mutations, which change data. Those of one operation run one after another.
#[Object]
impl Mutation {
    /// Creates a return for items of one of the caller's orders, if every rule allows it. FORBIDDEN while returns are only
    /// possible through support.
    #[graphql(directive = authenticated::apply())]
    async fn return_create(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What is returned, and why.")] input: ReturnCreateInput,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days returns the same return and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<ReturnCreatePayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: customer.to_string(),
            operation: "returnCreate",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::MONEY_RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(outcome) = keyed.previous_outcome().await? {
            return ReturnCreatePayload::of(replay(context, state, outcome).await?);
        }
        if !self_service::is_on(state, customer).await {
            return Err(ApiError::forbidden(SELF_SERVICE_OFF));
        }
        let parsed = match input::parse(&input) {
            Ok(parsed) => parsed,
            Err(errors) => return Ok(ReturnCreatePayload::with_errors(errors)),
        };
        let request = match ReturnRequest::load(context, customer, &parsed).await? {
            Ok(request) => request,
            Err(errors) => return Ok(ReturnCreatePayload::with_errors(errors)),
        };

        let effect = match keyed.begin().await? {
            Attempt::Replay(outcome) => {
                return ReturnCreatePayload::of(replay(context, state, outcome).await?);
            }
            Attempt::First(effect) => effect,
        };
        let row = match return_create::create(&effect.transaction, customer, &request, now).await? {
            Ok(row) => row,
            Err(failures) => {
                effect.rollback().await?;
                return Ok(ReturnCreatePayload::ineligible(&failures));
            }
        };
        effect.commit(&Outcome { id: row.id }).await?;
        context.data_unchecked::<Loaders>().forget();
        ReturnCreatePayload::of(row)
    }

    /// The shipping label of one of the caller's returns, created if there is none yet, with a link that works. Answers
    /// within a few seconds: a label that takes longer is created in the background, and `labelStatus` is PENDING. If no
    /// carrier offers a plausible rate, the return goes to manual review.
    #[graphql(directive = authenticated::apply(), directive = cost::apply(THIRD_PARTY))]
    async fn return_label_generate(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The return's id, `ret_…`.")] id: ID,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days returns the same return with its label and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<ReturnLabelPayload> {
        let customer = access::customer(context)?;
        let id = IdKind::Return.argument("id", &id)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: customer.to_string(),
            operation: "returnLabelGenerate",
            key: &idempotency_key,
            input: &id,
            retention_days: idempotency::MONEY_RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if keyed.previous_outcome::<Outcome>().await?.is_none()
            && let Attempt::First(effect) = keyed.begin::<Outcome>().await?
        {
            if !return_label_generate::request(&effect.transaction, customer, id, now).await? {
                effect.rollback().await?;
                return Ok(ReturnLabelPayload::cancelled());
            }
            effect.commit(&Outcome { id }).await?;
        }
        // Both the first use of a key and its replays: a return has only one label.
        let row = return_label_generate::labelled(state, id).await?;
        context.data_unchecked::<Loaders>().forget();
        ReturnLabelPayload::of(row)
    }

    /// Cancels one of the caller's returns, which is possible until the carrier has the package.
    #[graphql(directive = authenticated::apply())]
    async fn return_cancel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The return's id, `ret_…`.")] id: ID,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 7 days returns the cancelled return and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<ReturnCancelPayload> {
        let customer = access::customer(context)?;
        let id = IdKind::Return.argument("id", &id)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: customer.to_string(),
            operation: "returnCancel",
            key: &idempotency_key,
            input: &id,
            retention_days: idempotency::RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(outcome) = keyed.previous_outcome().await? {
            return ReturnCancelPayload::of(replay(context, state, outcome).await?);
        }
        let effect = match keyed.begin().await? {
            Attempt::Replay(outcome) => {
                return ReturnCancelPayload::of(replay(context, state, outcome).await?);
            }
            Attempt::First(effect) => effect,
        };
        let row = match return_cancel::cancel(&effect.transaction, customer, id, now).await? {
            Ok(row) => row,
            Err(from) => {
                effect.rollback().await?;
                return Ok(ReturnCancelPayload::refused(from));
            }
        };
        effect.commit(&Outcome { id }).await?;
        context.data_unchecked::<Loaders>().forget();
        ReturnCancelPayload::of(row)
    }

    /// Decides about a return that waits for a person. Of concurrent decisions one wins, and the others are ALREADY_DECIDED.
    /// Requires the scope `support`.
    #[graphql(requires_scopes = "support")]
    async fn return_review_decide(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The return, what to do about it, and why.")] input: ReturnReviewInput,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days returns the same return and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<ReturnReviewPayload> {
        let actor = access::actor(context, access::SUPPORT)?;
        let id = IdKind::Return.argument("input.returnId", &input.return_id)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: actor.key_owner,
            operation: "returnReviewDecide",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::MONEY_RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(outcome) = keyed.previous_outcome().await? {
            return ReturnReviewPayload::of(replay(context, state, outcome).await?);
        }
        let decision = match Decision::parse(&input) {
            Ok(decision) => decision,
            Err(errors) => return Ok(ReturnReviewPayload::with_errors(errors)),
        };
        let paid = match decision.amount {
            Some(amount) => return_review_decide::paid(state, id, amount.currency).await?,
            None => None,
        };
        let effect = match keyed.begin().await? {
            Attempt::Replay(outcome) => {
                return ReturnReviewPayload::of(replay(context, state, outcome).await?);
            }
            Attempt::First(effect) => effect,
        };
        let decided = Decided {
            actor: &actor.name,
            decision: &decision,
            paid,
            now,
        };
        let row = match return_review_decide::decide(&effect.transaction, id, &decided).await? {
            Ok(row) => row,
            Err(error) => {
                effect.rollback().await?;
                return Ok(ReturnReviewPayload::with_errors(vec![error]));
            }
        };
        effect.commit(&Outcome { id }).await?;
        context.data_unchecked::<Loaders>().forget();
        ReturnReviewPayload::of(row)
    }
}

/// The current state of the return that a key created or changed.
async fn replay(
    context: &Context<'_>,
    state: &State,
    Outcome { id }: Outcome,
) -> ApiResult<customer_return::Model> {
    context.data_unchecked::<Loaders>().forget();
    let row = customer_return::by_id(state.database.read(), id).await?;
    row.ok_or_else(|| {
        let id = IdKind::Return.format(id);
        ApiError::internal(format!("return {id} is missing"))
    })
}
