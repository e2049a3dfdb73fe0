//! A request to a provider: plain values, sent as often as the policy says.

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;
use url::form_urlencoded;

use crate::config::Secret;

/// What to ask. The operation is a fixed name, shown in logs and metrics in place of the path.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) operation: &'static str,
    pub(super) method: Method,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, Secret)>,
    pub(super) auth: Option<Auth>,
    pub(super) body: Option<Body>,
    pub(super) idempotent: bool,
    pub(super) retried: Vec<u16>,
}

#[derive(Clone, Debug)]
pub(super) enum Auth {
    Bearer(Secret),
    /// A key in the place of the user, without a password: what EasyPost and Stripe take.
    Basic(Secret),
}

#[derive(Clone)]
pub(super) struct Body {
    pub(super) content_type: &'static str,
    /// `None`: the value could not be written.
    pub(super) bytes: Option<Bytes>,
}

/// Bodies hold addresses and tokens.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.bytes.as_ref().map_or(0, Bytes::len);
        write!(f, "Body({}, {length} bytes)", self.content_type)
    }
}

impl Request {
    /// Reads: idempotent, and never of unknown outcome. The path is given by its segments, which are
    /// encoded, and continues the base URL's.
    pub fn get(operation: &'static str, path: &[&str]) -> Self {
        Self::new(operation, Method::GET, path)
    }

    /// Has an effect, so it is repeated only when it surely had none, unless [`Request::idempotent`].
    pub fn post(operation: &'static str, path: &[&str]) -> Self {
        Self::new(operation, Method::POST, path)
    }

    pub fn new(operation: &'static str, method: Method, path: &[&str]) -> Self {
        Self {
            operation,
            idempotent: method.is_safe(),
            method,
            path: path.iter().map(|segment| (*segment).to_owned()).collect(),
            query: Vec::new(),
            headers: Vec::new(),
            auth: None,
            body: None,
            retried: Vec::new(),
        }
    }

    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The value is treated as a secret, as keys in headers are.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }

    pub fn bearer(mut self, token: &Secret) -> Self {
        self.auth = Some(Auth::Bearer(token.clone()));
        self
    }

    /// Basic authentication with a key for the user and no password.
    pub fn key(mut self, key: &Secret) -> Self {
        self.auth = Some(Auth::Basic(key.clone()));
        self
    }

    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(Body {
            content_type: "application/json",
            bytes: serde_json::to_vec(body).ok().map(Bytes::from),
        });
        self
    }

    /// What is sent, for those who sign it.
    pub fn body(&self) -> &[u8] {
        let bytes = self.body.as_ref().and_then(|body| body.bytes.as_ref());
        bytes.map_or(&[], |bytes| bytes)
    }

    /// Fields as browsers' forms send them.
    pub fn form<'a>(mut self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.body = Some(Body {
            content_type: "application/x-www-form-urlencoded",
            bytes: Some(form.finish().into()),
        });
        self
    }

    /// Doing it twice is doing it once: the provider knows the call by its idempotency key, or it changes
    /// nothing that a repeat would change again.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Repeats on this status too, though it is a refusal: a provider's way to say "still busy with it".
    pub fn retry_on(mut self, status: u16) -> Self {
        self.retried.push(status);
        self
    }

    /// Whether the provider may change something.
    pub(super) fn has_effect(&self) -> bool {
        !self.method.is_safe()
    }
}
