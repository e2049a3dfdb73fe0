//! Keeps the traces in which something failed, although they were not sampled when they began.
//!
//! The spans of such a trace wait in bounded memory until the first span of this process ends, which ends last. If one of
//! them failed by then, all are exported, otherwise none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, SpanId, Status, TraceContextExt};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use parking_lot::Mutex;

use super::queue::{SpanQueue, count_dropped};

/// Spans kept of one trace; the later ones are dropped, except the first and those that failed.
const MAX_SPANS: usize = 512;
/// Spans kept of all traces together: some 20 MB.
const MAX_BUFFERED: usize = 20_000;
/// Spans that are open at once; those beyond are not kept.
const MAX_OPEN: usize = 100_000;

/// Passes spans of sampled traces on, and those of others if something failed.
#[derive(Debug)]
pub(super) struct TailProcessor {
    queue: SpanQueue,
    state: Mutex<Tails>,
}

/// The open spans of traces that are not sampled.
#[derive(Debug, Default)]
struct Tails {
    open: HashMap<SpanId, Arc<Mutex<Tail>>>,
    buffered: usize,
}

/// This process's part of one trace.
#[derive(Debug)]
struct Tail {
    /// The span that ends last.
    first: SpanId,
    ended: Vec<SpanData>,
    has_failed: bool,
    /// Whether it was exported, once the first span has ended.
    kept: Option<bool>,
}

impl TailProcessor {
    pub(super) fn new(queue: SpanQueue) -> Self {
        Self {
            queue,
            state: Mutex::default(),
        }
    }

    fn end(&self, span: SpanData) {
        let id = span.span_context.span_id();
        let has_failed = matches!(span.status, Status::Error { .. });
        let mut state = self.state.lock();
        let Some(shared) = state.open.remove(&id) else {
            drop(state);
            return count_dropped("buffer", 1);
        };
        let mut tail = shared.lock();
        tail.has_failed |= has_failed;
        match tail.kept {
            None if id == tail.first => {
                let ended = std::mem::take(&mut tail.ended);
                state.buffered = state.buffered.saturating_sub(ended.len());
                drop(state);
                tail.kept = Some(tail.has_failed);
                if tail.has_failed {
                    ended.into_iter().for_each(|span| self.queue.push(span));
                    self.queue.push(span);
                }
            }
            None => {
                let has_room = tail.ended.len() < MAX_SPANS || has_failed;
                if has_room && state.buffered < MAX_BUFFERED {
                    state.buffered += 1;
                    tail.ended.push(span);
                } else {
                    drop(state);
                    count_dropped("buffer", 1);
                }
            }
            Some(true) => {
                drop(state);
                self.queue.push(span);
            }
            Some(false) => {}
        }
    }
}

impl SpanProcessor for TailProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        let own = span.span_context();
        if own.is_sampled() {
            return;
        }
        let parent = context.span().span_context().clone();
        let mut state = self.state.lock();
        if state.open.len() >= MAX_OPEN {
            return;
        }
        let is_local = parent.is_valid() && !parent.is_remote();
        let known = is_local.then(|| state.open.get(&parent.span_id()).cloned());
        let tail = known.flatten().unwrap_or_else(|| {
            Arc::new(Mutex::new(Tail {
                first: own.span_id(),
                ended: Vec::new(),
                has_failed: false,
                kept: None,
            }))
        });
        state.open.insert(own.span_id(), tail);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.queue.push(span);
        } else {
            self.end(span);
        }
    }

    /// The exporter flushes when the process stops.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}
