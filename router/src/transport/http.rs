//! A subgraph over HTTP: one POST per fetch; subscriptions are in `subscription/`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use platform::backoff::Backoff;
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use platform::http::Breaker;
use platform::telemetry::request_id::REQUEST_ID;
use platform::telemetry::traces;
use thread_local::ThreadLocal;
use tokio::runtime::{Handle, RuntimeFlavor};
use tracing::Instrument;
use url::Url;

use super::answer::{self, Answer};
use super::circuit_breaker::{Circuit, is_unavailable};
use super::subscription::{Credentials, Signer, SubscriptionOptions, Subscriptions};
use super::{EventStream, Numbers, SubgraphRequest, SubgraphResponse, Transport, TransportError};
use crate::cache_control::{CachePolicy, stale_while_revalidate};
use crate::in_flight::InFlight;
use crate::prepare::OperationKind;
use crate::request::TRACING;

/// Wait before the first retry; doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(25);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How a subgraph is called.
#[derive(Clone, Debug)]
pub struct HttpTransportOptions {
    /// Time limit for a single call, within the request's deadline.
    pub deadline: Duration,
    /// How often a query is retried if no connection could be made, it was closed before a response began, or a proxy
    /// answers 502, 503 or 504. Mutations are never retried.
    pub retries: u32,
    /// Signs the caller into a header. `None` for foreign subgraphs, which get no caller.
    pub caller_key: Option<CallerKey>,
    /// Forwards the client's `authorization` header, for subgraphs that check it themselves.
    pub forward_authorization: bool,
    pub max_response_bytes: usize,
    /// Speaks HTTP/2 without negotiation to `http:` URLs.
    pub http2_prior_knowledge: bool,
    /// When to stop calling a subgraph that does not answer.
    pub breaker: Breaker,
    /// Sends identical concurrent queries once, across requests; each caller's queries stay separate. No response is
    /// older than the request that gets it.
    pub share_in_flight: bool,
    pub subscriptions: SubscriptionOptions,
}

impl Default for HttpTransportOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            retries: 1,
            caller_key: None,
            forward_authorization: false,
            max_response_bytes: 16 * 1024 * 1024,
            http2_prior_knowledge: false,
            breaker: Breaker {
                failures: 10,
                hangs: 2,
                open_for: Duration::from_secs(1),
                longest: Duration::from_secs(1),
            },
            share_in_flight: true,
            subscriptions: SubscriptionOptions::default(),
        }
    }
}

/// The transport to a subgraph at a URL.
#[derive(Debug)]
pub struct HttpTransport {
    name: String,
    url: Url,
    subscriptions: Subscriptions,
    client: reqwest::Client,
    /// The clients of event loops, whose connections are served by the thread that uses them.
    own_clients: ThreadLocal<reqwest::Client>,
    circuit: Arc<Circuit>,
    in_flight: InFlight<Box<[u8]>, Result<Answer, TransportError>>,
    options: HttpTransportOptions,
}

/// Why a subgraph's URL is invalid.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEndpoint {
    #[error("not a URL: {0}")]
    Url(#[from] url::ParseError),
    #[error("its scheme is `{0}`, not http or https")]
    Scheme(String),
    #[error("the HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
}

