//! Authenticates callers of a subgraph process: its router, which signs the caller; and, if configured, end users with
//! their own tokens, visitors, and tools that fetch the schema.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_graphql::Request;
use async_graphql::parser::types::{OperationType, Selection};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use platform::caller::{CALLER_HEADER, Caller, CallerError, CallerKey, Locale, SignedCaller};
use platform::clock::Clock;
use platform::supervisor::Supervisor;
use platform::telemetry::request_id::request_id;
use resolvers::error::ErrorCode;
use router::auth::{AuthError, JwtVerifier};
use router::server::client_ip;
use sha2::{Digest, Sha256};

use crate::config::Configuration;
use crate::keys;

/// The accepted credentials.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    subgraph: &'static str,
    key: CallerKey,
    clock: Clock,
    /// Verifies end users' tokens; without it they are rejected.
    verifier: Option<Arc<JwtVerifier>>,
    serve_anonymous: bool,
    /// The hash of the tools' token. Comparing hashes reveals nothing about a wrong token.
    schema_token: Option<[u8; 32]>,
    trusted_proxies: usize,
}

/// Who a request comes from, according to its headers.
#[derive(Debug)]
pub(super) enum Credential {
    /// A caller signed by the router, for one body.
    Signed(Box<SignedCaller>),
    /// An end user until their token expires, or a visitor.
    Verified(Box<Caller>, Option<SystemTime>),
    /// A tool, which may only fetch the schema.
    Tool,
}

/// Why a request is rejected.
#[derive(Debug)]
pub(super) enum Refused {
    /// No valid credential.
    Stranger,
    /// An end user's token was rejected.
    Token(AuthError),
    /// A tool's token, used for something other than the schema.
    NotTheSchema,
}

impl Refused {
    /// The message for the client.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Stranger => {
                "This subgraph accepts requests from its router only: the signed caller is missing or not valid"
                    .to_owned()
            }
            Self::Token(error) => format!("The token was rejected: {error}"),
            Self::NotTheSchema => "This token is for `_service { sdl }` only".to_owned(),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Stranger => StatusCode::UNAUTHORIZED,
            Self::Token(AuthError::KeysUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::NotTheSchema => StatusCode::FORBIDDEN,
        }
    }

    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Stranger => ErrorCode::Unauthenticated,
            Self::Token(AuthError::KeysUnavailable) => ErrorCode::Internal,
            Self::Token(_) => ErrorCode::Unauthenticated,
            Self::NotTheSchema => ErrorCode::Forbidden,
        }
    }
}

impl From<CallerError> for Refused {
    fn from(error: CallerError) -> Self {
        tracing::debug!(%error, "signed caller refused");
        Self::Stranger
    }
}

