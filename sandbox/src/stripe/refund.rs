//! Refunds: never more than was captured.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::error::StripeError;
use super::expand::expand;
use super::list::Page;
use super::params::Params;
use super::payment_method::Behaviour;
use crate::sandbox::Sandbox;
use crate::world::World;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v1/refunds", get(list).post(create))
        .route("/v1/refunds/{id}", get(retrieve).post(update))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Pending,
    Succeeded,
    Failed,
}

#[derive(Clone, Debug)]
pub(super) struct Refund {
    id: String,
    amount: i64,
    currency: String,
    charge: String,
    payment_intent: String,
    reason: Option<&'static str>,
    metadata: Value,
    status: Status,
    created_at: DateTime<Utc>,
}

async fn create(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let intent = params.text("payment_intent")?;
    let charge = params.text("charge")?;
    let amount = params.amount("amount")?;
    let reason = params.choice(
        "reason",
        &["duplicate", "fraudulent", "requested_by_customer"],
    )?;
    let metadata = params.metadata()?;
    let paths = params.texts("expand");
    params.finish(&[
        "instructions_email",
        "refund_application_fee",
        "reverse_transfer",
    ])?;
    sandbox.world(|world| {
        let charge = world.charge_to_refund(intent, charge)?;
        let id = world.refund(&charge, amount, reason, metadata)?;
        world.answer_refund(&id, &paths)
    })
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let paths = params.texts("expand");
    params.finish(&[])?;
    sandbox.world(|world| world.answer_refund(&id, &paths))
}

async fn update(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let metadata = params.metadata()?;
    let paths = params.texts("expand");
    params.finish(&[])?;
    sandbox.world(|world| {
        if let Some(refund) = world.stripe.refunds.get_mut(&id)
            && let (Value::Object(kept), Value::Object(new)) = (&mut refund.metadata, metadata)
        {
            kept.extend(new);
        }
        world.answer_refund(&id, &paths)
    })
}

async fn list(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let page = Page::read(&mut params)?;
    let intent = params.text("payment_intent")?;
    let charge = params.text("charge")?;
    let paths = params.texts("expand");
    params.finish(&[])?;
    sandbox.world(|world| {
        let list = page.of(
            "/v1/refunds",
            &world.stripe.refunds,
            |refund| refund.created_at.timestamp(),
            |refund| {
                (intent.as_ref()).is_none_or(|wanted| *wanted == refund.payment_intent)
                    && (charge.as_ref()).is_none_or(|wanted| *wanted == refund.charge)
            },
            Refund::json,
        );
        Ok(Json(expand(world, list, &paths)))
    })
}

impl World {
    fn answer_refund(&self, id: &str, paths: &[String]) -> Result<Json<Value>, StripeError> {
        match self.stripe.refunds.get(id) {
            Some(refund) => Ok(Json(expand(self, refund.json(), paths))),
            None => Err(StripeError::NotFound {
                object: "refund",
                id: id.to_owned(),
                param: "id",
            }),
        }
    }

    /// The request's charge: by its own id, or the one that paid the intent.
    fn charge_to_refund(
        &self,
        intent: Option<String>,
        charge: Option<String>,
    ) -> Result<String, StripeError> {
        match (intent, charge) {
            (None, Some(charge)) => Ok(charge),
            (Some(intent), None) => {
                let found = self.stripe.payment_intents.get(&intent);
                let found = found.ok_or_else(|| StripeError::NotFound {
                    object: "payment_intent",
                    id: intent.clone(),
                    param: "payment_intent",
                })?;
                found.charge().cloned().ok_or_else(|| StripeError::State {
                    code: "payment_intent_unexpected_state",
                    message: format!(
                        "This PaymentIntent ({intent}) does not have a successful charge to refund."
                    ),
                    payment_intent: None,
                })
            }
            (None, None) => Err(StripeError::Missing("payment_intent")),
            (Some(_), Some(_)) => Err(StripeError::invalid(
                "parameter_invalid",
                "charge",
                "You may only specify one of these parameters: charge, payment_intent.",
            )),
        }
    }

    /// Refunds this amount, or everything that is left. Returns the new refund's id.
    fn refund(
        &mut self,
        charge: &str,
        amount: Option<i64>,
        reason: Option<&'static str>,
        metadata: Value,
    ) -> Result<String, StripeError> {
        let id = self.ids.mixed("re");
        let found = self.stripe.charges.get_mut(charge);
        let found = found.ok_or_else(|| StripeError::NotFound {
            object: "charge",
            id: charge.to_owned(),
            param: "charge",
        })?;
        let left = found.captured - found.refunded;
        if found.captured == 0 {
            return Err(StripeError::State {
                code: "charge_not_refundable",
                message: format!("Charge {charge} has not been captured."),
                payment_intent: None,
            });
        }
        if left == 0 {
            return Err(StripeError::State {
                code: "charge_already_refunded",
                message: format!("Charge {charge} has already been refunded."),
                payment_intent: None,
            });
        }
        let amount = amount.unwrap_or(left);
        if amount > left {
            return Err(StripeError::invalid(
                "amount_too_large",
                "amount",
                format!(
                    "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
                ),
            ));
        }
        found.refunded += amount;
        let behaviour = found.card.behaviour;
        let refund = Refund {
            id: id.clone(),
            amount,
            currency: found.currency.clone(),
            charge: charge.to_owned(),
            payment_intent: found.payment_intent.clone(),
            reason,
            metadata,
            status: if behaviour == Behaviour::RefundPends {
                Status::Pending
            } else {
                Status::Succeeded
            },
            created_at: self.now,
        };
        let charge = found.json();
        let json = refund.json();
        if matches!(behaviour, Behaviour::RefundPends | Behaviour::RefundFails) {
            let settle = Duration::from_std(self.config.settle.get()).unwrap_or_default();
            self.stripe.due.insert((self.now + settle, id.clone()));
        }
        self.stripe.refunds.insert(id.clone(), refund);
        self.emit_stripe_event("refund.created", json, None);
        self.emit_stripe_event("charge.refunded", charge, None);
        Ok(id)
    }

    /// Lets the banks decide what is due.
    pub(crate) fn settle_refunds(&mut self) {
        while self.stripe.refund_due().is_some_and(|due| due <= self.now) {
            let Some((_, id)) = self.stripe.due.pop_first() else {
                return;
            };
            let Some(refund) = self.stripe.refunds.get_mut(&id) else {
                continue;
            };
            let previous = json!({"status": refund.status.as_str()});
            if refund.status == Status::Pending {
                refund.status = Status::Succeeded;
                let json = refund.json();
                self.emit_stripe_event("refund.updated", json, Some(previous));
                continue;
            }
            refund.status = Status::Failed;
            let (charge, amount, json) = (refund.charge.clone(), refund.amount, refund.json());
            // A failed refund can be repaid another way.
            if let Some(charge) = self.stripe.charges.get_mut(&charge) {
                charge.refunded -= amount;
            }
            self.emit_stripe_event("refund.updated", json.clone(), Some(previous));
            self.emit_stripe_event("refund.failed", json, None);
        }
    }
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Refund {
    pub(super) fn json(&self) -> Value {
        let mut json = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": self.id.replacen("re_", "txn_", 1),
            "charge": self.charge,
            "created": self.created_at.timestamp(),
            "currency": self.currency,
            "destination_details": {
                "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
                "type": "card",
            },
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": self.status.as_str(),
            "transfer_reversal": null,
        });
        if self.status == Status::Failed {
            json["failure_reason"] = json!("expired_or_canceled_card");
        }
        json
    }
}
