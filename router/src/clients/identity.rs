//! Identifies a request's client, by the name it claims and the credentials it has.

use std::sync::Arc;

use axum::http::HeaderMap;
use platform::caller::Caller;

use super::config::ClientMode;
use super::hash::Sha256Hash;
use super::key::KEY_HEADER;
use super::registry::{Clients, RegisteredClient};
use crate::error::ErrorCode;

/// A request's client. The default is an unregistered one.
#[derive(Clone, Debug, Default)]
pub struct ClientIdentity {
    /// `None`: not registered.
    pub client: Option<Arc<RegisteredClient>>,
    /// Authenticated by a key or token, rather than merely naming itself.
    pub is_authenticated: bool,
}

/// A request's client credentials, apart from its token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) name: Option<String>,
    /// The client of a request that is no other registered client's.
    default: Option<String>,
    key: Key,
}

/// Only the key's hash: it is kept as long as the connection.
#[derive(Clone, Copy, Debug, Default)]
enum Key {
    #[default]
    None,
    One(Sha256Hash),
    Several,
}

/// Why a request cannot be attributed to the client it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("the key in X-API-Key is unknown")]
    UnknownKey,
    #[error("X-API-Key contains several keys")]
    SeveralKeys,
    #[error("the key in X-API-Key and the token belong to different clients")]
    Different,
    #[error("this origin may not call as the client `{0}`")]
    Page(String),
    #[error(
        "the client `{0}` must authenticate: send its key in X-API-Key, or a token issued to it"
    )]
    Unproved(String),
}

impl Credentials {
    pub(crate) fn new(name: Option<String>, headers: &HeaderMap) -> Self {
        let mut keys = headers.get_all(KEY_HEADER).iter();
        let key = match (keys.next(), keys.next()) {
            (None, _) => Key::None,
            (Some(key), None) => Key::One(Sha256Hash::of(key.as_bytes())),
            (Some(_), Some(_)) => Key::Several,
        };
        Self {
            name,
            default: None,
            key,
        }
    }

    /// The same, as this client's if they are no other registered client's.
    pub(crate) fn or_client(mut self, name: &str) -> Self {
        self.default = Some(name.to_owned());
        self
    }

    /// Replaces the credentials of a WebSocket, whose first message may carry others than its upgrade.
    pub(crate) fn replace(&mut self, name: Option<String>, key: Option<&str>) {
        if name.is_some() {
            self.name = name;
        }
        if let Some(key) = key {
            self.key = Key::One(Sha256Hash::of(key.as_bytes()));
        }
    }
}

impl Clients {
    /// The client for these credentials and the token of `caller`. If no clients are registered, nobody has to
    /// authenticate.
    ///
    /// # Errors
    /// An unknown key, or a name that requires authentication without any.
    pub(crate) fn identify(
        &self,
        credentials: &Credentials,
        caller: &Caller,
    ) -> Result<ClientIdentity, IdentityError> {
        if self.is_empty() {
            return Ok(ClientIdentity::default());
        }
        let by_key = match credentials.key {
            Key::None => None,
            Key::One(key) => Some(self.by_key(&key).ok_or(IdentityError::UnknownKey)?),
            Key::Several => return Err(IdentityError::SeveralKeys),
        };
        let token_client = caller.client.as_deref();
        let by_token = token_client.and_then(|client| self.by_token(client));
        let proved = match (by_key, by_token) {
            (Some(one), Some(other)) if !Arc::ptr_eq(one, other) => {
                return Err(IdentityError::Different);
            }
            (one, other) => one.or(other),
        };
        let known = |name: &Option<String>| name.as_deref().and_then(|name| self.by_name(name));
        let otherwise = || known(&credentials.default).filter(|_| proved.is_none());
        let named = known(&credentials.name).or_else(otherwise);
        if let Some(named) = named
            && named.mode == ClientMode::Require
            && proved.is_none_or(|proved| !Arc::ptr_eq(proved, named))
        {
            return Err(IdentityError::Unproved(named.name.clone()));
        }
        Ok(ClientIdentity {
            client: proved.or(named).cloned(),
            is_authenticated: proved.is_some(),
        })
    }
}

