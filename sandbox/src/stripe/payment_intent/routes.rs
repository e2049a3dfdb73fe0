//! The endpoints of payment intents.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::super::error::StripeError;
use super::super::expand::expand;
use super::super::list::Page;
use super::super::params::Params;
use super::{PaymentIntent, Status};
use crate::sandbox::Sandbox;

pub(in crate::stripe) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/v1/payment_intents", get(list).post(create))
        .route("/v1/payment_intents/{id}", get(retrieve).post(update))
        .route("/v1/payment_intents/{id}/confirm", post(confirm))
        .route("/v1/payment_intents/{id}/capture", post(capture))
        .route("/v1/payment_intents/{id}/cancel", post(cancel))
        .merge(super::challenge::routes())
}

/// Stripe's parameters that have no effect here.
const IGNORED: [&str; 14] = [
    "automatic_payment_methods",
    "payment_method_types",
    // Read where a payment is created.
    "payment_method_options",
    "confirmation_method",
    "customer",
    "error_on_requires_action",
    "off_session",
    "return_url",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "use_stripe_sdk",
];

async fn create(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let amount = params
        .amount("amount")?
        .ok_or(StripeError::Missing("amount"))?;
    let currency = currency(params.required("currency")?)?;
    let method = params.text("payment_method")?;
    let confirmed = params.flag("confirm")?;
    let capture = params.choice(
        "capture_method",
        &["automatic", "automatic_async", "manual"],
    )?;
    let options = params.nested("payment_method_options");
    let multicapture = options.is_some_and(|options| {
        options["card"]["request_multicapture"].as_str() == Some("if_available")
    });
    let description = params.text("description")?;
    let receipt_email = params.text("receipt_email")?;
    let metadata = params.metadata()?;
    let paths = params.texts("expand");
    params.finish(&IGNORED)?;
    sandbox.world(|world| {
        let method = method
            .map(|id| world.payment_method(&id, "payment_method"))
            .transpose()?;
        if confirmed && method.is_none() {
            return Err(StripeError::invalid(
                "payment_intent_unexpected_state",
                "payment_method",
                "You cannot confirm this PaymentIntent because it's missing a payment method.",
            ));
        }
        let id = world.ids.mixed("pi");
        let intent = PaymentIntent {
            client_secret: format!("{id}_secret_{}", world.ids.letters(25)),
            id: id.clone(),
            amount,
            received: 0,
            currency,
            status: if method.is_some() {
                Status::RequiresConfirmation
            } else {
                Status::RequiresPaymentMethod
            },
            manual_capture: capture == Some("manual"),
            multicapture: multicapture && capture == Some("manual"),
            payment_method: method.map(|method| method.id),
            latest_charge: None,
            last_error: None,
            cancellation_reason: None,
            canceled_at: None,
            description,
            receipt_email,
            metadata,
            created_at: world.now,
        };
        world.emit_stripe_event("payment_intent.created", intent.json(), None);
        world.stripe.payment_intents.insert(id.clone(), intent);
        if confirmed {
            world.charge(&id)?;
        }
        world.answer_intent(&id, &paths)
    })
}

async fn retrieve(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let paths = params.texts("expand");
    params.finish(&["client_secret"])?;
    sandbox.world(|world| world.answer_intent(&id, &paths))
}

async fn update(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let amount = params.amount("amount")?;
    let method = params.text("payment_method")?;
    let description = params.text("description")?;
    let metadata = params.metadata()?;
    let paths = params.texts("expand");
    params.finish(&IGNORED)?;
    sandbox.world(|world| {
        let method = method
            .map(|id| world.payment_method(&id, "payment_method"))
            .transpose()?;
        let intent = world.intent(&id)?;
        let open = [Status::RequiresPaymentMethod, Status::RequiresConfirmation];
        if (amount.is_some() || method.is_some()) && !open.contains(&intent.status) {
            return Err(intent.unexpected("update"));
        }
        if let Some(amount) = amount {
            intent.amount = amount;
        }
        if let Some(method) = method {
            intent.payment_method = Some(method.id);
            intent.status = Status::RequiresConfirmation;
        }
        if description.is_some() {
            intent.description = description;
        }
        if let (Value::Object(kept), Value::Object(new)) = (&mut intent.metadata, metadata) {
            kept.extend(new);
        }
        world.answer_intent(&id, &paths)
    })
}

