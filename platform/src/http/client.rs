//! The client of one provider, which sends requests under its policy.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{StatusCode, redirect};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, Span};
use url::Url;

use super::breaker::CircuitBreaker;
use super::error::{Call, HttpError, Rejection, UnavailableReason};
use super::policy::Policy;
use super::rate::Bucket;
use super::request::{Auth, Request};
use super::response::Response;
use super::retry::{Failure, Retry, retry_after};
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::telemetry::traces;

/// Calls one provider. Cheap to clone; clones share connections, rate limit and circuit breaker.
#[derive(Clone, Debug)]
pub struct HttpClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    provider: &'static str,
    base: Url,
    http: reqwest::Client,
    policy: Policy,
    bucket: Option<Bucket>,
    breaker: CircuitBreaker,
    clock: Clock,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the address of {0} cannot take a path: write it like https://host/path")]
    Base(&'static str),
    #[error("the HTTP client could not be built")]
    Build(#[source] reqwest::Error),
}

impl HttpClient {
    /// A client for `provider`, a fixed name used in logs and metrics. Request paths are appended to the base URL's
    /// path.
    pub fn new(
        provider: &'static str,
        base: Url,
        policy: Policy,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("vantage/", env!("CARGO_PKG_VERSION")))
            // Shorter than the attempt, so that an unreachable host is known not to have received the request.
            .connect_timeout(policy.attempt_timeout / 2)
            // A redirect could leak a key, and this client decides about retries.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(ClientError::Build)?;
        Self::with_client(http, provider, base, policy, clock)
    }

    /// A client for another host with its own policy. It shares this client's connection pool and connect timeout.
    pub fn for_host(
        &self,
        provider: &'static str,
        base: Url,
        policy: Policy,
    ) -> Result<Self, ClientError> {
        let Inner { http, clock, .. } = &*self.0;
        Self::with_client(http.clone(), provider, base, policy, clock.clone())
    }

    fn with_client(
        http: reqwest::Client,
        provider: &'static str,
        base: Url,
        policy: Policy,
        clock: Clock,
    ) -> Result<Self, ClientError> {
        if base.cannot_be_a_base() || !matches!(base.scheme(), "http" | "https") {
            return Err(ClientError::Base(provider));
        }
        Ok(Self(Arc::new(Inner {
            provider,
            base,
            http,
            bucket: policy.rate.map(Bucket::new),
            breaker: CircuitBreaker::new(policy.breaker),
            policy,
            clock,
        })))
    }

    /// Sends a request until it is answered or refused, or the policy gives up.
    pub async fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let started = Instant::now();
        let call = self.0.call(request);
        let result = self.0.send(request, started).await;
        let outcome = result.as_ref().map_or_else(HttpError::name, |_| "ok");
        metrics::counter!("vantage_external_calls_total", "provider" => call.provider, "operation" => call.operation, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("vantage_external_call_duration_seconds", "provider" => call.provider, "operation" => call.operation)
            .record(started.elapsed().as_secs_f64());
        if let Err(error) = &result {
            call.log(error);
        }
        result
    }
}

impl Inner {
    fn call(&self, request: &Request) -> Call {
        Call {
            provider: self.provider,
            operation: request.operation,
        }
    }

    async fn send(&self, request: &Request, started: Instant) -> Result<Response, HttpError> {
        let deadline = started + self.policy.deadline;
        let mut backoff = Backoff::new(self.policy.first_wait, self.policy.deadline);
        let mut in_doubt = false;
        let mut attempt = 1;
        let mut before: Option<HttpError> = None;
        loop {
            let failure = match self.attempt(request, deadline, attempt).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            if let Some(error) = before.take_if(|_| failure.error.is_circuit_open()) {
                // The error that opened the circuit says more than the open circuit.
                return Err(error.after_doubt(in_doubt));
            }
            in_doubt |= failure.error.outcome_unknown();
            let wait = backoff
                .next_wait()
                .max(failure.retry_after.unwrap_or_default());
            let gives_up = attempt >= self.policy.attempts
                || !failure.allows(request.idempotent)
                || Instant::now() + wait >= deadline;
            if gives_up {
                return Err(failure.error.after_doubt(in_doubt));
            }
            metrics::counter!("vantage_external_retries_total", "provider" => self.provider)
                .increment(1);
            tracing::info!(
                provider = self.provider,
                operation = request.operation,
                attempt,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                error = %failure.error,
                "retrying a provider call"
            );
            sleep(wait).await;
            before = Some(failure.error);
            attempt += 1;
        }
    }

