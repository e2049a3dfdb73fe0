//! Stripe's API, version 1: payment intents, refunds, payment methods, charges, events, webhook endpoints.

mod charge;
mod endpoint;
mod error;
mod event;
mod expand;
mod idempotency;
mod list;
mod params;
mod payment_intent;
mod payment_method;
mod refund;

use std::collections::BTreeSet;

use axum::Router;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexMap;
use serde_json::Value;

pub(crate) use error::failure;
pub(crate) use idempotency::{Claim, Idempotency, claim};
pub use payment_intent::ExistingPayment;

use crate::middleware::{basic, bearer};
use crate::sandbox::Sandbox;
use charge::Charge;
use error::StripeError;
use payment_intent::PaymentIntent;
use payment_method::PaymentMethod;
use refund::Refund;

/// The simulated API version.
const API_VERSION: &str = "2025-09-30.clover";

/// Stripe's state. Lists are in order of creation.
#[derive(Debug, Default)]
pub(crate) struct Stripe {
    payment_intents: IndexMap<String, PaymentIntent>,
    charges: IndexMap<String, Charge>,
    refunds: IndexMap<String, Refund>,
    payment_methods: IndexMap<String, PaymentMethod>,
    events: IndexMap<String, Value>,
    /// Refunds that a bank has not decided yet.
    due: BTreeSet<(DateTime<Utc>, String)>,
    /// When authorizations end.
    authorizations: BTreeSet<(DateTime<Utc>, String)>,
}

impl Stripe {
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        let authorization = self.authorizations.first().map(|(due, _)| *due);
        self.refund_due().into_iter().chain(authorization).min()
    }

    fn refund_due(&self) -> Option<DateTime<Utc>> {
        self.due.first().map(|(due, _)| *due)
    }

    fn watch_authorization(&mut self, intent: &str, now: DateTime<Utc>) {
        let ends = now + TimeDelta::days(payment_intent::AUTHORIZATION_DAYS);
        self.authorizations.insert((ends, intent.to_owned()));
    }

    /// An authorization that has ended by now.
    fn take_expired(&mut self, now: DateTime<Utc>) -> Option<String> {
        let (ends, _) = self.authorizations.first()?;
        if *ends > now {
            return None;
        }
        self.authorizations.pop_first().map(|(_, intent)| intent)
    }
}

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .merge(payment_intent::routes())
        .merge(charge::routes())
        .merge(refund::routes())
        .merge(payment_method::routes())
        .merge(event::routes())
        .merge(endpoint::routes())
}

/// Accepts any secret or restricted key: as a bearer token, as the SDKs send it, or as a Basic user.
pub(crate) fn authorize(headers: &HeaderMap) -> Result<(), Box<Response>> {
    let key = match bearer(headers) {
        Some(token) => Some(token.to_owned()),
        None => basic(headers).map(|(user, _)| user),
    };
    match key {
        Some(key) if key.starts_with("sk_") || key.starts_with("rk_") => Ok(()),
        Some(_) => Err(Box::new(StripeError::InvalidKey.into_response())),
        None => Err(Box::new(StripeError::NoKey.into_response())),
    }
}
