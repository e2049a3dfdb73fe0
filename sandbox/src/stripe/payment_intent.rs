//! Payment intents.

mod challenge;
mod routes;

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::charge::Charge;
use super::error::{Declined, StripeError};
use super::expand::expand;
use super::payment_method::{Behaviour, Card};
use crate::world::World;

pub(super) use routes::routes;

/// A payment captured before the sandbox was started.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExistingPayment {
    /// `pi_…`
    pub id: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// The amount already refunded, in minor units.
    #[serde(default)]
    pub refunded: i64,
    /// The amount captured so far of a payment that is authorized; by default the whole payment is captured.
    #[serde(default)]
    pub captured: Option<i64>,
    /// The shop's id of the order, which webhooks repeat as metadata.
    #[serde(default)]
    pub order: Option<String>,
}

/// How long an authorization lasts.
pub(super) const AUTHORIZATION_DAYS: i64 = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    RequiresCapture,
    Succeeded,
    Canceled,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct PaymentIntent {
    id: String,
    amount: i64,
    received: i64,
    currency: String,
    status: Status,
    manual_capture: bool,
    /// Whether it can be captured in several parts.
    multicapture: bool,
    client_secret: String,
    payment_method: Option<String>,
    latest_charge: Option<String>,
    last_error: Option<Value>,
    cancellation_reason: Option<&'static str>,
    canceled_at: Option<DateTime<Utc>>,
    description: Option<String>,
    receipt_email: Option<String>,
    metadata: Value,
    created_at: DateTime<Utc>,
}

impl World {
    fn intent(&mut self, id: &str) -> Result<&mut PaymentIntent, StripeError> {
        let found = self.stripe.payment_intents.get_mut(id);
        found.ok_or_else(|| StripeError::NotFound {
            object: "payment_intent",
            id: id.to_owned(),
            param: "intent",
        })
    }

    fn answer_intent(&mut self, id: &str, paths: &[String]) -> Result<Json<Value>, StripeError> {
        let json = self.intent(id)?.json();
        Ok(Json(expand(self, json, paths)))
    }

    /// Charges the intent's payment method, which must be set.
    fn charge(&mut self, id: &str) -> Result<(), StripeError> {
        let method = self.intent(id)?.payment_method.clone().unwrap_or_default();
        let method = self.payment_method(&method, "payment_method")?;
        let behaviour = method.card.behaviour;
        let confirmed_again = self.intent(id)?.status == Status::RequiresAction;
        if behaviour == Behaviour::NeedsAction && !confirmed_again {
            let intent = self.intent(id)?;
            intent.status = Status::RequiresAction;
            let json = intent.json();
            self.emit_stripe_event("payment_intent.requires_action", json, None);
            return Ok(());
        }
        let charge_id = self.ids.mixed("ch");
        let now = self.now;
        let declined = match behaviour {
            Behaviour::Declined(code, decline_code, message) => Some((code, decline_code, message)),
            _ => None,
        };
        let intent = self.intent(id)?;
        intent.latest_charge = Some(charge_id.clone());
        let charge = Charge {
            id: charge_id.clone(),
            amount: intent.amount,
            captured: if declined.is_some() || intent.manual_capture {
                0
            } else {
                intent.amount
            },
            refunded: 0,
            currency: intent.currency.clone(),
            payment_intent: id.to_owned(),
            payment_method: method.id.clone(),
            card: method.card,
            authorized: intent.manual_capture.then_some(intent.multicapture),
            failure: declined.map(|(code, _, message)| (code, message)),
            metadata: intent.metadata.clone(),
            created_at: now,
        };
        let charge_json = charge.json();
        let Some((code, decline_code, message)) = declined else {
            intent.last_error = None;
            let event = if intent.manual_capture {
                intent.status = Status::RequiresCapture;
                "payment_intent.amount_capturable_updated"
            } else {
                intent.status = Status::Succeeded;
                intent.received = intent.amount;
                "payment_intent.succeeded"
            };
            let json = intent.json();
            if intent.manual_capture {
                self.stripe.watch_authorization(id, now);
            }
            self.stripe.charges.insert(charge_id, charge);
            self.emit_stripe_event("charge.succeeded", charge_json, None);
            self.emit_stripe_event(event, json, None);
            return Ok(());
        };
        intent.status = Status::RequiresPaymentMethod;
        intent.payment_method = None;
        intent.last_error = Some(json!({
            "charge": charge_id,
            "code": code,
            "decline_code": decline_code,
            "message": message,
            "payment_method": method.json(),
            "type": "card_error",
        }));
        let json = intent.json();
        self.stripe.charges.insert(charge_id.clone(), charge);
        self.emit_stripe_event("charge.failed", charge_json, None);
        self.emit_stripe_event("payment_intent.payment_failed", json.clone(), None);
        Err(StripeError::Card(Box::new(Declined {
            code,
            decline_code,
            message,
            charge: charge_id,
            payment_intent: json,
        })))
    }