impl Credentials {
    /// # Errors
    /// Verification keys that cannot be read.
    pub(super) fn new(
        subgraph: &'static str,
        key: CallerKey,
        configuration: &Configuration,
        clock: Clock,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Self> {
        let accepted = &configuration.subgraph;
        let verifier = if accepted.verify_tokens {
            let auth = keys::auth(configuration)?;
            let is_development = configuration.server.development;
            Some(Arc::new(JwtVerifier::new(
                &auth,
                is_development,
                supervisor,
            )?))
        } else {
            None
        };
        Ok(Self {
            subgraph,
            key,
            clock,
            verifier,
            serve_anonymous: accepted.serve_anonymous,
            schema_token: accepted
                .schema_token
                .as_ref()
                .map(|token| digest(token.expose())),
            trusted_proxies: configuration.server.trusted_proxies,
        })
    }

    /// Evaluates the headers. An invalid credential is rejected even beside a valid one.
    pub(super) async fn check(&self, headers: &HeaderMap) -> Result<Credential, Refused> {
        let signed_header = HeaderName::from_static(CALLER_HEADER);
        if headers.contains_key(&signed_header) {
            let signed = single(headers, &signed_header).ok_or(Refused::Stranger)?;
            let signed = self.signed(signed)?;
            return Ok(Credential::Signed(Box::new(signed)));
        }
        if !headers.contains_key(header::AUTHORIZATION) {
            return if self.serve_anonymous {
                Ok(self.verified(Caller::default(), None, headers))
            } else {
                Err(Refused::Stranger)
            };
        }
        let authorization = single(headers, &header::AUTHORIZATION);
        let token = authorization.and_then(|value| value.split_once(' '));
        if let (Some(expected), Some((scheme, token))) = (&self.schema_token, token)
            && scheme.eq_ignore_ascii_case("bearer")
            && digest(token.trim()) == *expected
        {
            return Ok(Credential::Tool);
        }
        let verifier = self.verifier.as_ref().ok_or(Refused::Stranger)?;
        let authorization = authorization.ok_or(Refused::Token(AuthError::Scheme))?;
        let identity = verifier.identify(Some(authorization)).await;
        let identity = identity.map_err(Refused::Token)?;
        Ok(self.verified(identity.caller, identity.expires_at, headers))
    }

    /// The caller in a signature that came without a header.
    pub(super) fn signed(&self, signed: &str) -> Result<SignedCaller, Refused> {
        Ok(self.key.verify(signed, self.subgraph, self.clock.now())?)
    }

    /// Derives what the router would have known about the request.
    fn verified(
        &self,
        caller: Caller,
        expires_at: Option<SystemTime>,
        headers: &HeaderMap,
    ) -> Credential {
        let caller = Caller {
            // The peer is a router, not the user.
            ip: client_ip(None, headers, self.trusted_proxies),
            locale: Locale::of_headers(headers),
            request_id: request_id(headers),
            ..caller
        };
        Credential::Verified(Box::new(caller), expires_at)
    }
}

impl Credential {
    /// The caller of a request with this body. Tools may only fetch the schema.
    pub(super) fn caller(self, body: &[u8], request: &mut Request) -> Result<Caller, Refused> {
        match self {
            Self::Signed(signed) => Ok(signed.with_body(body)?),
            Self::Verified(caller, _) => Ok(*caller),
            Self::Tool if requests_schema(request) => Ok(Caller::default()),
            Self::Tool => Err(Refused::NotTheSchema),
        }
    }

    /// The caller of a connection, and its remaining lifetime.
    pub(super) fn connection(self) -> Result<(Caller, Option<Duration>), Refused> {
        match self {
            // An upgrade has no body.
            Self::Signed(signed) => Ok((signed.with_body(b"")?, None)),
            Self::Verified(caller, expires_at) => {
                let left =
                    expires_at.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
                Ok((*caller, left))
            }
            Self::Tool => Err(Refused::NotTheSchema),
        }
    }
}

/// The value of a header that occurs exactly once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// Whether the request selects only `_service`.
fn requests_schema(request: &mut Request) -> bool {
    let Ok(document) = request.parsed_query() else {
        return false;
    };
    let is_schema = |selection: &Selection| match selection {
        Selection::Field(field) => {
            matches!(field.node.name.node.as_str(), "_service" | "__typename")
        }
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => false,
    };
    document.operations.iter().all(|(_, operation)| {
        let mut selections = operation.node.selection_set.node.items.iter();
        operation.node.ty == OperationType::Query
            && selections.all(|selection| is_schema(&selection.node))
    })
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_service_is_the_schema() {
        for (document, expect) in [
            ("{ _service { sdl } }", true),
            ("query Sdl { __typename _service { sdl } }", true),
            ("{ a: _service { sdl } }", true),
            ("{ _service { sdl } me { id } }", false),
            ("{ me: _service { sdl } _service: me { id } }", false),
            ("{ ... { me { id } } }", false),
            ("{ ...F } fragment F on Query { me { id } }", false),
            ("query A { _service { sdl } } query B { me { id } }", false),
            ("mutation { _service { sdl } }", false),
            ("{ _entities(representations: []) { __typename } }", false),
            ("{ __schema { types { name } } }", false),
            ("{", false),
        ] {
            let mut request = Request::new(document);
            assert_eq!(requests_schema(&mut request), expect, "{document}");
        }
    }
}
