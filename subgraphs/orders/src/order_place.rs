//! `orderPlace`: takes the stock and writes a pending order, then charges it.

use std::time::Duration;

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entities::orders::{customer, order, order_item, order_payment, payment_method};
use platform::database::{Database, DatabaseTransaction};
use platform::providers::stripe::{self, Stripe, StripeError};
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use tokio::time::Instant;
use uuid::Uuid;

use crate::checkout::Checkout;
use crate::input::ParsedInput;
use crate::order::Order;
use crate::order_preview::OrderPreview;
use crate::payment;
use crate::payment_method_details::{self, MethodDetails};
use crate::quote::{PriceFallbackReason, Quote};
use crate::rules::settlement::PaymentState;
use crate::rules::status::OrderStatus;
use crate::rules::stock::Shortage;
use crate::rules::totals::Totals;
use crate::stock_shortage::StockShortage;
use crate::stock_write;
use crate::store_credit_write;
use crate::transitions;

/// How long a request waits for the outcome of a payment, which is settled in any case.
pub(crate) const PAYMENT_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The outcome of `orderPlace`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct OrderPlacePayload {
    /// The order: CONFIRMED once it is paid, PENDING while the payment is in progress, CANCELLED if the payment was
    /// declined. Null if nothing was ordered, because the input has errors.
    pub order: Option<Order>,
    /// What the payment provider's form needs for the customer to confirm the payment with their bank; null if there is
    /// nothing to confirm.
    pub payment_client_secret: Option<String>,
    /// Why the order is in US dollars instead of the customer's currency; null otherwise.
    pub currency_fallback: Option<PriceFallbackReason>,
    /// The products of which there is less than ordered; empty if there is enough. Nothing was ordered then.
    pub shortages: Vec<StockShortage>,
    /// What the order would cost now, if it was refused although its input has no errors; null otherwise.
    pub preview: Option<OrderPreview>,
    /// What is wrong with the input, or why the payment was declined; otherwise empty.
    pub user_errors: Vec<InputError>,
}

impl OrderPlacePayload {
    pub(crate) fn with_errors(user_errors: Vec<InputError>) -> Self {
        Self {
            order: None,
            payment_client_secret: None,
            currency_fallback: None,
            shortages: Vec::new(),
            preview: None,
            user_errors,
        }
    }
}

/// Why an order was not placed, although nothing prevented it when it was checked. The transaction must be rolled back.
pub(crate) enum NotPlaced {
    /// Of these products there is not enough.
    Short(Vec<Shortage>),
    /// There is less store credit.
    CreditSpent,
}

/// The order's payment method.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedMethod {
    /// The token that the provider charges.
    token: String,
    details: MethodDetails,
}

/// Resolves the token at the provider, or returns what is wrong with it.
pub(crate) async fn resolve_method(
    stripe: &Stripe,
    token: &str,
) -> ApiResult<Result<ResolvedMethod, Vec<InputError>>> {
    let refuse = |message: &str| {
        let field = ["input", "paymentMethodToken"];
        Ok(Err(vec![InputError::new(
            UserErrorCode::InvalidPaymentMethod,
            message,
            &field,
        )]))
    };
    match stripe.payment_method(token).await {
        Ok(found) => match payment_method_details::details(&found) {
            Some(details) => Ok(Ok(ResolvedMethod {
                token: found.id,
                details,
            })),
            None => refuse("This kind of payment method is not accepted"),
        },
        Err(StripeError::Refused { .. } | StripeError::Declined { .. }) => {
            refuse("The payment provider does not know this payment method")
        }
        Err(StripeError::Http(error)) => {
            tracing::warn!(%error, "order not placed, the payment provider does not answer");
            Err(ApiError::unavailable(
                "Payments are not possible at the moment",
            ))
        }
    }
}

/// Takes the stock and writes the pending order with its lines and its requested payment. If there is not enough of a
/// product, the transaction must be rolled back.
pub(crate) async fn place(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    parsed: &ParsedInput,
    checkout: &Checkout,
    method: &ResolvedMethod,
    now: DateTime<Utc>,
) -> ApiResult<Result<Uuid, NotPlaced>> {
    let known = customer::by_ids(transaction, &[customer]).await?;
    if known.is_empty() {
        return Err(ApiError::not_found("There is no account for this token"));
    }
    let Checkout { quote, totals, .. } = checkout;
    let mut order = order::Model {
        id: Uuid::now_v7(),
        customer_id: customer,
        status: OrderStatus::Pending,
        usd_amount: totals.total_usd,
        local_currency_amount: totals.total,
        local_currency_code: quote.currency.as_str().to_owned(),
        exchange_rate: quote.rate.to_string(),
        store_credit_amount: checkout.store_credit,
        subtotal_amount: totals.subtotal,
        shipping_amount: totals.shipping,
        tax_amount: totals.tax,
        shipping_address: parsed.shipping_address.clone(),
        billing_address: parsed.billing_address.clone(),
        shipping_option: checkout.option().map(|option| option.rate.code.clone()),
        payment_method_id: save_method(transaction, customer, method, now).await?,
        payment_intent_id: None,
        placed_at: now,
        confirmed_at: None,
        shipped_at: None,
        delivered_at: None,
        cancelled_at: None,
        updated_at: now,
    };
    let items = items(&order, quote, totals);
    let catalog = quote.lines.iter();
    let catalog = catalog.map(|line| (line.product, line.catalog_quantity));
    stock_write::open(transaction, &catalog.collect(), stock_write::CATALOG, now).await?;
    let taken = stock_write::take(transaction, &order, &items, now).await?;
    if let Err(shortages) = taken {
        return Ok(Err(NotPlaced::Short(shortages)));
    }
    if !store_credit_write::spend(transaction, &order).await? {
        return Ok(Err(NotPlaced::CreditSpent));
    }
    let language = parsed.language.as_deref();
    transitions::place(transaction, &order, quote.currency, items, language).await?;
    if order.charged_amount() > 0 {
        payment::request(transaction, order.id, now).await?;
    } else {
        payment::paid_by_credit(transaction, &mut order, now).await?;
    }
    Ok(Ok(order.id))
}

