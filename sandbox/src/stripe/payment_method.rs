//! Payment methods: cards and their behaviour. Stripe's test cards behave as documented.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Datelike, Utc};
use serde_json::{Value, json};

use super::error::StripeError;
use super::list::Page;
use super::params::Params;
use crate::sandbox::Sandbox;
use crate::world::World;

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v1/payment_methods", get(list).post(create))
        .route("/v1/payment_methods/{id}", get(retrieve))
        .route("/v1/payment_methods/{id}/attach", post(attach))
        .route("/v1/payment_methods/{id}/detach", post(detach))
}

#[derive(Clone, Debug)]
pub(super) struct PaymentMethod {
    pub(super) id: String,
    pub(super) card: Card,
    customer: Option<String>,
    billing_details: Value,
    metadata: Value,
    created_at: DateTime<Utc>,
}

/// A test card: Stripe's names for it, its number and its behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Card {
    /// Follows `pm_card_` and `tok_`.
    name: &'static str,
    number: &'static str,
    pub(super) brand: &'static str,
    pub(super) behaviour: Behaviour,
}

/// What happens when a card is charged or refunded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Works,
    /// Declined: the code, the decline code and the message.
    Declined(&'static str, Option<&'static str>, &'static str),
    /// The customer has to confirm with their bank.
    NeedsAction,
    /// Charged; a refund succeeds at first and fails later.
    RefundFails,
    /// Charged; a refund is pending at first and succeeds later.
    RefundPends,
}

const fn card(
    name: &'static str,
    number: &'static str,
    brand: &'static str,
    behaviour: Behaviour,
) -> Card {
    Card {
        name,
        number,
        brand,
        behaviour,
    }
}

