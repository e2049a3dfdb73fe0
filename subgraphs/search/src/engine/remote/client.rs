//! Sends requests to a cluster through its official client.

use std::time::{Duration, Instant};

use bytes::Bytes;
use platform::clock::Clock;
use platform::http::{CircuitBreaker, Policy};
use platform::telemetry::traces;
use serde_json::Value;
use tracing::Instrument;

use super::transport::Transport;
use super::{Dialect, RemoteConfig};
use crate::engine::EngineError;

/// How long a request that neither searches nor writes may take: a start waits for some.
const LONGEST_LOOK_UP: Duration = Duration::from_secs(10);
/// Longest part of a cluster's message in logs, in characters.
const MESSAGE: usize = 300;

/// The client of one cluster. Searches stop for a moment when it does not answer; writes have retries of their own.
pub(super) struct Client {
    transport: Transport,
    dialect: Dialect,
    timeout: Duration,
    write_timeout: Duration,
    breaker: CircuitBreaker,
    clock: Clock,
}

impl std::fmt::Debug for Client {
    /// Without the address, which is known, and the credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the address cannot take a path: write it like https://host:9200")]
    Url,
    #[error("the certificate is not valid: {0}")]
    Certificate(String),
    #[error("the client could not be built: {0}")]
    Build(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Put,
    Post,
    Delete,
}

/// One request.
#[derive(Debug)]
pub(super) struct Call {
    /// A fixed name for metrics and logs.
    pub operation: &'static str,
    pub method: Method,
    pub path: String,
    pub body: Option<Bytes>,
    /// Whether a customer waits.
    interactive: bool,
}

/// An answer of any status.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Call {
    fn new(operation: &'static str, method: Method, path: String, body: Option<Bytes>) -> Self {
        Self {
            operation,
            method,
            path,
            body,
            interactive: false,
        }
    }

    /// A customer waits for it.
    pub(super) fn interactive(self) -> Self {
        Self {
            interactive: true,
            ..self
        }
    }

    /// A search that a customer waits for.
    pub(super) fn search(operation: &'static str, path: String, body: Value) -> Self {
        Self::post(operation, path, body).interactive()
    }

    /// Without a body, which some requests do not take.
    pub(super) fn command(operation: &'static str, path: String) -> Self {
        Self::new(operation, Method::Post, path, None)
    }

    pub(super) fn get(operation: &'static str, path: String) -> Self {
        Self::new(operation, Method::Get, path, None)
    }

    pub(super) fn post(operation: &'static str, path: String, body: Value) -> Self {
        Self::new(operation, Method::Post, path, Some(json(&body)))
    }

    pub(super) fn put(operation: &'static str, path: String, body: Value) -> Self {
        Self::new(operation, Method::Put, path, Some(json(&body)))
    }

    pub(super) fn delete(operation: &'static str, path: String) -> Self {
        Self::new(operation, Method::Delete, path, None)
    }

    /// Lines of JSON.
    pub(super) fn lines(operation: &'static str, path: String, lines: Bytes) -> Self {
        Self::new(operation, Method::Post, path, Some(lines))
    }
}

fn json(body: &Value) -> Bytes {
    Bytes::from(body.to_string())
}

impl Client {
    pub(super) fn new(config: &RemoteConfig, clock: Clock) -> Result<Self, ClientError> {
        Ok(Self {
            transport: Transport::new(config)?,
            dialect: config.dialect,
            timeout: config.timeout,
            write_timeout: config.write_timeout,
            breaker: CircuitBreaker::new(Policy::default().breaker),
            clock,
        })
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The answer's body, if the cluster did what was asked.
    pub(super) async fn answer(&self, call: Call) -> Result<Value, EngineError> {
        self.send(call).await?.into_body()
    }

    /// The answer, whatever its status.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, EngineError> {
        let started = Instant::now();
        let operation = call.operation;
        let provider = self.dialect.name();
        // Paths have ids, and bodies what customers search for.
        let span = tracing::info_span!(
            target: traces::TARGET,
            "call",
            otel.kind = "client",
            otel.name = operation,
            db.system.name = provider,
            db.operation.name = operation,
        );
        let result = self.guarded(call).instrument(span.clone()).await;
        let outcome = match &result {
            Ok(answer) if answer.status < 400 => "ok",
            Ok(_) => "refused",
            Err(EngineError::TimedOut) => "timeout",
            Err(_) => "unavailable",
        };
        if result.is_err() {
            traces::fail(&span, outcome);
        }
        metrics::counter!("vantage_external_calls_total", "provider" => provider, "operation" => operation, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("vantage_external_call_duration_seconds", "provider" => provider, "operation" => operation)
            .record(started.elapsed().as_secs_f64());
        result
    }

    /// Customers do not wait for a cluster that has just not answered others.
    async fn guarded(&self, call: Call) -> Result<Answer, EngineError> {
        if !call.interactive {
            let timeout = match call.method {
                Method::Get => self.write_timeout.min(LONGEST_LOOK_UP),
                _ => self.write_timeout,
            };
            return self.attempt(call, timeout).await;
        }
        let Ok(admission) = self.breaker.admit(self.clock.now()) else {
            return Err(EngineError::Unreachable(
                "it did not answer before".to_owned(),
            ));
        };
        let result = self.attempt(call, self.timeout).await;
        let opened = match &result {
            Err(EngineError::TimedOut) => admission.hung(self.clock.now()),
            Err(_) => admission.failed(self.clock.now()),
            Ok(answer) if matches!(answer.status, 502..=504) => admission.failed(self.clock.now()),
            Ok(_) => {
                admission.answered();
                false
            }
        };
        if opened {
            let engine = self.dialect.name();
            tracing::warn!(
                engine,
                "the search engine does not answer, searches fail until it does"
            );
        }
        result
    }

    async fn attempt(&self, call: Call, timeout: Duration) -> Result<Answer, EngineError> {
        let (status, body) = self.transport.send(call, timeout).await?;
        let body = match serde_json::from_slice(&body) {
            Ok(body) => body,
            // A load balancer's page, for example.
            Err(_) if status >= 400 => Value::Null,
            Err(error) => return Err(EngineError::Unreadable(error.to_string())),
        };
        Ok(Answer { status, body })
    }
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.status < 400
    }

    /// The body, or what the cluster said against it.
    pub(super) fn into_body(self) -> Result<Value, EngineError> {
        if self.is_ok() {
            return Ok(self.body);
        }
        Err(self.error())
    }

    pub(super) fn error(&self) -> EngineError {
        let error = &self.body["error"];
        let cause = match error["root_cause"].get(0) {
            Some(cause) => cause,
            None => error,
        };
        let kind = cause["type"].as_str().unwrap_or("unknown");
        if self.status == 404 && kind == "index_not_found_exception" {
            return EngineError::NoIndex;
        }
        let reason = cause["reason"].as_str().or_else(|| error.as_str());
        EngineError::Refused {
            status: self.status,
            kind: kind.to_owned(),
            reason: shortened(reason.unwrap_or_default()),
        }
    }
}

/// The beginning of a message.
pub(super) fn shortened(message: &str) -> String {
    message.chars().take(MESSAGE).collect()
}

impl EngineError {
    /// Whether the cluster may not remember the state of the index that was asked for. Clusters have a dozen names for that,
    /// and a request that is wrong for another reason fails without the state, too.
    pub(super) fn is_lost_snapshot(&self) -> bool {
        matches!(
            self,
            Self::NoIndex
                | Self::Refused {
                    status: 400 | 404 | 500,
                    ..
                }
        )
    }
}