impl IdentityError {
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Page(_) => ErrorCode::Forbidden,
            Self::UnknownKey | Self::SeveralKeys | Self::Different | Self::Unproved(_) => {
                ErrorCode::Unauthenticated
            }
        }
    }
}

impl ClientIdentity {
    pub(crate) fn mode(&self) -> ClientMode {
        self.client
            .as_ref()
            .map_or_else(ClientMode::default, |client| client.mode)
    }

    /// Whether it is authenticated and has its own rate limit.
    pub(crate) fn has_rate(&self) -> bool {
        let client = self.client.as_ref().filter(|_| self.is_authenticated);
        client.is_some_and(|client| client.rate.is_some())
    }

    /// Whether it may use introspection; `None`: the router's default.
    pub(crate) fn introspection(&self) -> Option<bool> {
        let allowed = self.client.as_ref()?.introspection?;
        (self.is_authenticated || !allowed).then_some(allowed)
    }

    /// Restricts the caller's scopes to the client's. A key without a token gives an anonymous caller with the client's
    /// scopes.
    pub(crate) fn restrict(&self, caller: &Caller) -> Caller {
        let mut caller = caller.clone();
        let Some(client) = &self.client else {
            return caller;
        };
        if self.is_authenticated {
            caller.client = Some(client.name.clone());
        }
        match &client.scopes {
            Some(scopes) if caller.is_authenticated() => {
                caller.scopes.retain(|scope| scopes.contains(scope));
            }
            Some(scopes) if self.is_authenticated => caller.scopes = scopes.clone(),
            _ => {}
        }
        caller
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::http::HeaderValue;

    use super::*;
    use crate::clients::ClientsFiles;

    fn clients() -> Clients {
        let key = Sha256Hash::of(b"acme's key");
        let text = format!(
            "clients:
              - {{ name: acme, mode: require, keys: [{{ id: k1, sha256: {key} }}], token_clients: [acme-app], scopes: [orders:read], introspection: true }}
              - {{ name: web, scopes: [orders:read], introspection: true }}
              - {{ name: app, token_clients: [app], introspection: false }}"
        );
        Clients::load(&ClientsFiles::of(Path::new("clients.yaml"), text)).expect("clients")
    }

    fn identify(
        name: &str,
        key: &'static str,
        caller: &Caller,
    ) -> Result<ClientIdentity, IdentityError> {
        let mut headers = HeaderMap::new();
        if !key.is_empty() {
            headers.insert(KEY_HEADER, HeaderValue::from_static(key));
        }
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        clients().identify(&Credentials::new(name, &headers), caller)
    }

    fn caller(client: &str, scopes: &[&str]) -> Caller {
        Caller {
            client: Some(client.to_owned()).filter(|client| !client.is_empty()),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            ..Caller::customer("usr_1")
        }
    }

    #[test]
    fn a_client_is_known_by_its_key_its_token_or_its_name() {
        let check = |name: &str, key: &'static str, token: &str, expected: (Option<&str>, bool)| {
            let identity = identify(name, key, &caller(token, &[])).expect("identified");
            let client = identity.client.as_ref().map(|client| client.name.as_str());
            let found = (client, identity.is_authenticated);
            assert_eq!(found, expected, "{name} {key} {token}");
        };
        check("", "", "", (None, false));
        check("nobody", "", "other", (None, false));
        check("web", "", "", (Some("web"), false));
        check("", "acme's key", "", (Some("acme"), true));
        check("", "", "acme-app", (Some("acme"), true));
        check("acme", "acme's key", "", (Some("acme"), true));
        check("acme", "acme's key", "acme-app", (Some("acme"), true));
        check("acme", "acme's key", "other", (Some("acme"), true));
        // Credentials override the claimed name.
        check("web", "acme's key", "", (Some("acme"), true));
        check("web", "", "app", (Some("app"), true));
    }

