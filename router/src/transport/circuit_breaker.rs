//! A subgraph over HTTP that does not answer is left alone: its fetches fail at once, while a request in the background
//! finds out when it answers again. No client waits to see.

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

/// What is asked of a subgraph to see whether it answers. A refusal is an answer, too.
const PROBE: &str = r#"{"query":"{ __typename }"}"#;
/// The shortest wait between two looks at a circuit that is open.
const LOOK: Duration = Duration::from_millis(10);

/// Whether a subgraph may be called.
#[derive(Debug)]
pub(super) struct Circuit {
    subgraph: String,
    url: Url,
    breaker: CircuitBreaker,
    /// Who gives up sooner than this says nothing about the subgraph.
    patience: Duration,
    /// Whether somebody finds out when it answers again.
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

    /// The right to call the subgraph, unless it has not answered lately.
    pub(super) fn admit<'a>(
        self: &'a Arc<Self>,
        client: &'a reqwest::Client,
    ) -> Result<Call<'a>, TransportError> {
        let Some(admission) = self.breaker.admit_if_closed() else {
            self.probe(client);
            return Err(TransportError::Unavailable {
                subgraph: self.subgraph.clone(),
                reason: "it has not answered lately, and is left alone for a moment".to_owned(),
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
            "the subgraph does not answer: it is left alone until it does"
        );
        self.probe(client);
    }

    /// Finds out in the background when the subgraph answers again, unless somebody does already.
    fn probe(self: &Arc<Self>, client: &reqwest::Client) {
        let Ok(runtime) = Handle::try_current() else {
            // The next call that is refused begins it.
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

/// Somebody who probes. Whatever ends it, the next one may begin.
struct Probing(Weak<Circuit>);

impl Probing {
    /// Sends a probe if it is time, and says in how long to look again; nothing when there is no need.
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

/// A call under way.
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
    /// The request's deadline cuts a call off by dropping it.
    fn drop(&mut self) {
        if self.started.elapsed() >= self.circuit.patience
            && let Some(admission) = self.admission.take()
            && admission.hung(Utc::now())
        {
            self.circuit.opened(self.client);
        }
    }
}

/// Whether a proxy, or the subgraph itself, says that it is not there for now.
pub(super) fn is_unavailable(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}
