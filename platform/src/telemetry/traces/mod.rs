//! Distributed traces by OpenTelemetry: which spans there are is decided where the work is done, what becomes of them
//! here. Off by default; then a span costs one load of an atomic.
//!
//! Spans of the target [`TARGET`] are for traces and do not appear in the log; all others are for the log. A trace
//! begins with a request, an event or a task: statements and calls outside of these are not traced.

mod config;
mod context;
mod export;
pub(crate) mod messages;
mod queue;
mod sampler;
mod tail;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::future::Future;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

pub use config::{OtlpConfig, OtlpProtocol, TracesConfig};
pub use context::{continue_from, inject, link, parent_trace_id, trace_id, traceparent};
pub use export::TraceExport;
use queue::span_queue;
use sampler::Sampler;
use tail::TailProcessor;

/// The target of spans for traces.
pub const TARGET: &str = "otel";

/// What a process says of itself in its traces.
#[derive(Clone, Debug)]
pub struct Service {
    /// Unless the configuration gives another one.
    pub name: String,
    pub version: &'static str,
    /// Where it runs.
    pub region: String,
    /// Whether its requests come from our own processes, which have decided already whether a trace is sampled.
    pub is_internal: bool,
}

/// Starts the traces of this process, unless no collector is configured. The exporter is started separately, with the
/// background tasks. Needs a tokio runtime.
///
/// # Errors
/// If the exporter does not accept the configuration.
pub fn start(
    otlp: &OtlpConfig,
    traces: &TracesConfig,
    service: &Service,
) -> Result<Option<(Tracer, TraceExport)>, ExporterBuildError> {
    let Some(endpoint) = &otlp.endpoint else {
        return Ok(None);
    };
    let resource = resource(traces, service);
    let (queue, queued) = span_queue();
    let export = TraceExport::new(otlp, endpoint, &resource, queued)?;
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Sampler::new(traces, service.is_internal))
        .with_span_processor(TailProcessor::new(queue))
        .build();
    Ok(Some((Tracer(provider.tracer("vantage")), export)))
}

fn resource(traces: &TracesConfig, service: &Service) -> Resource {
    let name = traces.service_name.as_ref().unwrap_or(&service.name);
    Resource::builder_empty()
        .with_service_name(name.clone())
        .with_attributes([
            KeyValue::new("service.namespace", "vantage"),
            KeyValue::new("service.version", service.version),
            KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
            KeyValue::new("cloud.region", service.region.clone()),
        ])
        .build()
}

/// Makes traces of spans.
#[derive(Debug)]
pub struct Tracer(SdkTracer);

impl Tracer {
    /// The layer that sees the spans for traces, and nothing else.
    pub(super) fn layer<S>(self) -> impl Layer<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let spans = filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET);
        tracing_opentelemetry::layer()
            .with_tracer(self.0)
            // The parent is the current span of `tracing`, also on another thread.
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(spans.with_max_level_hint(LevelFilter::INFO))
    }
}

/// Marks what the span stands for as failed, so that its trace is kept. `kind` is a fixed name: it has no personal data.
pub fn fail(span: &Span, kind: impl Into<Cow<'static, str>>) {
    if !span.is_disabled() {
        span.set_attribute("error.type", kind.into());
        span.set_status(Status::error(""));
    }
}

/// Adds the status of an answer.
pub fn set_status(span: &Span, status: u16) {
    if !span.is_disabled() {
        span.set_attribute("http.response.status_code", i64::from(status));
    }
}

/// A number as the value of an attribute: the layer takes other integers for text.
pub fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Runs background work in a span, and puts the trace's id in its log lines.
pub fn run<F: Future>(span: Span, work: F) -> Instrumented<Instrumented<F>> {
    let logged = match trace_id(&span) {
        Some(trace_id) => span.in_scope(|| tracing::error_span!("trace", trace_id)),
        None => Span::none(),
    };
    work.instrument(logged).instrument(span)
}
