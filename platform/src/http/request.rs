//! A request to a provider: plain values, sent as often as the policy allows.

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;
use url::form_urlencoded;

use crate::config::Secret;

/// The operation is a fixed name, shown in logs and metrics in place of the path.
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
    /// Whether 304 is an answer.
    pub(super) conditional: bool,
    /// Whether the trace continues at the other end.
    pub(super) propagates_trace: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Auth {
    Bearer(Secret),
    /// A key as the user name, without a password: used by EasyPost and Stripe.
    Basic(Secret),
}

#[derive(Clone)]
pub(super) struct Body {
    pub(super) content_type: &'static str,
    /// `None`: the value could not be serialized.
    pub(super) bytes: Option<Bytes>,
}

/// Hides the contents: bodies contain addresses and tokens.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.bytes.as_ref().map_or(0, Bytes::len);
        write!(f, "Body({}, {length} bytes)", self.content_type)
    }
}

impl Request {
    /// A read: idempotent, and never of unknown outcome. The path segments are encoded and appended to the base URL's
    /// path.
    pub fn get(operation: &'static str, path: &[&str]) -> Self {
        Self::new(operation, Method::GET, path)
    }

    /// Has an effect, so it is retried only when it certainly had none, unless [`Request::idempotent`].
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
            conditional: false,
            propagates_trace: false,
        }
    }

    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The value is treated as a secret, since headers carry keys.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }

    /// Asks for what has changed since the answer with this entity tag. An answer with the status 304 then says that
    /// nothing has.
    pub fn if_none_match(mut self, etag: &str) -> Self {
        self.conditional = true;
        self.header("if-none-match", etag)
    }

    pub fn bearer(mut self, token: &Secret) -> Self {
        self.auth = Some(Auth::Bearer(token.clone()));
        self
    }

    /// Basic authentication with a key as the user name and no password.
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

    /// A body that is written already.
    pub fn bytes(mut self, content_type: &'static str, bytes: Bytes) -> Self {
        self.body = Some(Body {
            content_type,
            bytes: Some(bytes),
        });
        self
    }

    /// The bytes to be sent, for signing.
    pub fn body(&self) -> &[u8] {
        let bytes = self.body.as_ref().and_then(|body| body.bytes.as_ref());
        bytes.map_or(&[], |bytes| bytes)
    }

    /// URL-encoded form fields.
    pub fn form<'a>(mut self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.body = Some(Body {
            content_type: "application/x-www-form-urlencoded",
            bytes: Some(form.finish().into()),
        });
        self
    }

    /// Marks a call as safe to repeat: the provider recognizes its idempotency key, or a repeat changes nothing more.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Also retries on this status, which the provider uses for "still busy with it".
    pub fn retry_on(mut self, status: u16) -> Self {
        self.retried.push(status);
        self
    }

    /// Sends the trace context, so that the trace continues at the other end. Only for our own processes: third parties
    /// would learn which of our requests belong together.
    pub fn propagate_trace(mut self) -> Self {
        self.propagates_trace = true;
        self
    }

    /// Whether the request may change something at the provider.
    pub(super) fn has_effect(&self) -> bool {
        !self.method.is_safe()
    }
}