    #[test]
    fn a_name_that_needs_proof_and_a_key_that_is_none_are_refused() {
        let check = |name: &str, key: &'static str, token: &str, expected: IdentityError| {
            let refused = identify(name, key, &caller(token, &[])).expect_err("refused");
            assert_eq!(refused, expected, "{name} {key} {token}");
        };
        let unproved = IdentityError::Unproved("acme".to_owned());
        check("acme", "", "", unproved.clone());
        check("acme", "", "app", unproved);
        check("", "another key", "", IdentityError::UnknownKey);
        check("web", "another key", "", IdentityError::UnknownKey);
        check("", "acme's key", "app", IdentityError::Different);
        let mut headers = HeaderMap::new();
        for key in ["acme's key", "acme's key"] {
            headers.append(KEY_HEADER, HeaderValue::from_static(key));
        }
        let several = Credentials::new(None, &headers);
        let refused = clients().identify(&several, &Caller::default());
        assert_eq!(refused.expect_err("refused"), IdentityError::SeveralKeys);
    }

    #[test]
    fn a_request_of_no_client_is_the_defaults() {
        let check = |default: &str, name: &str, key: &'static str, token: &str, expected: &str| {
            let mut headers = HeaderMap::new();
            if !key.is_empty() {
                headers.insert(KEY_HEADER, HeaderValue::from_static(key));
            }
            let name = (!name.is_empty()).then(|| name.to_owned());
            let credentials = Credentials::new(name, &headers).or_client(default);
            let identity = clients().identify(&credentials, &caller(token, &[]));
            let found = identity.map(|identity| identity.client.map(|client| client.name.clone()));
            match found {
                Ok(client) => assert_eq!(client.unwrap_or_default(), expected),
                Err(error) => assert!(error.to_string().contains(expected), "{error}"),
            }
        };
        check("web", "", "", "", "web");
        check("web", "", "", "unknown", "web");
        check("web", "nobody", "", "", "web");
        check("web", "", "acme's key", "", "acme");
        check("web", "", "", "app", "app");
        check("web", "app", "", "", "app");
        check("acme", "", "acme's key", "", "acme");
        check("acme", "", "", "app", "app");
        check("acme", "", "", "", "must authenticate");
        check("nobody", "", "", "", "");
    }

    #[test]
    fn without_a_file_keys_and_names_mean_nothing() {
        let credentials = Credentials {
            name: Some("acme".to_owned()),
            default: None,
            key: Key::One(Sha256Hash::of(b"a key for somebody else")),
        };
        let identity = Clients::default().identify(&credentials, &Caller::default());
        assert!(identity.expect("anybody").client.is_none());
    }

    #[test]
    fn a_client_bounds_its_callers_scopes_and_has_them_by_its_key_alone() {
        let check = |name: &str, key: &'static str, caller: &Caller, scopes: &[&str]| {
            let identity = identify(name, key, caller).expect("identified");
            let restricted = identity.restrict(caller);
            let found: Vec<_> = restricted.scopes.iter().map(String::as_str).collect();
            assert_eq!(found, scopes, "{name} {key}");
            assert_eq!(restricted.subject, caller.subject);
        };
        let user = caller("", &["orders:read", "orders:write"]);
        let nobody = Caller::default();
        check("", "", &user, &["orders:read", "orders:write"]);
        check("web", "", &user, &["orders:read"]);
        check("", "acme's key", &user, &["orders:read"]);
        check("", "acme's key", &nobody, &["orders:read"]);
        // A name alone proves nothing.
        check("web", "", &nobody, &[]);
    }

    #[test]
    fn what_loosens_a_rule_has_to_be_proved() {
        let check = |name: &str, key: &'static str, token: &str, expected: Option<bool>| {
            let identity = identify(name, key, &caller(token, &[])).expect("identified");
            assert_eq!(identity.introspection(), expected, "{name} {key} {token}");
        };
        check("", "acme's key", "", Some(true));
        check("web", "", "", None);
        check("app", "", "", Some(false));
        check("", "", "", None);
    }
}