const CARDS: [Card; 14] = [
    card("visa", "4242424242424242", "visa", Behaviour::Works),
    card("visa_debit", "4000056655665556", "visa", Behaviour::Works),
    card(
        "mastercard",
        "5555555555554444",
        "mastercard",
        Behaviour::Works,
    ),
    card("amex", "378282246310005", "amex", Behaviour::Works),
    card("chargeDeclined", "4000000000000002", "visa", GENERIC),
    card("visa_chargeDeclined", "4000000000000002", "visa", GENERIC),
    card(
        "chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "visa",
        INSUFFICIENT,
    ),
    card(
        "visa_chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "visa",
        INSUFFICIENT,
    ),
    card(
        "chargeDeclinedExpiredCard",
        "4000000000000069",
        "visa",
        Behaviour::Declined(
            "expired_card",
            Some("expired_card"),
            "Your card has expired.",
        ),
    ),
    card(
        "chargeDeclinedLostCard",
        "4000000000009987",
        "visa",
        Behaviour::Declined(
            "card_declined",
            Some("lost_card"),
            "Your card was declined.",
        ),
    ),
    card(
        "chargeDeclinedProcessingError",
        "4000000000000119",
        "visa",
        Behaviour::Declined(
            "processing_error",
            Some("processing_error"),
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    card(
        "authenticationRequired",
        "4000002500003155",
        "visa",
        Behaviour::NeedsAction,
    ),
    card(
        "refundFail",
        "4000000000005126",
        "visa",
        Behaviour::RefundFails,
    ),
    card(
        "pendingRefund",
        "4000000000007726",
        "visa",
        Behaviour::RefundPends,
    ),
];

const GENERIC: Behaviour = Behaviour::Declined(
    "card_declined",
    Some("generic_decline"),
    "Your card was declined.",
);
const INSUFFICIENT: Behaviour = Behaviour::Declined(
    "card_declined",
    Some("insufficient_funds"),
    "Your card has insufficient funds.",
);

impl Card {
    /// The card of `pm_card_visa`; numbers and tokens are not payment methods.
    fn of_payment_method(id: &str) -> Option<Self> {
        let name = id.strip_prefix("pm_card_")?;
        CARDS.into_iter().find(|card| card.name == name)
    }

    /// The card of `tok_visa` or of a number.
    fn of_token_or_number(text: &str) -> Option<Self> {
        let name = text.strip_prefix("tok_");
        CARDS
            .into_iter()
            .find(|card| name == Some(card.name) || card.number == text)
    }

    pub(super) fn visa() -> Self {
        CARDS[0]
    }

    pub(super) fn last4(self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }

    pub(super) fn json(self, now: DateTime<Utc>) -> Value {
        json!({
            "brand": self.brand,
            "checks": {
                "address_line1_check": null,
                "address_postal_code_check": null,
                "cvc_check": "pass",
            },
            "country": "US",
            "display_brand": self.brand,
            "exp_month": 8,
            "exp_year": now.year() + 3,
            "fingerprint": format!("sandbox{}{}", self.brand, self.last4()),
            "funding": "credit",
            "last4": self.last4(),
            "networks": {"available": [self.brand], "preferred": null},
            "three_d_secure_usage": {"supported": true},
            "wallet": null,
        })
    }
}

impl World {
    /// The payment method with this id; a test card's becomes a new one, as at Stripe.
    pub(super) fn payment_method(
        &mut self,
        id: &str,
        param: &'static str,
    ) -> Result<PaymentMethod, StripeError> {
        if let Some(method) = self.stripe.payment_methods.get(id) {
            return Ok(method.clone());
        }
        match Card::of_payment_method(id) {
            Some(card) => Ok(self.new_payment_method(card, json!({}), json!({}))),
            None => Err(StripeError::NotFound {
                object: "PaymentMethod",
                id: id.to_owned(),
                param,
            }),
        }
    }

    fn new_payment_method(
        &mut self,
        card: Card,
        billing_details: Value,
        metadata: Value,
    ) -> PaymentMethod {
        let method = PaymentMethod {
            id: self.ids.mixed("pm"),
            card,
            customer: None,
            billing_details,
            metadata,
            created_at: self.now,
        };
        self.stripe
            .payment_methods
            .insert(method.id.clone(), method.clone());
        method
    }
}

async fn create(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let kind = params.required("type")?;
    if kind != "card" {
        return Err(StripeError::invalid(
            "parameter_invalid",
            "type",
            format!("The sandbox has payment methods of type card, not {kind}."),
        ));
    }
    let given = params.nested("card").ok_or(StripeError::Missing("card"))?;
    let billing = params
        .nested("billing_details")
        .unwrap_or_else(|| json!({}));
    let metadata = params.metadata()?;
    params.finish(&["expand", "allow_redisplay"])?;
    let text = |name: &str| given[name].as_str().map(|text| text.replace(' ', ""));
    let number = text("token")
        .or_else(|| text("number"))
        .ok_or(StripeError::Missing("card[number]"))?;
    let card = Card::of_token_or_number(&number).ok_or_else(|| {
        StripeError::invalid(
            "incorrect_number",
            "card[number]",
            "Your card number is incorrect. The sandbox knows Stripe's test cards.",
        )
    })?;
    Ok(sandbox.world(|world| Json(world.new_payment_method(card, billing, metadata).json())))
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StripeError> {
    sandbox.world(|world| Ok(Json(world.payment_method(&id, "payment_method")?.json())))
}

async fn list(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let page = Page::read(&mut params)?;
    let customer = params.text("customer")?;
    params.choice("type", &["card"])?;
    params.finish(&["expand"])?;
    sandbox.world(|world| {
        Ok(Json(page.of(
            "/v1/payment_methods",
            &world.stripe.payment_methods,
            |method| method.created_at.timestamp(),
            |method| customer.is_none() || method.customer == customer,
            PaymentMethod::json,
        )))
    })
}

async fn attach(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let customer = params.required("customer")?;
    params.finish(&["expand"])?;
    sandbox.world(|world| world.set_customer(&id, Some(customer)))
}

async fn detach(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, StripeError> {
    params.finish(&["expand"])?;
    sandbox.world(|world| world.set_customer(&id, None))
}

impl World {
    fn set_customer(
        &mut self,
        id: &str,
        customer: Option<String>,
    ) -> Result<Json<Value>, StripeError> {
        let mut method = self.payment_method(id, "payment_method")?;
        method.customer = customer;
        let event = if method.customer.is_some() {
            "payment_method.attached"
        } else {
            "payment_method.detached"
        };
        let json = method.json();
        self.stripe
            .payment_methods
            .insert(method.id.clone(), method);
        self.emit_stripe_event(event, json.clone(), None);
        Ok(Json(json))
    }
}

impl PaymentMethod {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": self.billing_details,
            "card": self.card.json(self.created_at),
            "created": self.created_at.timestamp(),
            "customer": self.customer,
            "livemode": false,
            "metadata": self.metadata,
            "type": "card",
        })
    }
}