impl HttpTransport {
    pub fn new(
        name: impl Into<String>,
        url: &str,
        options: HttpTransportOptions,
    ) -> Result<Self, InvalidEndpoint> {
        let url = Url::parse(url)?;
        let subscription_url = match &options.subscriptions.url {
            Some(url) => Url::parse(url)?,
            None => url.clone(),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidEndpoint::Scheme(url.scheme().to_owned()));
        }
        if !matches!(subscription_url.scheme(), "http" | "https" | "ws" | "wss") {
            let scheme = subscription_url.scheme().to_owned();
            return Err(InvalidEndpoint::Scheme(scheme));
        }
        let (name, client) = (name.into(), client(&options)?);
        let subscriptions = Subscriptions::new(&name, subscription_url, client.clone(), &options);
        Ok(Self {
            circuit: Arc::new(Circuit::new(&name, url.clone(), &options)),
            name,
            url,
            subscriptions,
            client,
            own_clients: ThreadLocal::new(),
            in_flight: InFlight::immediate(),
            options,
        })
    }

    /// A client whose connections are served on this thread, so that responses do not wake another one.
    fn client(&self) -> &reqwest::Client {
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => self.own_clients.get_or(|| {
                // The same options could be built before.
                client(&self.options).unwrap_or_else(|_| self.client.clone())
            }),
            _ => &self.client,
        }
    }

    /// All headers but the signed caller.
    fn headers(&self, request: &SubgraphRequest) -> HeaderMap {
        let context = &*request.context;
        let mut headers = self.forwarded(&context.headers);
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        headers
    }

    /// The client's headers that this subgraph may see.
    fn forwarded(&self, sent: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(sent.len() + 4);
        for (name, value) in sent {
            let private = name == CALLER_HEADER || name == AUTHORIZATION;
            if !private || (name == AUTHORIZATION && self.options.forward_authorization) {
                headers.append(name, value.clone());
            }
        }
        headers
    }

    /// The headers of a request with this body; our own subgraphs get a signed caller.
    fn signed(
        &self,
        headers: &HeaderMap,
        caller: &Caller,
        body: &[u8],
    ) -> Result<HeaderMap, TransportError> {
        let mut headers = headers.clone();
        if let Some(key) = &self.options.caller_key {
            let signed = key.sign(caller, &self.name, body, Utc::now());
            let signed = signed.map_err(|error| self.unavailable(&error))?;
            let value = HeaderValue::from_str(&signed).map_err(|error| self.unavailable(&error))?;
            headers.insert(HeaderName::from_static(CALLER_HEADER), value);
        }
        Ok(headers)
    }

    fn unavailable(&self, error: &dyn std::error::Error) -> TransportError {
        // For the log, where the underlying causes matter.
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            reason.push_str(": ");
            reason.push_str(&error.to_string());
            source = error.source();
        }
        TransportError::Unavailable {
            subgraph: self.name.clone(),
            reason,
        }
    }

    fn failed(&self, error: reqwest::Error) -> TransportError {
        if error.is_timeout() {
            TransportError::Deadline {
                subgraph: self.name.clone(),
            }
        } else {
            // Names the subgraph only; its URL may contain credentials.
            self.unavailable(&error.without_url())
        }
    }

    /// Sends a request. The subgraph continues the trace from this attempt.
    async fn post(
        &self,
        mut headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        attempt: u32,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let span = tracing::info_span!(
            target: traces::TARGET,
            "call",
            otel.kind = "client",
            otel.name = "POST",
            http.request.method = "POST",
            http.request.resend_count = (attempt > 0).then_some(i64::from(attempt)),
            server.address = self.url.host_str(),
            server.port = self.url.port_or_known_default().map(i64::from),
            url.path = self.url.path(),
            peer.service = self.name,
        );
        traces::inject(&span, &mut headers);
        let sent = self
            .client()
            .post(self.url.clone())
            .headers(headers)
            .header(CONTENT_TYPE, "application/json")
            .header(
                ACCEPT,
                "application/graphql-response+json, application/json",
            )
            .timeout(timeout)
            .body(body)
            .send()
            .instrument(span.clone())
            .await;
        match &sent {
            Ok(response) => {
                let status = response.status();
                traces::set_status(&span, status.as_u16());
                if status.is_client_error() || status.is_server_error() {
                    traces::fail(&span, status.as_str().to_owned());
                }
            }
            Err(error) if error.is_timeout() => traces::fail(&span, "timeout"),
            Err(_) => traces::fail(&span, "connection"),
        }
        sent
    }

    async fn body(
        &self,
        mut response: reqwest::Response,
        request: &SubgraphRequest,
    ) -> Result<Bytes, TransportError> {
        let limit = self.options.max_response_bytes;
        let too_large = || TransportError::TooLarge {
            subgraph: self.name.clone(),
            limit,
        };
        if response
            .content_length()
            .is_some_and(|length| length > limit as u64)
        {
            return Err(too_large());
        }
        let first = response.chunk().await.map_err(|error| self.failed(error))?;
        let first = first.unwrap_or_default();
        request.budget.receive(first.len())?;
        let mut whole = BytesMut::new();
        let mut length = first.len();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            length += chunk.len();
            request.budget.receive(chunk.len())?;
            if length > limit {
                return Err(too_large());
            }
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&chunk);
        }
        if length > limit {
            return Err(too_large());
        }
        request.budget.decoded(length);
        // Most responses arrive in one piece and need no copy.
        Ok(if whole.is_empty() {
            first
        } else {
            whole.freeze()
        })
    }

    /// Sends a request, retrying where that may help, and reads the whole response.
    async fn call(
        &self,
        request: &SubgraphRequest,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Answer, TransportError> {
        let headers = self.signed(headers, &request.context.caller, body)?;
        let call = self.circuit.admit(self.client())?;
        let retries = match request.kind() {
            OperationKind::Query => self.options.retries,
            OperationKind::Mutation | OperationKind::Subscription => 0,
        };
        let mut attempt = 0;
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let response = loop {
            let timeout = request.remaining().min(self.options.deadline);
            let sent = self.post(headers.clone(), body.clone(), timeout, attempt);
            let answer = sent.await;
            let retry = match &answer {
                Ok(response) => is_unavailable(response.status()),
                // A kept-alive connection may be closed by the other end just as it is used.
                Err(error) => (error.is_connect() || error.is_request()) && !error.is_timeout(),
            };
            let wait = backoff.next_wait();
            if retry && attempt < retries && wait < request.remaining() {
                attempt += 1;
                tokio::time::sleep(wait).await;
                continue;
            }
            break match answer {
                Ok(response) => response,
                Err(error) if error.is_timeout() => return Err(self.failed(error)),
                Err(error) => {
                    call.failed();
                    return Err(self.failed(error));
                }
            };
        };
        let status = response.status();
        if is_unavailable(status) {
            call.failed();
        } else {
            call.answered();
        }
        let cache = CachePolicy::of(response.headers());
        let stale_for = stale_while_revalidate(response.headers());
        let body = self.body(response, request).await?;
        Ok(Answer {
            status,
            cache,
            stale_for,
            body,
        })
    }
}

