//! Mutations of orders. Each is one transaction with its idempotency key, rows, timeline and event. A refused mutation
//! is rolled back completely, key included, so that it can be repeated once the reason is fixed. A replay only reads
//! this domain's database.

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
use resolvers::money_format::preferred_language;
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
use crate::order_refund::OrderRefundPayload;
use crate::order_review_decide::OrderReviewPayload;
use crate::order_review_input::{OrderRefundInput, OrderReviewInput};
use crate::payment_task::{SettlePayment, Settlement};
use crate::query::SUPPORT;
use crate::quote::{self, PriceFallbackReason};
use crate::stock::Stock;
use crate::stock_adjust::{self, StockAdjustPayload};
use crate::stock_adjust_input::StockAdjustInput;
use crate::support_mutations;

/// The result stored under an idempotency key: the changed order.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    id: Uuid,
}

/// The same of a placed order.
#[derive(Debug, Serialize, Deserialize)]
struct Placed {
    id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency_fallback: Option<PriceFallbackReason>,
}

/// The input of `orderCancel`.
#[derive(Debug, Serialize)]
struct CancelInput<'a> {
    id: Uuid,
    reason: Option<&'a str>,
}

pub(crate) struct Mutation;

/// Root fields of mutations, which change data. Those of one operation run one after another.
#[Object]
impl Mutation {
    /// Orders products at their current prices, and charges the payment. Answers within a few seconds: a payment that
    /// takes longer continues in the background, and the order stays PENDING until it is settled.
    #[graphql(directive = authenticated::apply(), directive = cost::apply(THIRD_PARTY))]
    async fn order_place(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to order, where to send it, and how it is paid.")]
        input: OrderPlaceInput,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days returns the same order and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<OrderPlacePayload> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: customer.to_string(),
            operation: "orderPlace",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::MONEY_RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(placed) = keyed.previous_outcome().await? {
            return replay_place(context, state, placed).await;
        }

        let mut parsed = match input::parse(&input, &state.checkout_rates) {
            Ok(parsed) => parsed,
            Err(errors) => return Ok(OrderPlacePayload::with_errors(errors)),
        };
        let stripe = required(state.stripe.as_ref(), "providers.stripe.url")?;
        let search = required::<SubgraphClient>(state.search.as_ref(), "subgraphs.search.url")?;
        let pricing = required::<SubgraphClient>(state.pricing.as_ref(), "subgraphs.pricing.url")?;
        let caller = access::caller(context)?;
        let languages = caller.locale.languages.as_deref();
        parsed.language = languages.and_then(preferred_language);
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
            Attempt::Replay(placed) => return replay_place(context, state, placed).await,
            Attempt::First(effect) => effect,
        };
        let transaction = &effect.transaction;
        let placed = order_place::place(
            transaction,
            customer,
            &parsed,
            &quote,
            &totals,
            &method,
            now,
        );
        let id = match placed.await? {
            Ok(id) => id,
            Err(shortages) => {
                effect.rollback().await?;
                return Ok(OrderPlacePayload::out_of_stock(&parsed, &shortages));
            }
        };
        let placed = Placed {
            id,
            currency_fallback: quote.fallback,
        };
        effect.commit(&placed).await?;
        let currency = quote.currency.as_str();
        metrics::counter!("vantage_orders_placed_total", "currency" => currency).increment(1);

