//! A client before its credentials are verified.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header, request};
use platform::caller::{COUNTRY_HEADER, CURRENCY_HEADER, Caller, Locale};
use platform::telemetry::request_id::request_id;
use serde_json::{Map, Value};

use super::operation_log::{NAME_HEADERS, OperationLog, VERSION_HEADERS};
use super::origin::ForeignPage;
use super::state::ServerState;
use crate::auth::AuthError;
use crate::clients::{ClientIdentity, Credentials, IdentityError, KEY_HEADER};
use crate::request::RequestContext;

/// The client of an HTTP request or a WebSocket.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) request_id: String,
    pub(super) ip: Option<IpAddr>,
    /// Only headers that may be forwarded.
    pub(super) headers: HeaderMap,
    /// Its claimed name and key; the token is separate.
    credentials: Credentials,
    page: Option<ForeignPage>,
    /// The log record of its request.
    pub(super) log: OperationLog,
}

impl Client {
    /// `forwarded` are the headers that subgraphs may see.
    pub(super) fn new(
        parts: &request::Parts,
        trusted_proxies: usize,
        forwarded: &[HeaderName],
    ) -> Self {
        let log = OperationLog::new(&parts.headers);
        Self {
            request_id: request_id(&parts.headers),
            ip: request_ip(parts, trusted_proxies),
            headers: select(&parts.headers, forwarded),
            credentials: Credentials::new(log.client(), &parts.headers),
            page: ForeignPage::of(&parts.headers),
            log,
        }
    }

    /// Belongs to this registered client unless it shows that it is another.
    pub(super) fn or_client(mut self, name: &str) -> Self {
        self.credentials = self.credentials.or_client(name);
        self
    }

    /// Replaces the `Authorization` header by a token that arrived another way, if subgraphs may see that header.
    pub(super) fn authorize(&mut self, mut token: HeaderValue, forwarded: &[HeaderName]) {
        if forwarded.contains(&header::AUTHORIZATION) {
            token.set_sensitive(true);
            self.headers.insert(header::AUTHORIZATION, token);
        }
    }

    /// Takes over the parts of `connection_init`'s payload that a browser cannot send as WebSocket headers.
    pub(super) fn initialise(&mut self, payload: &Map<String, Value>, forwarded: &[HeaderName]) {
        let text = |names: &[&str]| {
            names.iter().find_map(|name| {
                let mut members = payload.iter();
                let (_, value) = members.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                value.as_str()
            })
        };
        for name in [COUNTRY_HEADER, CURRENCY_HEADER].map(HeaderName::from_static) {
            let value = text(&[name.as_str()]).filter(|_| forwarded.contains(&name));
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                self.headers.insert(name, value);
            }
        }
        self.log.rename(text(&NAME_HEADERS), text(&VERSION_HEADERS));
        self.credentials
            .replace(self.log.client(), text(&[KEY_HEADER]));
    }

    /// Identifies the registered client for an operation of `caller`. Connections repeat this for each operation, since
    /// keys may be revoked.
    pub(super) fn identify(
        &self,
        state: &ServerState,
        caller: &Caller,
    ) -> Result<ClientIdentity, IdentityError> {
        let clients = state.clients.load();
        let identity = clients.identify(&self.credentials, caller)?;
        if let (Some(client), Some(page)) = (&identity.client, &self.page)
            && !state.origins.allow_client(client, page)
        {
            return Err(IdentityError::Page(client.name.clone()));
        }
        Ok(identity)
    }

    /// The context of an operation that this client runs as `caller`.
    pub(super) fn context(
        &self,
        state: &ServerState,
        caller: &Caller,
        client: ClientIdentity,
    ) -> RequestContext {
        let caller = Caller {
            ip: self.ip,
            locale: Locale::of_headers(&self.headers),
            request_id: self.request_id.clone(),
            ..client.restrict(caller)
        };
        RequestContext {
            charge: state.rates.charge(&caller, &client),
            shows_cost: client.has_rate() || state.config.rates.show_cost,
            caller,
            request_id: self.request_id.clone(),
            headers: self.headers.clone(),
            introspection: client.introspection(),
            client,
            ..RequestContext::default()
        }
    }
}

/// The value of the `Authorization` header. Several values, or a non-text one, are rejected.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| AuthError::Scheme),
        (Some(_), Some(_)) => Err(AuthError::Scheme),
    }
}

/// Where a request comes from.
pub(super) fn request_ip(parts: &request::Parts, trusted_proxies: usize) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|info| info.0.ip());
    client_ip(peer, &parts.headers, trusted_proxies)
}

/// The last address that a trusted proxy has seen: an entry further left may be invented.
pub fn client_ip(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted_proxies: usize,
) -> Option<IpAddr> {
    if trusted_proxies == 0 {
        return peer;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    forwarded
        .iter()
        .rev()
        .nth(trusted_proxies - 1)
        .and_then(|entry| forwarded_address(entry))
        .or(peer)
}

/// Some proxies add the port, which takes an IPv6 address into brackets, or quote both.
fn forwarded_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim().trim_matches('"');
    let with_port = || Some(entry.parse::<SocketAddr>().ok()?.ip());
    let in_brackets = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    entry.parse().ok().or_else(with_port).or_else(in_brackets)
}

fn select(headers: &HeaderMap, allowed: &[HeaderName]) -> HeaderMap {
    let mut selected = HeaderMap::new();
    for name in allowed {
        for value in headers.get_all(name) {
            selected.append(name, value.clone());
        }
    }
    selected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_have_seen_is_believed() {
        let peer: IpAddr = [10, 0, 0, 1].into();
        let check = |forwarded: Option<&'static str>, proxies: usize, expect: &str| {
            let mut headers = HeaderMap::new();
            if let Some(forwarded) = forwarded {
                headers.insert("x-forwarded-for", HeaderValue::from_static(forwarded));
            }
            let ip = client_ip(Some(peer), &headers, proxies).expect("an address");
            assert_eq!(ip.to_string(), expect);
        };
        check(Some("203.0.113.7"), 0, "10.0.0.1");
        check(Some("203.0.113.7"), 1, "203.0.113.7");
        check(Some("6.6.6.6, 203.0.113.7"), 1, "203.0.113.7");
        check(Some("6.6.6.6, 203.0.113.7, 10.0.0.2"), 2, "203.0.113.7");
        check(Some("6.6.6.6, 203.0.113.7:8080"), 1, "203.0.113.7");
        check(Some("[2001:db8::1]:443"), 1, "2001:db8::1");
        check(Some("\"[2001:db8::1]\""), 1, "2001:db8::1");
        check(Some("nonsense"), 1, "10.0.0.1");
        check(None, 1, "10.0.0.1");
    }
}
