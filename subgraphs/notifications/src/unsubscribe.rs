//! Signed links in emails that unsubscribe from a category with one click, as RFC 8058 describes: a POST unsubscribes, a
//! GET shows a page with a button, because mail scanners open links.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as Extracted};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use entities::notifications::customer_settings;
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use platform::config::Secret;
use resolvers::id::IdKind;
use resolvers::money_format::preferred_language;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::State;
use crate::notification_preferences::DEFAULT_TIMEZONE;
use crate::notification_preferences_update as preferences_update;
use crate::rules::preference_update::CellUpdate;
use crate::templates::{DEFAULT_LOCALE, UnsubscribePage};

/// The path under which the links are served.
const PATH: &str = "unsubscribe";
const ISSUER: &str = "vantage-unsubscribe-link";
/// Ours have about 200 characters.
const LONGEST: usize = 1_024;

/// Signs and verifies the links. They do not expire, because emails are kept for years, and do nothing else.
#[derive(Clone)]
pub struct UnsubscribeLinks(Arc<Keys>);

struct Keys {
    base: Url,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for UnsubscribeLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UnsubscribeLinks")
            .field(&self.0.base.as_str())
            .finish()
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The customer's public id.
    sub: String,
    category: NotificationCategory,
}

impl UnsubscribeLinks {
    /// `base` is this service's public address. The key must not be empty.
    pub fn new(base: Url, key: &Secret) -> Result<Self, jsonwebtoken::errors::Error> {
        let key = key.expose().as_bytes();
        Ok(Self(Arc::new(Keys {
            base,
            encoding: EncodingKey::from_secret(key)?,
            decoding: DecodingKey::from_secret(key)?,
        })))
    }

    /// The link that unsubscribes the customer from emails of this category.
    pub(crate) fn url(
        &self,
        customer: Uuid,
        category: NotificationCategory,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: IdKind::Customer.format(customer),
            category,
        };
        let header = Header::new(Algorithm::HS256);
        let token = jsonwebtoken::encode(&header, &claims, &self.0.encoding)?;
        let mut url = self.0.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend([PATH, &token]);
        }
        Ok(url.into())
    }

    /// Whose link this is, if it is one of ours.
    fn open(&self, token: &str) -> Option<(Uuid, NotificationCategory)> {
        if token.len() > LONGEST {
            return None;
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "sub"]);
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.0.decoding, &validation);
        let claims = claims.ok()?.claims;
        Some((IdKind::Customer.parse(&claims.sub)?, claims.category))
    }
}

/// Serves the links.
pub(crate) fn routes(state: State, links: UnsubscribeLinks) -> Router {
    Router::new()
        .route(&format!("/{PATH}/{{token}}"), get(ask).post(unsubscribe))
        .with_state(Served { state, links })
}

#[derive(Clone)]
struct Served {
    state: State,
    links: UnsubscribeLinks,
}

async fn ask(
    Extracted(served): Extracted<Served>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    match served.links.open(&token) {
        Some((_, category)) => {
            let page = UnsubscribePage::Ask(category.as_str());
            served.page(StatusCode::OK, page, &headers)
        }
        None => served.page(StatusCode::NOT_FOUND, UnsubscribePage::Invalid, &headers),
    }
}

async fn unsubscribe(
    Extracted(served): Extracted<Served>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some((customer, category)) = served.links.open(&token) else {
        return served.page(StatusCode::NOT_FOUND, UnsubscribePage::Invalid, &headers);
    };
    match turn_off(&served.state, customer, category).await {
        Ok(()) => {
            metrics::counter!("vantage_notifications_unsubscribed_total", "category" => category.as_str())
                .increment(1);
            served.page(StatusCode::OK, UnsubscribePage::Done, &headers)
        }
        Err(error) => {
            tracing::error!(%error, "unsubscribing failed");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

impl Served {
    fn page(&self, status: StatusCode, page: UnsubscribePage<'_>, headers: &HeaderMap) -> Response {
        let languages = headers.get(header::ACCEPT_LANGUAGE);
        let language = languages
            .and_then(|languages| languages.to_str().ok())
            .and_then(preferred_language);
        let language = language.as_deref().unwrap_or(DEFAULT_LOCALE);
        match self
            .state
            .delivery
            .templates
            .unsubscribe_page(page, language)
        {
            Ok(html) => {
                let headers = [
                    // A page that knows a customer's link is not for caches and other sites.
                    (header::CACHE_CONTROL, "no-store"),
                    (header::REFERRER_POLICY, "no-referrer"),
                    (
                        header::CONTENT_SECURITY_POLICY,
                        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
                    ),
                ];
                (status, headers, Html(html)).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "page not rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Turns emails of this category off. Doing so twice changes nothing more. It is kept of a customer who was erased, too, for
/// the time when they ask for messages again, which this does not.
async fn turn_off(
    state: &State,
    customer: Uuid,
    category: NotificationCategory,
) -> Result<(), DbErr> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    customer_settings::lock(&transaction, customer, DEFAULT_TIMEZONE).await?;
    let update = CellUpdate {
        channel: NotificationChannel::Email,
        category,
        enabled: Some(false),
        quiet_hours: None,
    };
    // Only push messages have topics, so none are due.
    preferences_update::change(&transaction, customer, None, &[update], now, now).await?;
    transaction.commit().await
}