async fn confirm(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let method = params.text("payment_method")?;
    let paths = params.texts("expand");
    params.finish(&IGNORED)?;
    sandbox.world(|world| {
        let method = method
            .map(|id| world.payment_method(&id, "payment_method"))
            .transpose()?;
        let intent = world.intent(&id)?;
        let waits = [
            Status::RequiresPaymentMethod,
            Status::RequiresConfirmation,
            Status::RequiresAction,
        ];
        if !waits.contains(&intent.status) {
            return Err(intent.unexpected("confirm"));
        }
        if let Some(method) = method {
            intent.payment_method = Some(method.id);
        }
        if intent.payment_method.is_none() {
            return Err(StripeError::State {
                code: "payment_intent_unexpected_state",
                message:
                    "You cannot confirm this PaymentIntent because it's missing a payment method."
                        .into(),
                payment_intent: Some(intent.json()),
            });
        }
        world.charge(&id)?;
        world.answer_intent(&id, &paths)
    })
}

async fn capture(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let amount = params.amount("amount_to_capture")?;
    let is_last = params.choice("final_capture", &["true", "false"])?;
    let paths = params.texts("expand");
    params.finish(&["metadata", "statement_descriptor"])?;
    sandbox.world(|world| {
        let intent = world.intent(&id)?;
        if intent.status != Status::RequiresCapture {
            return Err(intent.unexpected("capture"));
        }
        if is_last.is_some() && !intent.multicapture {
            return Err(StripeError::invalid(
                "parameter_invalid",
                "final_capture",
                "You can only use `final_capture` when multicapture is available for this PaymentIntent.",
            ));
        }
        let left = intent.amount - intent.received;
        let amount = amount.unwrap_or(left);
        if amount > left {
            return Err(StripeError::invalid(
                "amount_too_large",
                "amount_to_capture",
                "The amount to capture is greater than the remaining amount.",
            ));
        }
        intent.received += amount;
        let event = if is_last == Some("false") && amount < left {
            "payment_intent.amount_capturable_updated"
        } else {
            intent.status = Status::Succeeded;
            "payment_intent.succeeded"
        };
        let received = intent.received;
        let charge = intent.latest_charge.clone();
        let json = intent.json();
        if let Some(charge) = charge.and_then(|id| world.stripe.charges.get_mut(&id)) {
            charge.captured = received;
            let charge = charge.json();
            world.emit_stripe_event("charge.captured", charge, None);
        }
        world.emit_stripe_event(event, json, None);
        world.answer_intent(&id, &paths)
    })
}

async fn cancel(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let reasons = [
        "duplicate",
        "fraudulent",
        "requested_by_customer",
        "abandoned",
    ];
    let reason = params.choice("cancellation_reason", &reasons)?;
    let paths = params.texts("expand");
    params.finish(&[])?;
    sandbox.world(|world| {
        let now = world.now;
        let intent = world.intent(&id)?;
        if matches!(intent.status, Status::Succeeded | Status::Canceled) {
            return Err(intent.unexpected("cancel"));
        }
        let event = intent.end_authorization(reason, now);
        let json = intent.json();
        world.emit_stripe_event(event, json, None);
        world.answer_intent(&id, &paths)
    })
}

async fn list(
    State(sandbox): State<Sandbox>,
    mut params: Params,
) -> Result<Json<Value>, StripeError> {
    let page = Page::read(&mut params)?;
    let paths = params.texts("expand");
    params.finish(&["customer"])?;
    sandbox.world(|world| {
        let list = page.of(
            "/v1/payment_intents",
            &world.stripe.payment_intents,
            |intent| intent.created_at.timestamp(),
            |_| true,
            PaymentIntent::json,
        );
        Ok(Json(expand(world, list, &paths)))
    })
}

/// Three letters in lower case, as Stripe stores them.
fn currency(given: String) -> Result<String, StripeError> {
    let small = given.to_lowercase();
    if small.len() == 3 && small.bytes().all(|byte| byte.is_ascii_lowercase()) {
        Ok(small)
    } else {
        Err(StripeError::invalid(
            "parameter_invalid",
            "currency",
            format!("Invalid currency: {given}."),
        ))
    }
}
