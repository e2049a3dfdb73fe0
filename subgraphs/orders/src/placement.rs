//! Places an order for `orderPlace` and `orderReorder`: checks it, takes the stock, writes it, and charges the payment.

use async_graphql::Context;
use platform::providers::stripe::Stripe;
use platform::tasks;
use resolvers::id::IdKind;
use resolvers::idempotency::{Attempt, IdempotentMutation};
use resolvers::money::Money;
use resolvers::money_format::preferred_language;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiResult, access};
use serde::{Deserialize, Serialize};
use tracing::Instrument;
use uuid::Uuid;

use crate::State;
use crate::checkout::{Checkout, check_out};
use crate::input::ParsedInput;
use crate::loaders::Loaders;
use crate::order_place::{self, NotPlaced, OrderPlacePayload};
use crate::order_preview::OrderPreview;
use crate::payment_task::{SettlePayment, Settlement};
use crate::quote::{PriceFallbackReason, required};
use crate::stock_shortage;

/// The result stored under an idempotency key: the placed order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Placed {
    id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency_fallback: Option<PriceFallbackReason>,
}

/// Places the order, if its key is new and nothing prevents it.
pub(crate) async fn place<I: Serialize>(
    context: &Context<'_>,
    customer: Uuid,
    keyed: IdempotentMutation<'_, I>,
    mut parsed: ParsedInput,
) -> ApiResult<OrderPlacePayload> {
    let state = context.data_unchecked::<State>();
    let caller = access::caller(context)?;
    let now = state.clock.now();
    let languages = caller.locale.languages.as_deref();
    parsed.language = languages.and_then(preferred_language);
    let stripe = required(state.stripe.as_ref(), "providers.stripe.url")?;
    let (checkout, method) = futures::try_join!(
        check_out(state, caller, customer, &parsed.basket),
        order_place::resolve_method(stripe, &parsed.payment_method_token),
    )?;
    let mut errors = checkout.errors.clone();
    errors.extend(method.as_ref().err().into_iter().flatten().cloned());
    if errors.is_empty() {
        errors.extend(changed_total(&parsed, &checkout));
    }
    let (true, Ok(method)) = (errors.is_empty(), method) else {
        return Ok(refused(state, &parsed, &checkout, errors));
    };

    let effect = match keyed.begin().await? {
        Attempt::Replay(placed) => return replay(context, placed).await,
        Attempt::First(effect) => effect,
    };
    let transaction = &effect.transaction;
    let placed = order_place::place(transaction, customer, &parsed, &checkout, &method, now);
    let id = match placed.await? {
        Ok(id) => id,
        // Sold or spent since the checkout.
        Err(NotPlaced::Short(shortages)) => {
            effect.rollback().await?;
            let errors = stock_shortage::errors(&parsed.basket.lines, &shortages);
            let checkout = check_out(state, caller, customer, &parsed.basket).await?;
            return Ok(OrderPlacePayload {
                shortages: shortages.iter().map(Into::into).collect(),
                ..refused(state, &parsed, &checkout, errors)
            });
        }
        Err(NotPlaced::CreditSpent) => {
            effect.rollback().await?;
            let checkout = check_out(state, caller, customer, &parsed.basket).await?;
            let error = InputError::new(
                UserErrorCode::TotalChanged,
                "There is less store credit by now: look at the preview, and order again if that is fine",
                &["input", "useStoreCredit"],
            );
            return Ok(refused(state, &parsed, &checkout, vec![error]));
        }
    };
    let currency_fallback = checkout.quote.fallback;
    let placed = Placed {
        id,
        currency_fallback,
    };
    effect.commit(&placed).await?;
    let currency = checkout.currency().as_str();
    metrics::counter!("vantage_orders_placed_total", "currency" => currency).increment(1);

    pay(state, stripe, id).await?;
    context.data_unchecked::<Loaders>().forget();
    let payload = order_place::payload(&state.database, Some(stripe), id).await?;
    Ok(OrderPlacePayload {
        currency_fallback,
        ..payload
    })
}

/// The answer to a repeated key: its order, once the payment is settled.
pub(crate) async fn replay(context: &Context<'_>, placed: Placed) -> ApiResult<OrderPlacePayload> {
    let state = context.data_unchecked::<State>();
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

/// An error if the total is not the one that the customer has agreed to.
fn changed_total(parsed: &ParsedInput, checkout: &Checkout) -> Option<InputError> {
    let (amount, currency) = parsed.expected_total?;
    let total = Money::new(checkout.totals.total, checkout.currency());
    if (total.decimal(), total.currency) == (amount, currency) {
        return None;
    }
    Some(InputError::new(
        UserErrorCode::TotalChanged,
        format!(
            "The order would cost {} {} now: look at the preview, and order again if that is fine",
            total.decimal(),
            total.currency.as_str()
        ),
        &["input", "expectedTotal"],
    ))
}

fn refused(
    state: &State,
    parsed: &ParsedInput,
    checkout: &Checkout,
    user_errors: Vec<InputError>,
) -> OrderPlacePayload {
    let country = &parsed.shipping_address.country_code;
    let tax_display = state.checkout_rates.tax_display(country);
    let now = state.clock.now();
    let preview = OrderPreview::new(checkout, true, tax_display, Vec::new(), now);
    OrderPlacePayload {
        shortages: preview.shortages.clone(),
        preview: Some(preview),
        ..OrderPlacePayload::with_errors(user_errors)
    }
}

/// Charges the payment of a new order. If it takes too long, it is settled in the background.
async fn pay(state: &State, stripe: &Stripe, order: Uuid) -> ApiResult<()> {
    let settlement = Settlement {
        database: state.database.clone(),
        clock: state.clock.clone(),
        stripe: stripe.clone(),
        capture_method: state.capture_method,
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
