//! The frames of support's mutations: each is one transaction with its idempotency key.

use async_graphql::Context;
use entities::orders::{order, order_refund};
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Attempt, IdempotentMutation, KeyUse};
use resolvers::support::{error, note};
use resolvers::user_error::UserErrorCode;
use resolvers::{ApiError, ApiResult, access};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::State;
use crate::loaders::Loaders;
use crate::mutation::current;
use crate::order_refund::{self as refunds, Captured, OrderRefundPayload, RefundRequest};
use crate::order_review_decide::{self, Decided, OrderReviewPayload};
use crate::order_review_input::{OrderRefundInput, OrderReviewInput};
use crate::quote::required;

/// The result stored under an idempotency key.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    order: Uuid,
    /// The refund, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund: Option<Uuid>,
}

/// `orderReviewDecide`.
pub(crate) async fn decide(
    context: &Context<'_>,
    input: &OrderReviewInput,
    key: &str,
) -> ApiResult<OrderReviewPayload> {
    let actor = access::actor(context, access::SUPPORT)?;
    let id = IdKind::Order.argument("input.orderId", &input.order_id)?;
    let state = context.data_unchecked::<State>();
    let now = state.clock.now();
    let using = KeyUse {
        caller: actor.key_owner,
        operation: "orderReviewDecide",
        key,
        input,
        retention_days: idempotency::MONEY_RETENTION_DAYS,
    };
    let keyed = IdempotentMutation::new(&state.database, using, now);
    if let Some(outcome) = keyed.previous_outcome::<Outcome>().await? {
        return OrderReviewPayload::of(current(context, state, outcome.order).await?);
    }
    let note = match note(&input.note) {
        Ok(note) => note,
        Err(error) => return Ok(OrderReviewPayload::with_error(error)),
    };
    let effect = match keyed.begin::<Outcome>().await? {
        Attempt::Replay(outcome) => {
            return OrderReviewPayload::of(current(context, state, outcome.order).await?);
        }
        Attempt::First(effect) => effect,
    };
    let decided = Decided {
        actor: &actor.name,
        decision: input.decision.into(),
        note,
        now,
    };
    match order_review_decide::decide(&effect.transaction, id, decided).await? {
        Ok(row) => {
            let outcome = Outcome {
                order: id,
                refund: None,
            };
            effect.commit(&outcome).await?;
            context.data_unchecked::<Loaders>().forget();
            OrderReviewPayload::of(row)
        }
        Err(error) => {
            effect.rollback().await?;
            Ok(OrderReviewPayload::with_error(error))
        }
    }
}

/// `orderRefund`.
pub(crate) async fn refund(
    context: &Context<'_>,
    input: &OrderRefundInput,
    key: &str,
) -> ApiResult<OrderRefundPayload> {
    let actor = access::actor(context, access::SUPPORT)?;
    let id = IdKind::Order.argument("input.orderId", &input.order_id)?;
    let state = context.data_unchecked::<State>();
    let now = state.clock.now();
    let using = KeyUse {
        caller: actor.key_owner,
        operation: "orderRefund",
        key,
        input,
        retention_days: idempotency::MONEY_RETENTION_DAYS,
    };
    let keyed = IdempotentMutation::new(&state.database, using, now);
    if let Some(outcome) = keyed.previous_outcome().await? {
        return replay_refund(context, state, outcome).await;
    }
    let note = match note(&input.note) {
        Ok(note) => note,
        Err(error) => return Ok(OrderRefundPayload::with_error(error)),
    };
    let stripe = required(state.stripe.as_ref(), "providers.stripe.url")?;
    let mut rows = order::by_ids(state.database.read(), &[id]).await?;
    let row = rows.remove(&id);
    let row = row.ok_or_else(|| ApiError::not_found("There is no order with this id"))?;
    let Some(captured) = Captured::of(stripe, &row).await? else {
        let message = "The payment provider does not know this order's payment";
        let error = error(UserErrorCode::DecisionNotPossible, message, "orderId");
        return Ok(OrderRefundPayload::with_error(error));
    };
    let effect = match keyed.begin().await? {
        Attempt::Replay(outcome) => return replay_refund(context, state, outcome).await,
        Attempt::First(effect) => effect,
    };
    let request = RefundRequest {
        amount: input.amount,
        note,
        actor: &actor.name,
        captured: &captured,
        now,
    };
    match refunds::request(&effect.transaction, id, request).await? {
        Ok((row, refund)) => {
            let outcome = Outcome {
                order: id,
                refund: Some(refund.id),
            };
            effect.commit(&outcome).await?;
            context.data_unchecked::<Loaders>().forget();
            OrderRefundPayload::of(row, refund)
        }
        Err(error) => {
            effect.rollback().await?;
            Ok(OrderRefundPayload::with_error(error))
        }
    }
}

async fn replay_refund(
    context: &Context<'_>,
    state: &State,
    outcome: Outcome,
) -> ApiResult<OrderRefundPayload> {
    let row = current(context, state, outcome.order).await?;
    let missing = || ApiError::internal("the refund of an idempotency key is missing");
    let id = outcome.refund.ok_or_else(missing)?;
    let refund = order_refund::by_id(state.database.read(), id).await?;
    OrderRefundPayload::of(row, refund.ok_or_else(missing)?)
}
