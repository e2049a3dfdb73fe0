//! Which web pages may call: one rule for CORS and for WebSocket upgrades, which CORS does not cover.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use indexmap::IndexSet;
use platform::telemetry::request_id::REQUEST_ID;
use tower_http::cors::{AllowOrigin, CorsLayer};
use url::{Host, Url};

use super::Allowed;
use super::config::cors::CorsConfig;
use super::config::error::ServerConfigError;
use crate::clients::{Clients, RegisteredClient};
use crate::origin::{canonical, is_same_site, parse};
use crate::server::http::respond::{RATE_LIMIT, RATE_REMAINING, RATE_RESET};

/// The allowed origins.
#[derive(Debug)]
pub(super) struct Origins {
    any: bool,
    listed: HashSet<String>,
    localhost: bool,
    /// Clients may have their own allowed pages.
    clients: Arc<ArcSwap<Clients>>,
}

/// The foreign page that a request comes from.
#[derive(Clone, Debug)]
pub(super) struct ForeignPage {
    /// Its canonical origin.
    origin: String,
    is_localhost: bool,
}

impl ForeignPage {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let origin = headers.get(header::ORIGIN)?;
        if is_same_site(origin, headers) {
            return None;
        }
        let url = origin.to_str().ok().and_then(parse);
        Some(Self {
            is_localhost: url.as_ref().is_some_and(is_localhost),
            origin: url.map_or_else(|| "null".to_owned(), |url| canonical(&url)),
        })
    }
}

impl Origins {
    pub(super) fn new(
        config: &CorsConfig,
        development: bool,
        clients: Arc<ArcSwap<Clients>>,
    ) -> Result<Self, ServerConfigError> {
        let any = config.origins.iter().any(|origin| origin == "*");
        if any && config.allow_credentials {
            return Err(ServerConfigError::AnyOriginWithCredentials);
        }
        let listed = config
            .origins
            .iter()
            .filter(|origin| *origin != "*")
            .map(|origin| {
                parse(origin)
                    .map(|url| canonical(&url))
                    .ok_or_else(|| ServerConfigError::Origin(origin.clone()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            any,
            listed,
            localhost: development,
            clients,
        })
    }

    /// Whether a page of this origin may call.
    pub(super) fn allow(&self, origin: &HeaderValue) -> bool {
        if self.any {
            return true;
        }
        let Some(url) = origin.to_str().ok().and_then(parse) else {
            return false;
        };
        let origin = canonical(&url);
        self.listed.contains(&origin)
            || self.clients.load().allow_origin(&origin)
            || (self.localhost && is_localhost(&url))
    }

    /// Whether this page may call as a client: it must be listed by the client, if that lists any.
    pub(super) fn allow_client(&self, client: &RegisteredClient, page: &ForeignPage) -> bool {
        client.origins.is_empty()
            || client.origins.contains(&page.origin)
            || (self.localhost && page.is_localhost)
    }

    /// Whether a WebSocket may be opened: not from a browser, from the same site, or from an allowed page.
    pub(super) fn allow_upgrade(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::ORIGIN)
            .is_none_or(|origin| self.allow(origin) || is_same_site(origin, headers))
    }

    /// Whether a page may open an event stream by a plain GET, which browsers allow every page to send: it must be an
    /// allowed page or the same site, according to the browser's own headers.
    pub(super) fn allow_event_source(&self, headers: &HeaderMap) -> bool {
        let same_site = headers
            .get("sec-fetch-site")
            .is_none_or(|site| site == "same-origin" || site == "none");
        match headers.get(header::ORIGIN) {
            Some(_) => self.allow_upgrade(headers),
            None => same_site,
        }
    }
}

/// The configured CORS layer. `headers` are additional request headers.
pub(super) fn cors_layer(
    origins: Arc<Origins>,
    config: &CorsConfig,
    headers: impl IntoIterator<Item = HeaderName>,
    allowed: &Allowed<'_>,
) -> CorsLayer {
    let always: [HeaderName; 5] = [
        header::CONTENT_TYPE,
        header::AUTHORIZATION,
        header::ACCEPT,
        HeaderName::from_static("last-event-id"),
        REQUEST_ID,
    ];
    // Deduplicated: the configuration may repeat headers that are always allowed.
    let headers: IndexSet<HeaderName> = always.into_iter().chain(headers).collect();
    let headers: Vec<HeaderName> = headers.into_iter().collect();
    let exposed = [
        REQUEST_ID,
        RATE_LIMIT,
        RATE_REMAINING,
        RATE_RESET,
        header::RETRY_AFTER,
        header::ETAG,
    ];
    let exposed = exposed.into_iter().chain(allowed.exposed.iter().cloned());
    let exposed: Vec<HeaderName> = exposed.collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            origins.allow(origin)
        }))
        .allow_methods(allowed.methods.to_vec())
        .allow_headers(headers)
        .allow_credentials(config.allow_credentials)
        .expose_headers(exposed)
        .max_age(config.max_age.get())
}

/// Whether this is the URL's origin.
pub(super) fn is_of(origin: &HeaderValue, url: &Url) -> bool {
    let origin = origin.to_str().ok().and_then(parse);
    origin.is_some_and(|origin| canonical(&origin) == canonical(url))
}

fn is_localhost(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(listed: &[&str], development: bool) -> Origins {
        let config = CorsConfig {
            origins: listed.iter().map(|&origin| origin.to_owned()).collect(),
            ..CorsConfig::default()
        };
        Origins::new(&config, development, Arc::default()).expect("origins")
    }

    #[test]
    fn only_listed_origins_may_call() {
        let shop = origins(&["https://shop.example.com"], false);
        let check = |origin: &'static str, allowed: bool| {
            assert_eq!(
                shop.allow(&HeaderValue::from_static(origin)),
                allowed,
                "{origin}"
            );
        };
        check("https://shop.example.com", true);
        check("https://SHOP.example.com:443", true);
        check("http://shop.example.com", false);
        check("https://shop.example.com.evil.test", false);
        check("https://evil.test", false);
        check("http://localhost:3000", false);
        check("null", false);
    }

    #[test]
    fn development_allows_every_local_port() {
        let local = origins(&[], true);
        let check = |origin: &'static str, allowed: bool| {
            assert_eq!(
                local.allow(&HeaderValue::from_static(origin)),
                allowed,
                "{origin}"
            );
        };
        check("http://localhost:3000", true);
        check("http://127.0.0.1:5173", true);
        check("http://[::1]:80", true);
        check("http://localhost.evil.test", false);
        check("https://evil.test", false);
    }

    #[test]
    fn a_foreign_page_opens_no_event_stream() {
        let none = origins(&[], false);
        let check = |sent: &[(&'static str, &'static str)], allowed: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("api.example.com"));
            for (name, value) in sent {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(none.allow_event_source(&headers), allowed, "{sent:?}");
        };
        check(&[], true);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("origin", "https://evil.test")], false);
        check(&[("origin", "https://api.example.com")], true);
    }

    #[test]
    fn an_upgrade_needs_an_allowed_page_or_none_at_all() {
        let none = origins(&[], false);
        let check = |origin: Option<&'static str>, allowed: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::HOST,
                HeaderValue::from_static("api.example.com:4000"),
            );
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(none.allow_upgrade(&headers), allowed, "{origin:?}");
        };
        check(None, true);
        check(Some("http://api.example.com:4000"), true);
        check(Some("http://api.example.com"), false);
        check(Some("https://evil.test"), false);
    }
}
