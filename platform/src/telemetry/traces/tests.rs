//! Which spans reach the exporter, with the sampler, the processor and the layer together.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use tokio::sync::mpsc;
use tracing::{Dispatch, Span, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, registry};

use super::*;

/// Spans that end, as the exporter gets them.
struct Traced {
    dispatch: Dispatch,
    queued: mpsc::Receiver<SpanData>,
}

fn traced(ratio: f64) -> Traced {
    let config = TracesConfig {
        sample_ratio: ratio,
        ..TracesConfig::default()
    };
    let (queue, queued) = span_queue();
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::new(&config, false))
        .with_span_processor(TailProcessor::new(queue))
        .build();
    let layer = Tracer(provider.tracer("test")).layer::<Registry>();
    Traced {
        dispatch: Dispatch::new(registry().with(layer)),
        queued,
    }
}

impl Traced {
    /// Runs the work, and returns the exported spans in the order of their ends.
    fn run(&mut self, work: impl FnOnce()) -> Vec<SpanData> {
        tracing::dispatcher::with_default(&self.dispatch, work);
        let mut spans = Vec::new();
        while let Ok(span) = self.queued.try_recv() {
            spans.push(span);
        }
        spans
    }
}

fn names(spans: &[SpanData]) -> Vec<&str> {
    spans.iter().map(|span| &*span.name).collect()
}

fn request() -> Span {
    info_span!(target: TARGET, "request", otel.kind = "server")
}

fn statement() -> Span {
    info_span!(target: TARGET, "statement", otel.kind = "client")
}

#[test]
fn a_sampled_trace_has_the_spans_for_traces_and_no_others() {
    let spans = traced(1.0).run(|| {
        let request = request();
        let _request = request.enter();
        let logged = info_span!("for the log");
        let _logged = logged.enter();
        drop(statement());
    });
    assert_eq!(names(&spans), ["statement", "request"]);
    let [statement, request] = &spans[..] else {
        panic!("two spans");
    };
    assert_eq!(statement.parent_span_id, request.span_context.span_id());
    assert_eq!(
        statement.span_context.trace_id(),
        request.span_context.trace_id()
    );
}

#[test]
fn a_trace_that_is_not_sampled_is_kept_if_something_fails() {
    let mut traced = traced(0.0);
    let run = |fails: bool| {
        move || {
            let request = request();
            let _request = request.enter();
            let statement = statement();
            if fails {
                fail(&statement, "broken");
            }
        }
    };
    assert_eq!(names(&traced.run(run(false))), [] as [&str; 0]);
    assert_eq!(names(&traced.run(run(true))), ["statement", "request"]);
}

#[test]
fn a_failure_keeps_its_own_trace_only() {
    let spans = traced(0.0).run(|| {
        let (one, other) = (request(), request());
        fail(&one, "broken");
        other.in_scope(|| drop(statement()));
    });
    assert_eq!(names(&spans), ["request"]);
}

#[test]
fn two_requests_with_the_same_trace_id_are_kept_separately() {
    let mut headers = axum::http::HeaderMap::new();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    headers.insert("traceparent", parent.parse().unwrap());
    let spans = traced(0.0).run(|| {
        let (one, other) = (request(), request());
        continue_from(&one, &headers);
        continue_from(&other, &headers);
        assert_eq!(trace_id(&one), trace_id(&other));
        fail(&one, "broken");
        other.in_scope(|| drop(statement()));
    });
    assert_eq!(names(&spans), ["request"]);
    assert_eq!(
        spans[0].span_context.trace_id().to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
}

#[test]
fn memory_for_traces_that_may_be_kept_is_bounded() {
    let spans = traced(0.0).run(|| {
        let request = request();
        let _request = request.enter();
        for _ in 0..10_000 {
            drop(statement());
        }
        fail(&request, "broken");
    });
    assert_eq!(spans.len(), 513);
    assert_eq!(spans.last().map(|span| &*span.name), Some("request"));
}

#[test]
fn the_exporter_that_does_not_keep_up_delays_nobody() {
    let spans = traced(1.0).run(|| {
        for _ in 0..20_000 {
            drop(request());
        }
    });
    assert_eq!(spans.len(), 8_192);
}

#[test]
fn what_follows_from_a_span_is_a_trace_of_its_own_with_a_link() {
    let spans = traced(1.0).run(|| {
        let created = info_span!(target: TARGET, "create", otel.kind = "producer");
        let row = traceparent(&created);
        drop(created);
        let processed = info_span!(target: TARGET, "process", otel.kind = "consumer");
        link(&processed, row.as_deref());
    });
    let [created, processed] = &spans[..] else {
        panic!("two spans");
    };
    let links: Vec<_> = processed.links.iter().collect();
    assert_eq!(links.len(), 1);
    assert_eq!(
        links[0].span_context.span_id(),
        created.span_context.span_id()
    );
    assert_ne!(
        processed.span_context.trace_id(),
        created.span_context.trace_id()
    );
}

#[test]
fn a_request_to_another_process_carries_the_span_that_sends_it() {
    let mut carried = None;
    let spans = traced(1.0).run(|| {
        let request = request();
        let call = request.in_scope(statement);
        let mut headers = axum::http::HeaderMap::new();
        headers.insert("traceparent", "00-of-a-client".parse().unwrap());
        inject(&call, &mut headers);
        carried = context::parent(&headers);
    });
    let carried = carried.expect("a parent");
    assert!(carried.is_sampled());
    assert_eq!(carried.span_id(), spans[0].span_context.span_id());
}
