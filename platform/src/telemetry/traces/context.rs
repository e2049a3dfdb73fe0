//! Trace context between processes, in the W3C's form: headers of requests, and `traceparent` in rows and events.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Longer lists of other tracing systems' state are left out; the specification asks for this much at least.
const MAX_TRACESTATE: usize = 512;

/// The length of version 00: later versions may only append.
const TRACEPARENT_LENGTH: usize = 55;

/// The trace context of a request or a row.
struct Carrier<'a> {
    traceparent: &'a str,
    tracestate: Option<&'a str>,
}

impl Extractor for Carrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

impl Carrier<'_> {
    /// The span that it names, if it is well-formed.
    fn span_context(&self) -> Option<SpanContext> {
        if !is_well_formed(self.traceparent) {
            return None;
        }
        let context = TraceContextPropagator::new()
            .extract_with_context(&opentelemetry::Context::new(), self);
        let span = context.span().span_context().clone();
        span.is_valid().then_some(span)
    }
}

/// The propagator takes numbers of any length.
fn is_well_formed(traceparent: &str) -> bool {
    let bytes = traceparent.as_bytes();
    let is_dash = |at: usize| bytes.get(at) == Some(&b'-');
    let is_part = |(at, byte): (usize, &u8)| match at {
        2 | 35 | 52 => *byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    bytes
        .iter()
        .take(TRACEPARENT_LENGTH)
        .enumerate()
        .all(is_part)
        && (bytes.len() == TRACEPARENT_LENGTH
            || (bytes.len() > TRACEPARENT_LENGTH
                && is_dash(TRACEPARENT_LENGTH)
                && !traceparent.starts_with("00")))
}

/// Makes the span a child of the one in a request's headers. Call it before anything else uses the span. Invalid headers
/// are ignored.
pub fn continue_from(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    if let Some(parent) = parent(headers) {
        let context = opentelemetry::Context::new().with_remote_span_context(parent);
        // It fails for a span that has begun, whose parent cannot change any more.
        let _ = span.set_parent(context);
    }
}

/// The id of the trace that a request is part of, if its headers name one.
pub fn parent_trace_id(headers: &HeaderMap) -> Option<String> {
    parent(headers).map(|parent| parent.trace_id().to_string())
}

pub(super) fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut sent = headers.get_all(TRACEPARENT).iter();
    // Two of them are as good as none.
    let traceparent = sent.next().filter(|_| sent.next().is_none())?;
    // The state may be sent in several headers, of which the first one comes first.
    let tracestate = headers.get(TRACESTATE);
    let carrier = Carrier {
        traceparent: traceparent.to_str().ok()?,
        tracestate: tracestate
            .and_then(|state| state.to_str().ok())
            .filter(|state| state.len() <= MAX_TRACESTATE),
    };
    carrier.span_context()
}

/// Puts the span in a request's headers, in place of any other. Headers stay as they are if nothing is traced.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    let Some(context) = context(span) else {
        return;
    };
    let Ok(traceparent) = HeaderValue::from_str(&written(&context)) else {
        return;
    };
    headers.insert(TRACEPARENT, traceparent);
    let state = context.trace_state().header();
    match HeaderValue::from_str(&state) {
        Ok(state) if !state.is_empty() => headers.insert(TRACESTATE, state),
        _ => headers.remove(TRACESTATE),
    };
}

/// The span as text, for a row or an event; `None` if nothing is traced.
pub fn traceparent(span: &Span) -> Option<String> {
    context(span).map(|context| written(&context))
}

/// Links the span to the one that caused it, possibly long ago. Call it before anything else uses the span, whose trace
/// is then sampled if the other one is. Invalid texts are ignored.
pub fn link(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent.filter(|_| !span.is_disabled()) else {
        return;
    };
    let carrier = Carrier {
        traceparent,
        tracestate: None,
    };
    if let Some(cause) = carrier.span_context() {
        span.add_link(cause);
    }
}

/// The id of the span's trace, for log lines; `None` if nothing is traced.
pub fn trace_id(span: &Span) -> Option<String> {
    context(span).map(|context| context.trace_id().to_string())
}

fn context(span: &Span) -> Option<SpanContext> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context().span().span_context().clone();
    context.is_valid().then_some(context)
}

fn written(context: &SpanContext) -> String {
    format!(
        "00-{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        u8::from(context.is_sampled())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(sent: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_parent_is_read_as_the_specification_says() {
        let check = |sent: &str, sampled: Option<bool>| {
            let parent = parent(&headers(&[sent]));
            assert_eq!(
                parent.as_ref().map(SpanContext::is_sampled),
                sampled,
                "{sent}"
            );
            if let Some(parent) = parent {
                assert_eq!(parent.trace_id().to_string(), TRACE);
                assert_eq!(parent.span_id().to_string(), SPAN);
                assert!(parent.is_remote());
            }
        };
        check(&format!("00-{TRACE}-{SPAN}-01"), Some(true));
        check(&format!("00-{TRACE}-{SPAN}-00"), Some(false));
        // Unknown flags and later versions.
        check(&format!("00-{TRACE}-{SPAN}-03"), Some(true));
        check(&format!("01-{TRACE}-{SPAN}-01-more"), Some(true));
        check(&format!("00-{TRACE}-{SPAN}-01-more"), None);
        check(&format!("01-{TRACE}-{SPAN}-01more"), None);
        check(&format!("ff-{TRACE}-{SPAN}-01"), None);
        check(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None);
        check(&format!("00-{}-{SPAN}-01", "0".repeat(32)), None);
        check(&format!("00-{TRACE}-{}-01", "0".repeat(16)), None);
        check("00-1-2-01", None);
        check("", None);
        check(&"0".repeat(TRACEPARENT_LENGTH), None);
    }

    #[test]
    fn two_parents_are_none() {
        let one = format!("00-{TRACE}-{SPAN}-01");
        assert!(parent(&headers(&[&one, &one])).is_none());
        assert!(parent(&HeaderMap::new()).is_none());
    }

    #[test]
    fn the_state_of_other_systems_is_kept_unless_it_is_too_long() {
        let mut sent = headers(&[&format!("00-{TRACE}-{SPAN}-01")]);
        sent.insert(TRACESTATE, HeaderValue::from_static("vendor=1,other=2"));
        let state = |sent: &HeaderMap| parent(sent).unwrap().trace_state().header();
        assert_eq!(state(&sent), "vendor=1,other=2");
        let long = format!("vendor={}", "x".repeat(MAX_TRACESTATE));
        sent.insert(TRACESTATE, HeaderValue::from_str(&long).unwrap());
        assert_eq!(state(&sent), "");
    }

    #[test]
    fn without_traces_nothing_is_added() {
        let span = tracing::info_span!(target: super::super::TARGET, "untraced");
        let mut headers = HeaderMap::new();
        inject(&span, &mut headers);
        assert!(headers.is_empty());
        assert_eq!((traceparent(&span), trace_id(&span)), (None, None));
    }
}
