//! `/webhooks/stripe`. Stripe's events arrive late, repeated and in any order: those with a final status are applied,
//! the others trigger a poll.

use std::collections::HashMap;
use std::fmt::Display;

use async_trait::async_trait;
use axum::Router;
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use entities::orders::{order, order_payment};
use platform::config::Secret;
use platform::database::DatabaseTransaction;
use platform::inbox;
use platform::providers::stripe::{self, Event, PaymentIntent, Refund};
use platform::webhooks::{self, Applied, Webhook, WebhookError};
use resolvers::id::IdKind;
use serde::Deserialize;
use uuid::Uuid;

use crate::order_refund_task;
use crate::payment::{self, ProviderUpdate, SettleError};
use crate::payment_task::SettlePayment;
use crate::rules::settlement::{self, PaymentState, ProviderStatus};
use crate::support_alert::{self, Mismatch};

/// The inbox's consumer name for these events.
const CONSUMER: &str = "orders.stripe";

struct StripeWebhook {
    state: crate::State,
    secret: Secret,
}

/// The endpoint; no route without a webhook secret.
pub(crate) fn routes(state: crate::State) -> Router {
    match state.stripe_webhook_secret.clone() {
        Some(secret) => webhooks::route("/webhooks/stripe", StripeWebhook { state, secret }),
        None => Router::new(),
    }
}

#[async_trait]
impl Webhook for StripeWebhook {
    type Message = Event;

    fn provider(&self) -> &'static str {
        "stripe"
    }

    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Event, WebhookError> {
        let now = self.state.clock.now();
        let signature = headers.get("stripe-signature");
        let signature = signature.and_then(|value| value.to_str().ok());
        stripe::event(&self.secret, signature.unwrap_or_default(), body, now).map_err(|error| {
            match error {
                stripe::WebhookError::Malformed => WebhookError::Unreadable(error.to_string()),
                error => WebhookError::Forged(error.to_string()),
            }
        })
    }

    async fn apply(&self, event: Event) -> Result<Applied, WebhookError> {
        let described = |error: &dyn Display| format!("{} {}: {error}", event.kind, event.id);
        let payment = PaymentEvent::of(&event)
            .map_err(|error| WebhookError::Unreadable(described(&error)))?;
        let Some(payment) = payment else {
            return Ok(Applied::Ignored);
        };
        let now = self.state.clock.now();
        self.handle(&event.id, payment, now)
            .await
            .map_err(|error| WebhookError::Failed(described(&error)))
    }
}

impl StripeWebhook {
    async fn handle(
        &self,
        event_id: &str,
        payment: PaymentEvent,
        now: DateTime<Utc>,
    ) -> Result<Applied, SettleError> {
        let database = &self.state.database;
        let transaction = database.begin().await?;
        if !inbox::consume_once(&transaction, CONSUMER, event_id, now).await? {
            return Ok(Applied::Repeated);
        }
        let outcome = match payment.order(&transaction).await? {
            Some(order) => {
                payment.apply(&transaction, order, now).await?;
                Applied::Done
            }
            None => Applied::Ignored,
        };
        transaction.commit().await?;
        Ok(outcome)
    }
}

/// An event that may concern an order.
#[derive(Debug)]
enum PaymentEvent {
    /// The state of its payment at that time.
    Payment(PaymentIntent),
    /// The state of its refund at that time.
    Refund(Refund),
    /// A full or partial refund of the charge, by anybody.
    Charge(RefundedCharge),
}

