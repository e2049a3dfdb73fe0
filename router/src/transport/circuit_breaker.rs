//! Circuit breaker for HTTP subgraphs: while a subgraph does not answer, its fetches fail at once and a background
//! probe finds out when it recovers, so no client waits for that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use chrono::Utc;
use platform::http::{Admission, CircuitBreaker};
use tokio::runtime::Handle;
use url::Url;

use super::TransportError;
use super::http::HttpTransportOptions;

/// The probe's query. Any answer counts, even a refusal.
const PROBE: &str = r#"{"query":"{ __typename }"}"#;
/// Shortest interval between two checks of an open circuit.
const LOOK: Duration = Duration::from_millis(10);

/// Whether a subgraph may be called.
#[derive(Debug)]
pub(super) struct Circuit {
    subgraph: String,
    url: Url,
    breaker: CircuitBreaker,
    /// A timeout shorter than this says nothing about the subgraph.
    patience: Duration,
    /// Whether a background probe is running.
    is_probed: AtomicBool,
}

impl Circuit {
    pub(super) fn new(subgraph: &str, url: Url, options: &HttpTransportOptions) -> Self {
        Self {
            subgraph: subgraph.to_owned(),
            url,
            breaker: CircuitBreaker::new(options.breaker),
            patience: options.deadline / 2,
            is_probed: AtomicBool::new(false),
        }
    }

    /// Whether calls fail at once.
    pub(super) fn is_open(&self) -> bool {
        !self.breaker.is_closed()
    }

    /// Permission to call the subgraph, unless the circuit is open.
    pub(super) fn admit<'a>(
        self: &'a Arc<Self>,
        client: &'a reqwest::Client,
    ) -> Result<Call<'a>, TransportError> {
        let Some(admission) = self.breaker.admit_if_closed() else {
            self.probe(client);
            return Err(TransportError::Unavailable {
                subgraph: self.subgraph.clone(),
                reason: "circuit breaker open, it has not answered recently".to_owned(),
            });
        };
        Ok(Call {
            circuit: self,
            client,
            admission: Some(admission),
            started: Instant::now(),
        })
    }

    fn opened(self: &Arc<Self>, client: &reqwest::Client) {
        metrics::counter!("router_circuit_opened_total", "subgraph" => self.subgraph.clone())
            .increment(1);
        tracing::warn!(
            subgraph = self.subgraph,
            "circuit breaker opened, the subgraph does not answer"
        );
        self.probe(client);
    }

    /// Starts a background probe, unless one is running.
    fn probe(self: &Arc<Self>, client: &reqwest::Client) {
        let Ok(runtime) = Handle::try_current() else {
            // The next rejected call starts it.
            return;
        };
        if self.is_probed.swap(true, Ordering::AcqRel) {
            return;
        }
        let (probing, client) = (Probing(Arc::downgrade(self)), client.clone());
        runtime.spawn(async move {
            while let Some(wait) = probing.look(&client).await {
                tokio::time::sleep(wait.max(LOOK)).await;
            }
        });
    }

    async fn is_answering(&self, client: &reqwest::Client) -> bool {
        let response = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .timeout(self.patience)
            .body(PROBE)
            .send()
            .await;
        response.is_ok_and(|response| !is_unavailable(response.status()))
    }
}

/// A running probe. However it ends, the next one may start.
struct Probing(Weak<Circuit>);

impl Probing {
    /// Sends a probe if due, and returns when to check again; `None` when no probing is needed.
    async fn look(&self, client: &reqwest::Client) -> Option<Duration> {
        let circuit = self.0.upgrade()?;
        if circuit.breaker.is_closed() {
            return None;
        }
        match circuit.breaker.admit(Utc::now()) {
            Err(rest) => Some(rest),
            Ok(admission) if circuit.is_answering(client).await => {
                admission.answered();
                tracing::info!(subgraph = circuit.subgraph, "the subgraph answers again");
                None
            }
            Ok(admission) => {
                admission.failed(Utc::now());
                Some(LOOK)
            }
        }
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        if let Some(circuit) = self.0.upgrade() {
            circuit.is_probed.store(false, Ordering::Release);
        }
    }
}

/// A call in progress.
pub(super) struct Call<'a> {
    circuit: &'a Arc<Circuit>,
    client: &'a reqwest::Client,
    admission: Option<Admission<'a>>,
    started: Instant,
}

impl Call<'_> {
    pub(super) fn answered(mut self) {
        if let Some(admission) = self.admission.take() {
            admission.answered();
        }
    }

    pub(super) fn failed(mut self) {
        if let Some(admission) = self.admission.take()
            && admission.failed(Utc::now())
        {
            self.circuit.opened(self.client);
        }
    }
}

impl Drop for Call<'_> {
    /// A request's deadline cancels a call by dropping it.
    fn drop(&mut self) {
        if self.started.elapsed() >= self.circuit.patience
            && let Some(admission) = self.admission.take()
            && admission.hung(Utc::now())
        {
            self.circuit.opened(self.client);
        }
    }
}

/// Whether a proxy, or the subgraph itself, reports that it is temporarily unavailable.
pub(super) fn is_unavailable(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}
