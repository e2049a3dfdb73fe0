//! Changes to orders. Each is one transaction: key, rows, timeline and event. What is refused is
//! rolled back whole, its key too, so that it can be asked again once the reason is mended. A replay
//! asks nobody but this domain's database.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::orders::order;
use platform::providers::stripe::Stripe;
use platform::tasks;
use resolvers::access::authenticated;
use resolvers::client::SubgraphClient;
use resolvers::cost::{THIRD_PARTY, cost};
use resolvers::id::IdKind;
use resolvers::idempotency::{self, Attempt, IdempotentMutation, KeyUse};
use resolvers::{ApiError, ApiResult, access};
use serde::{Deserialize, Serialize};
use tracing::Instrument;
use uuid::Uuid;

use crate::State;
use crate::input;
use crate::loaders::Loaders;
use crate::order_cancel::{self, OrderCancelPayload};
use crate::order_place::{self, OrderPlacePayload};
use crate::order_place_input::OrderPlaceInput;
use crate::payment_task::{SettlePayment, Settlement};
use crate::quote;

/// What an idempotency key remembers: which order it made or changed.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    id: Uuid,
}

/// What an order's cancellation was asked with.
#[derive(Debug, Serialize)]
struct CancelInput<'a> {
    id: Uuid,
    reason: Option<&'a str>,
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    /// Orders products at their prices of now, in the chosen currency, and takes the payment. The
    /// same key gives the same order, however often it is sent.
    #[graphql(directive = authenticated::apply(), directive = cost::apply(THIRD_PARTY))]
    async fn order_place(
        &self,
        context: &Context<'_>,
        input: OrderPlaceInput,
        idempotency_key: String,
    ) -> ApiResult<OrderPlacePayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: customer,
            operation: "orderPlace",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::MONEY_RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(Outcome { id }) = keyed.previous_outcome().await? {
            return replay_place(context, state, id).await;
        }

        let parsed = match input::parse(&input, &state.checkout_rates) {
            Ok(parsed) => parsed,
            Err(errors) => return Ok(OrderPlacePayload::with_errors(errors)),
        };
        let stripe = required(state.stripe.as_ref(), "providers.stripe.url")?;
        let search = required::<SubgraphClient>(state.search.as_ref(), "subgraphs.search.url")?;
        let pricing = required::<SubgraphClient>(state.pricing.as_ref(), "subgraphs.pricing.url")?;
        let caller = access::caller(context)?;
        let (quote, method) = futures::try_join!(
            quote::fetch(search, pricing, &state.checkout_rates, caller, &parsed),
            order_place::resolve_method(stripe, &parsed.payment_method_token),
        )?;
        let (quote, method) = match (quote, method) {
            (Ok(quote), Ok(method)) => (quote, method),
            (quote, method) => {
                let errors = [quote.err(), method.err()].into_iter().flatten().flatten();
                return Ok(OrderPlacePayload::with_errors(errors.collect()));
            }
        };
        let totals = match order_place::totals(&state.checkout_rates, &quote, &parsed) {
            Ok(totals) => totals,
            Err(errors) => return Ok(OrderPlacePayload::with_errors(errors)),
        };

        let effect = match keyed.begin().await? {
            Attempt::Replay(Outcome { id }) => return replay_place(context, state, id).await,
            Attempt::First(effect) => effect,
        };
        let id = order_place::place(
            &effect.transaction,
            customer,
            parsed,
            &quote,
            &totals,
            &method,
            now,
        )
        .await?;
        effect.commit(&Outcome { id }).await?;
        let currency = quote.currency.as_str();
        metrics::counter!("vantage_orders_placed_total", "currency" => currency).increment(1);

        pay(state, stripe, id).await?;
        context.data_unchecked::<Loaders>().forget();
        order_place::payload(&state.database, Some(stripe), id).await
    }

    /// Cancels one of the caller's orders, which is possible until the carrier has it. What was paid
    /// is given back.
    #[graphql(directive = authenticated::apply())]
    async fn order_cancel(
        &self,
        context: &Context<'_>,
        id: ID,
        reason: Option<String>,
        idempotency_key: String,
    ) -> ApiResult<OrderCancelPayload> {
        let customer = access::customer(context)?;
        let id = IdKind::Order.argument("id", &id)?;
        let reason = match input::reason(reason.as_deref()) {
            Ok(reason) => reason,
            Err(error) => return Ok(OrderCancelPayload::with_errors(error)),
        };
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let reason = reason.as_deref();
        let using = KeyUse {
            caller: customer,
            operation: "orderCancel",
            key: &idempotency_key,
            input: &CancelInput { id, reason },
            retention_days: idempotency::MONEY_RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(Outcome { id }) = keyed.previous_outcome().await? {
            return replay_cancel(context, state, id).await;
        }
        required(state.stripe.as_ref(), "providers.stripe.url")?;
        let effect = match keyed.begin().await? {
            Attempt::Replay(Outcome { id }) => return replay_cancel(context, state, id).await,
            Attempt::First(effect) => effect,
        };
        let transaction = &effect.transaction;
        let row = match order_cancel::cancel(transaction, customer, id, reason, now).await? {
            Ok(row) => row,
            Err(from) => {
                effect.rollback().await?;
                return Ok(OrderCancelPayload::refused(from));
            }
        };
        effect.commit(&Outcome { id }).await?;
        context.data_unchecked::<Loaders>().forget();
        OrderCancelPayload::of(row)
    }
}