fn items(order: &order::Model, quote: &Quote, totals: &Totals) -> Vec<order_item::Model> {
    let lines = quote.lines.iter().zip(&totals.taxes).zip(0..);
    lines
        .map(|((line, &tax_amount), position)| order_item::Model {
            id: Uuid::now_v7(),
            order_id: order.id,
            customer_id: order.customer_id,
            position,
            product_id: line.product,
            product_name: line.name.clone(),
            restriction: line.restriction,
            quantity: line.priced.quantity,
            unit_price_amount: line.priced.unit.local.minor,
            tax_amount,
            currency_code: order.local_currency_code.clone(),
        })
        .collect()
}

/// Saves the payment method with the customer's others.
async fn save_method(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    method: &ResolvedMethod,
    now: DateTime<Utc>,
) -> ApiResult<Uuid> {
    if let Some(kept) = payment_method::of_token(transaction, customer, &method.token).await? {
        return Ok(kept.id);
    }
    let kept = payment_method::Model {
        id: Uuid::now_v7(),
        customer_id: customer,
        kind: method.details.kind,
        last4: method.details.last4.clone(),
        token: method.token.clone(),
        expires_at: method.details.expires_at,
        closed_at: None,
        created_at: now,
    };
    let id = kept.id;
    payment_method::insert(transaction, kept).await?;
    Ok(id)
}

/// Waits until the payment is settled, or the time limit is reached.
pub(crate) async fn wait_until_settled(database: &Database, order: Uuid) -> ApiResult<()> {
    let until = Instant::now() + PAYMENT_TIMEOUT;
    let mut wait = Duration::from_millis(20);
    loop {
        let payment = order_payment::of_order(database.read(), order).await?;
        let is_wanted = payment.is_some_and(|row| row.state == PaymentState::Requested);
        if !is_wanted || Instant::now() + wait >= until {
            return Ok(());
        }
        // Another process may settle it, so there is nothing to be notified by.
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_millis(200));
    }
}

/// The order's current state, with what the customer needs to know about its payment.
pub(crate) async fn payload(
    database: &Database,
    stripe: Option<&Stripe>,
    id: Uuid,
) -> ApiResult<OrderPlacePayload> {
    let db = database.read();
    let mut orders = order::by_ids(db, &[id]).await?;
    let row = orders
        .remove(&id)
        .ok_or_else(|| ApiError::internal(format!("order {id} is missing")))?;
    let payment = order_payment::of_order(db, id).await?;
    let state = payment.as_ref().map(|payment| payment.state);
    let user_errors = payment
        .and_then(|payment| payment.decline_code)
        .map(|code| declined(&code));
    Ok(OrderPlacePayload {
        payment_client_secret: match (state, &row.payment_intent_id, stripe) {
            (Some(PaymentState::AwaitingCustomer), Some(intent), Some(stripe)) => {
                client_secret(stripe, intent).await
            }
            _ => None,
        },
        currency_fallback: None,
        shortages: Vec::new(),
        preview: None,
        user_errors: user_errors.into_iter().collect(),
        order: Some(Order::try_from(row)?),
    })
}

/// `None` if the provider does not answer: repeating the key tries again.
async fn client_secret(stripe: &Stripe, intent: &str) -> Option<String> {
    let read: Result<stripe::PaymentIntent, _> = stripe.payment(intent).await;
    read.ok()?.client_secret
}

fn declined(code: &str) -> InputError {
    let message = match code {
        "insufficient_funds" => "The payment was declined: there is not enough money on the card",
        "expired_card" => "The payment was declined: the card has expired",
        "incorrect_cvc" | "invalid_cvc" => "The payment was declined: the security code is wrong",
        "processing_error" => "The payment was declined: the bank could not process it",
        _ => "The payment was declined",
    };
    InputError::new(
        UserErrorCode::PaymentDeclined,
        format!("{message}. Nothing was charged; order again with another payment method."),
        &["input", "paymentMethodToken"],
    )
}
