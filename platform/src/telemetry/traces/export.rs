//! Sends ended spans to the collector, in batches and in the background. While the collector is away, spans are dropped
//! and counted, and the log says so once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::config::{OtlpConfig, OtlpProtocol};
use super::queue::count_dropped;
use crate::config::ConnectionUrl;
use crate::supervisor::{Stage, Supervisor};

/// Spans sent at once.
const BATCH: usize = 512;
/// How long a span waits for others, so that a batch is worth a request.
const LINGER: Duration = Duration::from_millis(500);
/// How long the last spans may take when the process stops.
const FLUSH: Duration = Duration::from_secs(2);

/// Exports the spans of this process.
#[derive(Debug)]
pub struct TraceExport {
    queued: Mutex<mpsc::Receiver<SpanData>>,
    exporter: SpanExporter,
    timeout: Duration,
    /// Whether the last batch was not accepted.
    is_away: AtomicBool,
}

impl TraceExport {
    pub(super) fn new(
        config: &OtlpConfig,
        endpoint: &ConnectionUrl,
        resource: &Resource,
        queued: mpsc::Receiver<SpanData>,
    ) -> Result<Self, ExporterBuildError> {
        let mut exporter = match config.protocol {
            OtlpProtocol::Http => over_http(config, endpoint),
            OtlpProtocol::Grpc => over_grpc(config, endpoint),
        }?;
        exporter.set_resource(resource);
        Ok(Self {
            queued: Mutex::new(queued),
            exporter,
            timeout: config.timeout.get(),
            is_away: AtomicBool::new(false),
        })
    }

    /// Exports until the process stops, in a supervised task.
    pub fn start(self, supervisor: &Supervisor) {
        let export = Arc::new(self);
        supervisor.start(Stage::Support, "traces", move |stop| {
            let export = Arc::clone(&export);
            async move { export.run(&stop).await }
        });
    }

    async fn run(&self, stop: &CancellationToken) {
        let mut queued = self.queued.lock().await;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                received = queued.recv_many(&mut batch, BATCH) => if received == 0 { break },
            }
            collect(&mut queued, &mut batch, stop).await;
            let spans = std::mem::take(&mut batch);
            tokio::select! {
                () = self.send(spans) => {}
                // The collector may be hanging; the last spans are lost with it.
                () = flush_timeout(stop) => return,
            }
        }
        let flushed = async {
            while let Ok(span) = queued.try_recv() {
                batch.push(span);
                if batch.len() == BATCH {
                    self.send(std::mem::take(&mut batch)).await;
                }
            }
            if !batch.is_empty() {
                self.send(std::mem::take(&mut batch)).await;
            }
        };
        if tokio::time::timeout(FLUSH, flushed).await.is_err() {
            tracing::warn!("traces not flushed within {FLUSH:?}");
        }
    }

    /// Sends a batch once. Retrying would only fill the queue.
    async fn send(&self, spans: Vec<SpanData>) {
        let count = spans.len();
        let sent = tokio::time::timeout(self.timeout, self.exporter.export(spans)).await;
        let sent: OTelSdkResult = sent.unwrap_or(Err(OTelSdkError::Timeout(self.timeout)));
        match sent {
            Ok(()) => {
                metrics::counter!("vantage_traces_exported_total").increment(count as u64);
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("traces exported again");
                }
            }
            Err(error) => {
                count_dropped("export", count);
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "traces not exported, they are dropped");
                }
            }
        }
    }
}

/// Adds what ends shortly after.
async fn collect(
    queued: &mut mpsc::Receiver<SpanData>,
    batch: &mut Vec<SpanData>,
    stop: &CancellationToken,
) {
    let others = async {
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            if queued.recv_many(batch, room).await == 0 {
                return;
            }
        }
    };
    tokio::select! {
        () = others => {}
        () = tokio::time::sleep(LINGER) => {}
        () = stop.cancelled() => {}
    }
}

/// Returns some time after the process was told to stop.
async fn flush_timeout(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(FLUSH).await;
}

fn over_http(
    config: &OtlpConfig,
    endpoint: &ConnectionUrl,
) -> Result<SpanExporter, ExporterBuildError> {
    let mut url = endpoint.expose_url().clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["v1", "traces"]);
    }
    let headers: HashMap<String, String> = config
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
        .collect();
    SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url.as_str())
        .with_timeout(config.timeout.get())
        .with_headers(headers)
        .build()
}

fn over_grpc(
    config: &OtlpConfig,
    endpoint: &ConnectionUrl,
) -> Result<SpanExporter, ExporterBuildError> {
    let headers: HeaderMap = config
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            let mut value = HeaderValue::from_str(value.expose()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        })
        .collect();
    let builder = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint.expose())
        .with_timeout(config.timeout.get())
        .with_metadata(MetadataMap::from_headers(headers));
    match endpoint.scheme() {
        "https" => builder
            .with_tls_config(ClientTlsConfig::new().with_enabled_roots())
            .build(),
        _ => builder.build(),
    }
}