/// Takes the payment of the order that was just placed. What does not come to an end in time is
/// settled without the customer.
async fn pay(state: &State, stripe: &Stripe, order: Uuid) -> ApiResult<()> {
    let settlement = Settlement {
        database: state.database.clone(),
        clock: state.clock.clone(),
        stripe: stripe.clone(),
    };
    let Some(claimed) = tasks::claim::<SettlePayment>(&state.database, &state.clock, order).await?
    else {
        // Somebody else is at it already.
        return order_place::wait_until_settled(&state.database, order).await;
    };
    // On its own: it goes on when the customer does not wait for it.
    let settling = async move { claimed.perform(&settlement).await };
    let settling = tokio::spawn(settling.in_current_span());
    if tokio::time::timeout(order_place::PAYMENT_TIMEOUT, settling)
        .await
        .is_err()
    {
        let order_id = IdKind::Order.format(order);
        tracing::warn!(
            order_id,
            "payment of a new order takes longer than its caller waits"
        );
    }
    Ok(())
}

/// What a key that was used before is answered with: its order as it is once its payment is settled.
async fn replay_place(
    context: &Context<'_>,
    state: &State,
    id: Uuid,
) -> ApiResult<OrderPlacePayload> {
    order_place::wait_until_settled(&state.database, id).await?;
    context.data_unchecked::<Loaders>().forget();
    order_place::payload(&state.database, state.stripe.as_ref(), id).await
}

/// What a key that was used before is answered with: the order that it cancelled, as it is now.
async fn replay_cancel(
    context: &Context<'_>,
    state: &State,
    id: Uuid,
) -> ApiResult<OrderCancelPayload> {
    context.data_unchecked::<Loaders>().forget();
    let mut rows = order::by_ids(state.database.read(), &[id]).await?;
    let row = rows
        .remove(&id)
        .ok_or_else(|| ApiError::internal(format!("order {id} is missing")))?;
    OrderCancelPayload::of(Arc::unwrap_or_clone(row))
}

/// What this process may not have been told of: then its key is logged, not shown.
fn required<'a, T>(part: Option<&'a T>, key: &str) -> ApiResult<&'a T> {
    part.ok_or_else(|| {
        tracing::error!("orders cannot be placed or cancelled here: set {key}");
        ApiError::unavailable("Orders cannot be placed or cancelled at the moment")
    })
}