    /// One attempt, subject to the rate limit and the circuit breaker.
    async fn attempt(
        &self,
        request: &Request,
        deadline: Instant,
        number: u32,
    ) -> Result<Response, Failure> {
        let mut built = self.build(request)?;
        self.reserve_call(request, deadline).await?;
        let admission = self.breaker.admit(self.clock.now()).map_err(|rest| {
            let error =
                self.unavailable(request, UnavailableReason::CircuitOpen, Some(rest), false);
            Failure::new(error, Retry::Never, false)
        })?;
        let until = deadline.min(Instant::now() + self.policy.attempt_timeout);
        let span = self.span(request, number);
        if request.propagates_trace {
            traces::inject(&span, built.headers_mut());
        }
        let exchange = self.exchange(request, built).instrument(span.clone());
        let result = timeout_at(until, exchange)
            .await
            .unwrap_or_else(|_| Err(self.timed_out(request)));
        trace_result(&span, &result);
        match &result {
            Err(failure) if failure.outage => {
                let now = self.clock.now();
                let opened = match failure.error {
                    HttpError::TimedOut { .. } => admission.hung(now),
                    _ => admission.failed(now),
                };
                if opened {
                    metrics::counter!("vantage_external_circuit_opened_total", "provider" => self.provider)
                        .increment(1);
                    tracing::error!(
                        provider = self.provider,
                        "circuit breaker opened, the provider keeps failing"
                    );
                }
            }
            _ => admission.answered(),
        }
        result
    }

    /// An attempt's span for traces. Paths and queries may have personal data; the operation's name says enough.
    fn span(&self, request: &Request, number: u32) -> Span {
        tracing::info_span!(
            target: traces::TARGET,
            "call",
            otel.kind = "client",
            otel.name = %format_args!("{} {}", request.method, request.operation),
            http.request.method = request.method.as_str(),
            http.request.resend_count = (number > 1).then(|| i64::from(number - 1)),
            server.address = self.base.host_str(),
            server.port = self.base.port_or_known_default().map(i64::from),
            peer.service = self.provider,
            vantage.operation = request.operation,
        )
    }

    /// Waits for the rate limit.
    async fn reserve_call(&self, request: &Request, deadline: Instant) -> Result<(), Failure> {
        let Some(bucket) = &self.bucket else {
            return Ok(());
        };
        let now = Instant::now();
        let patience = deadline.saturating_duration_since(now);
        let wait = match &self.policy.rate_shared_in {
            None => bucket.reserve(now, patience),
            Some(database) => {
                let time = self.clock.now();
                let shared = bucket.reserve_shared(database, self.provider, time, patience);
                shared.await.unwrap_or_else(|error| {
                    // Exceeding the rate a little is better than not calling at all.
                    tracing::warn!(provider = self.provider, %error, "shared call rate not read");
                    bucket.reserve(now, patience)
                })
            }
        };
        let Some(wait) = wait else {
            let error = self.unavailable(request, UnavailableReason::Queue, None, false);
            return Err(Failure::new(error, Retry::Never, false));
        };
        metrics::histogram!("vantage_external_queue_seconds", "provider" => self.provider)
            .record(wait.as_secs_f64());
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(())
    }

    /// Sends one request and reads the whole response.
    async fn exchange(
        &self,
        request: &Request,
        built: reqwest::Request,
    ) -> Result<Response, Failure> {
        let mut response = self.http.execute(built).await.map_err(|error| {
            let error = error.without_url();
            if error.is_connect() {
                let error =
                    self.unavailable(request, UnavailableReason::Unreachable(error), None, false);
                return Failure::new(error, Retry::Always, true);
            }
            let error = self.unavailable(
                request,
                UnavailableReason::Broken(error),
                None,
                request.has_effect(),
            );
            Failure::new(error, Retry::IfIdempotent, true)
        })?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let retry_after = retry_after(&headers, self.clock.now());
        if let Some(failure) = self.retryable_status(request, status, retry_after) {
            return Err(failure);
        }
        let body = self.read(request, response).await?;
        let call = self.call(request);
        let is_unchanged = request.conditional && status == StatusCode::NOT_MODIFIED;
        if status.is_success() || is_unchanged {
            return Ok(Response {
                call,
                status: status.as_u16(),
                headers,
                body,
                had_effect: request.has_effect(),
            });
        }
        let rejection = Rejection::new(call, status.as_u16(), body);
        let repeat = if request.retried.contains(&status.as_u16()) {
            Retry::IfIdempotent
        } else {
            Retry::Never
        };
        let error = HttpError::Rejected(Box::new(rejection));
        Err(Failure {
            retry_after,
            ..Failure::new(error, repeat, false)
        })
    }