    /// Loads a payment that was captured elsewhere; a known one is kept.
    pub(crate) fn load_payment(&mut self, known: ExistingPayment) {
        if self.stripe.payment_intents.contains_key(&known.id) {
            return;
        }
        let charge_id = format!("ch_{}", known.id.trim_start_matches("pi_"));
        let method = format!("pm_{}", known.id.trim_start_matches("pi_"));
        let currency = known.currency.to_lowercase();
        let captured = known.captured.unwrap_or(known.amount);
        let is_open = captured < known.amount;
        let metadata = match &known.order {
            Some(order) => json!({"order": order}),
            None => json!({}),
        };
        let charge = Charge {
            id: charge_id.clone(),
            amount: known.amount,
            captured,
            refunded: known.refunded.clamp(0, known.amount),
            currency: currency.clone(),
            payment_intent: known.id.clone(),
            payment_method: method.clone(),
            card: Card::visa(),
            authorized: is_open.then_some(true),
            failure: None,
            metadata: metadata.clone(),
            created_at: self.now,
        };
        let intent = PaymentIntent {
            client_secret: format!("{}_secret", known.id),
            id: known.id.clone(),
            amount: known.amount,
            received: captured,
            currency,
            status: if is_open {
                Status::RequiresCapture
            } else {
                Status::Succeeded
            },
            manual_capture: is_open,
            multicapture: is_open,
            payment_method: Some(method),
            latest_charge: Some(charge_id.clone()),
            last_error: None,
            cancellation_reason: None,
            canceled_at: None,
            description: None,
            receipt_email: None,
            metadata,
            created_at: self.now,
        };
        if is_open {
            self.stripe.watch_authorization(&known.id, self.now);
        }
        self.stripe.charges.insert(charge_id, charge);
        self.stripe.payment_intents.insert(known.id, intent);
    }
}

impl World {
    /// Cancels authorizations that were not captured in time.
    pub(crate) fn expire_authorizations(&mut self) {
        let now = self.now;
        while let Some(id) = self.stripe.take_expired(now) {
            let Some(intent) = self.stripe.payment_intents.get_mut(&id) else {
                continue;
            };
            if intent.status != Status::RequiresCapture {
                continue;
            }
            let event = intent.end_authorization(Some("automatic"), now);
            let json = intent.json();
            self.emit_stripe_event(event, json, None);
        }
    }
}

impl PaymentIntent {
    /// Releases what was not captured, and returns the event: what was captured in parts stays.
    fn end_authorization(
        &mut self,
        reason: Option<&'static str>,
        now: DateTime<Utc>,
    ) -> &'static str {
        if self.received > 0 {
            self.status = Status::Succeeded;
            return "payment_intent.succeeded";
        }
        self.status = Status::Canceled;
        self.cancellation_reason = reason;
        self.canceled_at = Some(now);
        "payment_intent.canceled"
    }

    /// The charge that refunds are taken from.
    pub(super) fn charge(&self) -> Option<&String> {
        self.latest_charge.as_ref()
    }

    fn unexpected(&self, verb: &str) -> StripeError {
        StripeError::State {
            code: "payment_intent_unexpected_state",
            message: format!(
                "You cannot {verb} this PaymentIntent because it has a status of {}.",
                self.status.as_str()
            ),
            payment_intent: Some(self.json()),
        }
    }

    pub(super) fn json(&self) -> Value {
        let capturable = if self.status == Status::RequiresCapture {
            self.amount - self.received
        } else {
            0
        };
        let next_action = (self.status == Status::RequiresAction).then(|| {
            json!({"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}})
        });
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": capturable,
            "amount_details": {"tip": {}},
            "amount_received": self.received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": null,
            "canceled_at": self.canceled_at.map(|at| at.timestamp()),
            "cancellation_reason": self.cancellation_reason,
            "capture_method": if self.manual_capture { "manual" } else { "automatic" },
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": self.created_at.timestamp(),
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "last_payment_error": self.last_error,
            "latest_charge": self.latest_charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": next_action,
            "payment_method": self.payment_method,
            "payment_method_types": ["card"],
            "processing": null,
            "receipt_email": self.receipt_email,
            "setup_future_usage": null,
            "shipping": null,
            "statement_descriptor": null,
            "status": self.status.as_str(),
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}