/// The parts of a charge that are used here.
#[derive(Debug, Deserialize)]
struct RefundedCharge {
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

impl PaymentEvent {
    /// `None` for irrelevant events.
    fn of(event: &Event) -> Result<Option<Self>, serde_json::Error> {
        let object = &event.data.object;
        let payment = match event.kind.as_str() {
            "payment_intent.succeeded"
            | "payment_intent.canceled"
            | "payment_intent.amount_capturable_updated"
            | "payment_intent.processing"
            | "payment_intent.requires_action"
            | "payment_intent.payment_failed" => Self::Payment(Deserialize::deserialize(object)?),
            "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
                Self::Refund(Deserialize::deserialize(object)?)
            }
            "charge.refunded" => Self::Charge(Deserialize::deserialize(object)?),
            _ => return Ok(None),
        };
        Ok(Some(payment))
    }

    /// The order and the refund, if it concerns a refund by support.
    fn refund_by_support(&self) -> Option<(Uuid, Uuid)> {
        match self {
            Self::Refund(refund) => order_refund_task::named_by(refund.metadata.get("reference")?),
            Self::Payment(_) | Self::Charge(_) => None,
        }
    }

    /// The order whose payment it concerns, locked until the transaction ends.
    async fn order(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<Option<order::Model>, SettleError> {
        let (reference, intent) = match self {
            Self::Payment(intent) => (intent.metadata.get("order"), Some(&intent.id)),
            Self::Refund(refund) => (
                refund.metadata.get("reference"),
                refund.payment_intent.as_ref(),
            ),
            // A charge has its payment's metadata.
            Self::Charge(charge) => (charge.metadata.get("order"), charge.payment_intent.as_ref()),
        };
        let by_support = self.refund_by_support().map(|(order, _)| order);
        let named = || reference.and_then(|id| IdKind::Order.parse(id));
        let Some(id) = by_support.or_else(named) else {
            return Ok(None);
        };
        let Some(order) = order::lock(transaction, id).await? else {
            return Ok(None);
        };
        let is_of_its_payment = match (&order.payment_intent_id, intent) {
            (Some(known), Some(intent)) => known == intent,
            // It has just been created, and its id is not stored yet.
            (None, Some(_)) => matches!(self, Self::Payment(_)),
            _ => false,
        };
        Ok(is_of_its_payment.then_some(order))
    }

    async fn apply(
        &self,
        transaction: &DatabaseTransaction,
        order: order::Model,
        now: DateTime<Utc>,
    ) -> Result<(), SettleError> {
        match self {
            Self::Refund(refund) => {
                if let Some((_, id)) = self.refund_by_support() {
                    return order_refund_task::apply(transaction, &order, id, refund, now).await;
                }
                let taken = settlement::Charge {
                    amount: order.charged_amount(),
                    currency: order.local_currency_code.clone(),
                };
                if payment::apply_refund(transaction, &order, refund, &taken, now).await? {
                    return Ok(());
                }
                poll_soon(transaction, &order, now).await
            }
            Self::Charge(_) => poll_soon(transaction, &order, now).await,
            Self::Payment(intent) => {
                let update = ProviderUpdate::of(intent);
                if let Some(received) = update.mismatch(&order) {
                    // Not applied, even though it is signed: the provider's own records decide.
                    support_alert::alert(transaction, &order, Mismatch::Payment, received, now)
                        .await?;
                    return poll_soon(transaction, &order, now).await;
                }
                if matches!(
                    update.status,
                    ProviderStatus::Succeeded
                        | ProviderStatus::PartiallyCaptured
                        | ProviderStatus::Canceled
                ) {
                    return payment::apply(transaction, order, &update, now).await;
                }
                // The current state has to be polled.
                poll_soon(transaction, &order, now).await
            }
        }
    }
}

/// Polls the provider for the payment's state, unless that is already final.
async fn poll_soon(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    now: DateTime<Utc>,
) -> Result<(), SettleError> {
    let Some(payment) = order_payment::of_order(transaction, order.id).await? else {
        return Ok(());
    };
    // While it is requested, a task is running or due soon.
    if matches!(
        payment.state,
        PaymentState::AwaitingCustomer | PaymentState::ReleaseRequested
    ) {
        SettlePayment::enqueue(transaction, order.id, now, now).await?;
    }
    Ok(())
}