    /// Statuses that mean "not now" for any request.
    fn retryable_status(
        &self,
        request: &Request,
        status: StatusCode,
        retry_in: Option<Duration>,
    ) -> Option<Failure> {
        let limited = status == StatusCode::TOO_MANY_REQUESTS;
        // What a server does not implement, it refuses for good.
        let failed = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        if !limited && !failed && status != StatusCode::REQUEST_TIMEOUT {
            return None;
        }
        // A rate limit refuses before doing anything; other errors may come after the effect.
        let in_doubt = !limited && request.has_effect();
        let error = self.unavailable(
            request,
            UnavailableReason::Status(status.as_u16()),
            retry_in,
            in_doubt,
        );
        let repeat = if limited {
            Retry::Always
        } else {
            Retry::IfIdempotent
        };
        Some(Failure {
            retry_after: retry_in,
            ..Failure::new(error, repeat, !limited)
        })
    }

    fn build(&self, request: &Request) -> Result<reqwest::Request, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let mut builder = self.http.request(request.method.clone(), url);
        builder = match &request.auth {
            Some(Auth::Bearer(token)) => builder.bearer_auth(token.expose()),
            Some(Auth::Basic(key)) => builder.basic_auth(key.expose(), Some("")),
            None => builder,
        };
        for (name, value) in &request.headers {
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| self.unsendable(request, "a header value is not valid"))?;
            value.set_sensitive(true);
            builder = builder.header(*name, value);
        }
        if let Some(body) = &request.body {
            let bytes = body
                .bytes
                .clone()
                .ok_or_else(|| self.unsendable(request, "the body cannot be written as JSON"))?;
            builder = builder.header(CONTENT_TYPE, body.content_type).body(bytes);
        }
        builder
            .build()
            .map_err(|_| self.unsendable(request, "the request is not valid"))
    }

    async fn read(
        &self,
        request: &Request,
        mut response: reqwest::Response,
    ) -> Result<Bytes, Failure> {
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if body.len() + chunk.len() > self.policy.max_response_bytes {
                        let what = format!("over {} bytes", self.policy.max_response_bytes);
                        return Err(self.malformed(request, what, Retry::Never, false));
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => return Ok(body.freeze()),
                Err(_) => {
                    let what = format!("truncated after {} bytes", body.len());
                    return Err(self.malformed(request, what, Retry::IfIdempotent, true));
                }
            }
        }
    }

    fn unavailable(
        &self,
        request: &Request,
        why: UnavailableReason,
        retry_in: Option<Duration>,
        in_doubt: bool,
    ) -> HttpError {
        HttpError::Unavailable {
            call: self.call(request),
            why,
            retry_in,
            in_doubt,
        }
    }

    fn timed_out(&self, request: &Request) -> Failure {
        let error = HttpError::TimedOut {
            call: self.call(request),
            in_doubt: request.has_effect(),
        };
        Failure::new(error, Retry::IfIdempotent, true)
    }

    fn malformed(&self, request: &Request, what: String, repeat: Retry, outage: bool) -> Failure {
        let error = HttpError::Malformed {
            call: self.call(request),
            what,
            in_doubt: request.has_effect(),
        };
        Failure::new(error, repeat, outage)
    }

    fn unsendable(&self, request: &Request, what: &str) -> Failure {
        let error = HttpError::Unsendable {
            call: self.call(request),
            what: what.to_owned(),
        };
        Failure::new(error, Retry::Never, false)
    }
}

/// Completes an attempt's span. A refusal, such as a declined card, is no failure.
fn trace_result(span: &Span, result: &Result<Response, Failure>) {
    match result {
        Ok(response) => {
            traces::set_status(span, response.status);
        }
        Err(failure) => match &failure.error {
            HttpError::Rejected(rejection) => {
                traces::set_status(span, rejection.status);
            }
            error => traces::fail(span, error.name()),
        },
    }
}
