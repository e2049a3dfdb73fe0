//! Mutations of orders. Each is one transaction with its idempotency key, rows, timeline and event. A refused mutation
//! is rolled back completely, key included, so that it can be repeated once the reason is fixed. A replay only reads
//! this domain's database.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entities::orders::order;
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
use crate::order_cancel::{self, OrderCancelPayload};
use crate::order_place::OrderPlacePayload;
use crate::order_place_input::OrderPlaceInput;
use crate::order_refund::OrderRefundPayload;
use crate::order_reorder::{self, ReorderInput};
use crate::order_review_decide::OrderReviewPayload;
use crate::order_review_input::{OrderRefundInput, OrderReviewInput};
use crate::placement;
use crate::quote::required;
use crate::shipment_register::{self, ShipmentRegisterPayload};
use crate::shipment_register_input::ShipmentRegisterInput;
use crate::stock::Stock;
use crate::stock_adjust::{self, StockAdjustPayload};
use crate::stock_adjust_input::StockAdjustInput;
use crate::support_mutations;

/// The result stored under an idempotency key: the changed order.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    id: Uuid,
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
            return placement::replay(context, placed).await;
        }

        match input::parse(&input, &state.checkout_rates) {
            Ok(parsed) => placement::place(context, customer, keyed, parsed).await,
            Err(errors) => Ok(OrderPlacePayload::with_errors(errors)),
        }
    }

    /// Orders the products of one of the caller's orders again, at their current prices, to the same addresses and in the
    /// same currency.
    #[graphql(directive = authenticated::apply(), directive = cost::apply(THIRD_PARTY))]
    async fn order_reorder(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order's id, `ord_…`.")] id: ID,
        #[graphql(
            desc = "A token from the payment provider's form, or of a saved payment method: `pm_…`, `tok_…` or `src_…`."
        )]
        payment_method_token: String,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days returns the same order and has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<OrderPlacePayload> {
        let customer = access::customer(context)?;
        let input = ReorderInput {
            id: IdKind::Order.argument("id", &id)?,
            payment_method_token: &payment_method_token,
        };
        let state = context.data_unchecked::<State>();
        let using = KeyUse {
            caller: customer.to_string(),
            operation: "orderReorder",
            key: &idempotency_key,
            input: &input,
            retention_days: idempotency::MONEY_RETENTION_DAYS,
        };
        let keyed = IdempotentMutation::new(&state.database, using, state.clock.now());
        let payload = match keyed.previous_outcome().await? {
            Some(placed) => placement::replay(context, placed).await?,
            None => match order_reorder::parsed(context, customer, &input).await? {
                Ok(parsed) => placement::place(context, customer, keyed, parsed).await?,
                Err(error) => OrderPlacePayload::with_errors(vec![error]),
            },
        };
        Ok(order_reorder::of_arguments(payload))
    }

    /// Cancels one of the caller's orders, which is possible until the warehouse has packed a parcel, and returns the payment.
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
        let actor = access::actor(context, access::SUPPORT)?;
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

    /// Registers a parcel of an order that the warehouse hands over to a carrier; an order may be sent in several. From
    /// then on it is tracked. The order is SHIPPED once the carrier has its first parcel, and DELIVERED when everything
    /// that was ordered has arrived. Requires a token with the scope fulfilment or support.
    #[graphql(requires_scopes = "fulfilment", requires_scopes = "support")]
    async fn shipment_register(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The parcel.")] input: ShipmentRegisterInput,
        #[graphql(
            desc = "A unique key of at most 255 characters, such as a UUID. Repeating it with the same input within 30 days has no further effect; with another input, it is a CONFLICT."
        )]
        idempotency_key: String,
    ) -> ApiResult<ShipmentRegisterPayload> {
        shipment_register::mutate(context, &input, &idempotency_key).await
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

/// The answer to a repeated key: the order it cancelled, in its current state.
async fn replay_cancel(
    context: &Context<'_>,
    state: &State,
    id: Uuid,
) -> ApiResult<OrderCancelPayload> {
    OrderCancelPayload::of(current(context, state, id).await?)
}

/// An order in its current state.
pub(crate) async fn current(
    context: &Context<'_>,
    state: &State,
    id: Uuid,
) -> ApiResult<order::Model> {
    context.data_unchecked::<Loaders>().forget();
    let mut rows = order::by_ids(state.database.read(), &[id]).await?;
    let row = rows.remove(&id).ok_or_else(|| {
        let order_id = IdKind::Order.format(id);
        ApiError::internal(format!("order {order_id} is missing"))
    })?;
    Ok(Arc::unwrap_or_clone(row))
}
