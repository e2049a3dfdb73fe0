//! Sign-in as a demo shop customer, for developers: tokens for the pages.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use router::auth::{AuthConfig, DevelopmentKey, NewToken};
use serde::Serialize;

use crate::domains::DemoCustomer;

/// Lifetime of the tokens.
pub(crate) const TOKEN_HOURS: u64 = 24;
const TOKEN_TTL: Duration = Duration::from_secs(TOKEN_HOURS * 60 * 60);

/// The customers developers may sign in as; none without a development key.
#[derive(Clone)]
pub(crate) struct SignIn(Option<Arc<Tokens>>);

struct Tokens {
    key: DevelopmentKey,
    customers: Vec<DemoCustomer>,
}

#[derive(Serialize)]
struct Customer<'a> {
    name: &'a str,
    token: String,
}

impl SignIn {
    pub(crate) fn new(auth: &AuthConfig, customers: Vec<DemoCustomer>) -> anyhow::Result<Self> {
        let key = DevelopmentKey::from_config(auth)?;
        let tokens = key.map(|key| Arc::new(Tokens { key, customers }));
        Ok(Self(tokens))
    }

    /// A token for the first of them.
    pub(crate) fn first(&self) -> anyhow::Result<Option<String>> {
        let tokens = self.0.as_deref();
        let first = tokens.and_then(|tokens| Some((tokens, tokens.customers.first()?)));
        first
            .map(|(tokens, customer)| tokens.mint(customer))
            .transpose()
    }

    fn customers(&self) -> anyhow::Result<Vec<Customer<'_>>> {
        let Some(tokens) = self.0.as_deref() else {
            return Ok(Vec::new());
        };
        let mut signed = Vec::new();
        for customer in &tokens.customers {
            signed.push(Customer {
                name: &customer.name,
                token: tokens.mint(customer)?,
            });
        }
        Ok(signed)
    }

    /// All of them, with new tokens.
    pub(super) fn answer(&self) -> Response {
        match self.customers() {
            Ok(customers) => ([(CACHE_CONTROL, "no-store")], Json(customers)).into_response(),
            Err(error) => {
                tracing::error!(%error, "no token for a demo customer");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl Tokens {
    fn mint(&self, customer: &DemoCustomer) -> anyhow::Result<String> {
        let token = NewToken {
            subject: customer.id.clone(),
            scopes: Vec::new(),
            ttl: TOKEN_TTL,
        };
        let minted = self.key.mint(&token, SystemTime::now());
        minted.context("a token for the demo customer")
    }
}
