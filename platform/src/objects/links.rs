//! Expiring links that let anybody who has one read one object, and the routes that serve them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use url::Url;

use super::{ObjectError, ObjectKey, Objects};
use crate::clock::Clock;
use crate::config::Secret;

/// How long the store's own link, to which ours redirects, is valid.
const HOP: Duration = Duration::from_secs(300);

/// Creates links and serves them. Uses the store's own links where possible. S3's last a week at most, so a longer link
/// points here and redirects to a fresh one when it is followed.
#[derive(Clone, Debug)]
pub struct ObjectLinks {
    objects: Arc<dyn Objects>,
    base: Url,
    secret: Secret,
    clock: Clock,
}

/// The signed content of one of our links.
#[derive(Debug, Deserialize)]
struct Signed {
    /// Seconds since 1970.
    expires: i64,
    signature: String,
}

impl ObjectLinks {
    /// `base` is the public URL of [`ObjectLinks::routes`]; every instance needs the same secret.
    pub fn new(
        objects: Arc<dyn Objects>,
        base: Url,
        secret: Secret,
        clock: Clock,
    ) -> Result<Self, ObjectError> {
        if base.cannot_be_a_base() {
            return Err(ObjectError::Base);
        }
        Ok(Self {
            objects,
            base,
            secret,
            clock,
        })
    }

    /// The store behind the links.
    pub fn objects(&self) -> &dyn Objects {
        &*self.objects
    }

    /// Creates a link to an object and returns its expiry. Does not check whether the object exists.
    pub async fn link(
        &self,
        key: &ObjectKey,
        lifetime: Duration,
    ) -> Result<(Url, DateTime<Utc>), ObjectError> {
        let lifetime_delta = TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::MAX);
        let expires_at = self
            .clock
            .now()
            .checked_add_signed(lifetime_delta)
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        if let Some(direct) = self.objects.direct_link(key, lifetime).await? {
            return Ok((direct, expires_at));
        }
        let expires = expires_at.timestamp();
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| ObjectError::Base)?
            .pop_if_empty()
            .extend(key.as_str().split('/'));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(key, expires).finalize().into_bytes());
        url.query_pairs_mut()
            .append_pair("expires", &expires.to_string())
            .append_pair("signature", &signature);
        Ok((url, expires_at))
    }

    /// `GET /{key}` for links: the object, or a redirect to where the store serves it. 403 for an expired or forged
    /// link, 404 when the object has been deleted.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/{*key}", get(serve))
            .with_state(self.clone())
    }

    fn mac(&self, key: &ObjectKey, expires: i64) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes())
            .expect("a key of any length");
        // The purpose first: the secret may sign other things.
        mac.update(format!("object\n{key}\n{expires}").as_bytes());
        mac
    }

    fn honours(&self, key: &ObjectKey, signed: &Signed) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(&signed.signature) else {
            return false;
        };
        let is_ours = self
            .mac(key, signed.expires)
            .verify_slice(&signature)
            .is_ok();
        is_ours && self.clock.now().timestamp() < signed.expires
    }
}

async fn serve(
    State(links): State<ObjectLinks>,
    Path(key): Path<String>,
    signed: Result<Query<Signed>, QueryRejection>,
) -> Response {
    let refused = || {
        (
            StatusCode::FORBIDDEN,
            "This link has expired or is not valid.\n",
        )
    };
    let (Ok(key), Ok(Query(signed))) = (ObjectKey::new(key), signed) else {
        return refused().into_response();
    };
    if !links.honours(&key, &signed) {
        return refused().into_response();
    }
    match links.open(&key).await {
        Ok(Some(response)) => response,
        Ok(None) => (StatusCode::NOT_FOUND, "This file no longer exists.\n").into_response(),
        Err(error) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, source, "object not served");
            (StatusCode::SERVICE_UNAVAILABLE, "Please try again later.\n").into_response()
        }
    }
}

impl ObjectLinks {
    async fn open(&self, key: &ObjectKey) -> Result<Option<Response>, ObjectError> {
        const NOT_KEPT: (HeaderName, &str) = (header::CACHE_CONTROL, "private, no-store");
        if let Some(direct) = self.objects.direct_link(key, HOP).await? {
            let redirect = Redirect::temporary(direct.as_str());
            return Ok(Some(([NOT_KEPT], redirect).into_response()));
        }
        let headers = [
            NOT_KEPT,
            (header::CONTENT_TYPE, key.content_type()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let bytes = self.objects.get(key).await?;
        Ok(bytes.map(|bytes| (headers, bytes).into_response()))
    }
}