        pay(state, stripe, id).await?;
        context.data_unchecked::<Loaders>().forget();
        let payload = order_place::payload(&state.database, Some(stripe), id).await?;
        Ok(OrderPlacePayload {
            currency_fallback: quote.fallback,
            ..payload
        })
    }

    /// Cancels one of the caller's orders, which is possible until the carrier has it, and returns the payment.
    #[graphql(directive = authenticated::apply())]
    async fn order_cancel(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order's id, `ord_…`.")] id: ID,
        #[graphql(desc = "Why the customer cancels, in at most 500 characters.")] reason: Option<
            String,
        >,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days returns the cancelled order and has no further effect; with another input, it is a CONFLICT."
        )]
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
            caller: customer.to_string(),
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

    /// Changes the stock of products, for support: all changes, or none if one has an error.
    #[graphql(requires_scopes = "support")]
    async fn stock_adjust(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The stock to change.")] input: StockAdjustInput,
        #[graphql(
            desc = "A fresh UUID for each request. Repeating a request with its key changes nothing more."
        )]
        idempotency_key: String,
    ) -> ApiResult<StockAdjustPayload> {
        let actor = access::actor(context, SUPPORT)?;
        let state = context.data_unchecked::<State>();
        let now = state.clock.now();
        let using = KeyUse {
            caller: actor.key_owner,
            operation: "stockAdjust",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::MONEY_RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, now);
        if let Some(outcome) = keyed.previous_outcome().await? {
            return stock_adjusted(context, outcome).await;
        }
        let refused = |user_errors| StockAdjustPayload {
            stock: Vec::new(),
            user_errors,
        };
        let changes = match stock_adjust::check(&input) {
            Ok(changes) => changes,
            Err(errors) => return Ok(refused(errors)),
        };
        let effect = match keyed.begin().await? {
            Attempt::Replay(outcome) => return stock_adjusted(context, outcome).await,
            Attempt::First(effect) => effect,
        };
        let locked = stock_adjust::lock(&effect.transaction, &changes).await?;
        let problems = stock_adjust::check_stock(&changes, &locked);
        if !problems.is_empty() {
            effect.rollback().await?;
            let errors = problems
                .into_iter()
                .map(|(index, problem)| problem.at(index));
            return Ok(refused(errors.collect()));
        }
        let products = changes.iter().map(|change| change.product).collect();
        stock_adjust::write(&effect.transaction, changes, locked, &actor.name, now).await?;
        let outcome = stock_adjust::Outcome { products };
        effect.commit(&outcome).await?;
        stock_adjusted(context, outcome).await
    }

    /// Decides about an order that waits for a person. Of concurrent decisions one wins, and the others are ALREADY_DECIDED.
    /// Requires the scope `support`.
    #[graphql(requires_scopes = "support")]
    async fn order_review_decide(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order, what to do about it, and why.")] input: OrderReviewInput,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days returns the same order and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<OrderReviewPayload> {
        support_mutations::decide(context, &input, &idempotency_key).await
    }

    /// Refunds an order's payment, or a part of it, within what was captured and not refunded yet. Requires the scope
    /// `support`.
    #[graphql(requires_scopes = "support", directive = cost::apply(THIRD_PARTY))]
    async fn order_refund(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order, how much to refund, and why.")] input: OrderRefundInput,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days returns the same refund and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<OrderRefundPayload> {
        support_mutations::refund(context, &input, &idempotency_key).await
    }
}

async fn stock_adjusted(
    context: &Context<'_>,
    outcome: stock_adjust::Outcome,
) -> ApiResult<StockAdjustPayload> {
    Ok(StockAdjustPayload {
        stock: Stock::of_products(context, &outcome.products).await?,
        user_errors: Vec::new(),
    })
}

/// Charges the payment of a new order. If it takes too long, it is settled in the background.
async fn pay(state: &State, stripe: &Stripe, order: Uuid) -> ApiResult<()> {
    let settlement = Settlement {
        database: state.database.clone(),
        clock: state.clock.clone(),
        stripe: stripe.clone(),
    };
    let Some(claimed) = tasks::claim::<SettlePayment>(&state.database, &state.clock, order).await?
    else {
        // Its task is already running.
        return order_place::wait_until_settled(&state.database, order).await;
    };
    // Spawned, so that it continues if the customer disconnects.
    let settling = async move { claimed.perform(&settlement).await };
    let settling = tokio::spawn(settling.in_current_span());
    if tokio::time::timeout(order_place::PAYMENT_TIMEOUT, settling)
        .await
        .is_err()
    {
        let order_id = IdKind::Order.format(order);
        tracing::warn!(
            order_id,
            "payment not settled in time, it continues in the background"
        );
    }
    Ok(())
}

/// The answer to a repeated key: its order, once the payment is settled.
async fn replay_place(
    context: &Context<'_>,
    state: &State,
    placed: Placed,
) -> ApiResult<OrderPlacePayload> {
    let Placed {
        id,
        currency_fallback,
    } = placed;
    order_place::wait_until_settled(&state.database, id).await?;
    context.data_unchecked::<Loaders>().forget();
    let payload = order_place::payload(&state.database, state.stripe.as_ref(), id).await?;
    Ok(OrderPlacePayload {
        currency_fallback,
        ..payload
    })
}

/// The answer to a repeated key: the order it cancelled, in its current state.
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

/// A dependency that may not be configured: its key is logged, not shown to the client.
pub(crate) fn required<'a, T>(part: Option<&'a T>, key: &str) -> ApiResult<&'a T> {
    part.ok_or_else(|| {
        tracing::error!("orders cannot be placed or cancelled here: set {key}");
        ApiError::unavailable("Orders cannot be placed or cancelled at the moment")
    })
}