fn client(options: &HttpTransportOptions) -> Result<reqwest::Client, reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.deadline)
        // An event stream may be idle for long; keepalive detects a dead peer.
        .tcp_keepalive(options.subscriptions.ping)
        .tcp_nodelay(true);
    if options.http2_prior_knowledge {
        client.http2_prior_knowledge().build()
    } else {
        client.build()
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn fetch(&self, request: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        let headers = self.headers(&request);
        let is_signed = self.options.caller_key.is_some();
        let numbers = Numbers::of(is_signed);
        let body = Bytes::from(request.to_json_for(numbers));
        let call = || self.call(&request, &headers, &body);
        let answer = if self.options.share_in_flight && request.kind() == OperationKind::Query {
            let key = answer::key(&request, is_signed, &headers, &body);
            let shareable = || async {
                match call().await {
                    // That request's own deadline or limit was exceeded; others may have more left.
                    Err(
                        own @ (TransportError::Deadline { .. } | TransportError::OverLimit { .. }),
                    ) => Err(own),
                    outcome => Ok(outcome),
                }
            };
            let shared = self
                .in_flight
                .share(key, request.started, shareable)
                .await?;
            shared.outcome
        } else {
            call().await
        }?;
        let decoded = request.decode(&answer.body).map(|mut response| {
            response.cache = answer.cache;
            response.stale_for = answer.stale_for;
            response
        });
        decoded.map_err(|malformed| {
            if answer.status.is_success() {
                malformed
            } else {
                TransportError::Unavailable {
                    subgraph: self.name.clone(),
                    reason: format!("it answered with status {}", answer.status),
                }
            }
        })
    }

    async fn subscribe(&self, request: SubgraphRequest) -> Result<EventStream, TransportError> {
        let context = &*request.context;
        let mut headers = self.forwarded(&context.headers);
        // They would give every subscription its own connection.
        for name in TRACING {
            headers.remove(name);
        }
        let credentials = Credentials {
            headers,
            signer: self.options.caller_key.clone().map(|key| Signer {
                key,
                subgraph: self.name.clone(),
                caller: context.caller.clone(),
            }),
        };
        let wait = request.remaining().min(self.options.deadline);
        self.subscriptions.open(credentials, request, wait).await
    }

    fn url(&self) -> Option<&str> {
        Some(self.url.as_str())
    }

    fn sees_caller(&self) -> bool {
        self.options.caller_key.is_some()
    }

    fn is_unavailable(&self) -> bool {
        self.circuit.is_open()
    }
}
