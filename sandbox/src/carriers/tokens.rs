//! OAuth tokens of FedEx and UPS: client credentials in exchange for an expiring bearer token.

use std::collections::HashMap;

use axum::Json;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Duration, Utc};

use super::{fedex, ups};
use crate::middleware::bearer;
use crate::provider::Provider;
use crate::sandbox::Sandbox;
use crate::world::World;

/// Issued tokens with their expiry.
#[derive(Debug, Default)]
pub(crate) struct Tokens(HashMap<(Provider, String), DateTime<Utc>>);

impl World {
    /// Issues a new token for this provider.
    pub(super) fn grant(&mut self, provider: Provider, lifetime: Duration) -> String {
        let token = self.ids.letters(48);
        let now = self.now;
        self.tokens.0.retain(|_, until| *until > now);
        self.tokens
            .0
            .insert((provider, token.clone()), now + lifetime);
        token
    }
}

/// Whether the call has a valid token, if it needs one.
pub(crate) fn authorize(
    sandbox: &Sandbox,
    provider: Provider,
    parts: &Parts,
) -> Result<(), Box<Response>> {
    if parts.uri.path().ends_with("/oauth/token") {
        return Ok(());
    }
    let good = bearer(&parts.headers).is_some_and(|token| {
        let key = (provider, token.to_owned());
        sandbox.world(|world| {
            let until = world.tokens.0.get(&key);
            until.is_some_and(|until| *until > world.now)
        })
    });
    if good {
        return Ok(());
    }
    let body = match provider {
        Provider::Ups => ups::error("250002", "Invalid Authentication Information."),
        _ => fedex::error(
            "NOT.AUTHORIZED.ERROR",
            "Access token expired. Please modify your request and try again.",
        ),
    };
    Err(Box::new(
        (StatusCode::UNAUTHORIZED, Json(body)).into_response(),
    ))
}
