//! The spans that wait to be exported. Whoever ends a span never waits: what does not fit is dropped and counted.

use metrics::counter;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc;

/// Spans that wait at most: a few megabytes.
const CAPACITY: usize = 8_192;

/// The end where spans enter.
#[derive(Clone, Debug)]
pub(super) struct SpanQueue(mpsc::Sender<SpanData>);

/// A queue, and the end where spans leave it.
pub(super) fn span_queue() -> (SpanQueue, mpsc::Receiver<SpanData>) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    (SpanQueue(sender), receiver)
}

impl SpanQueue {
    pub(super) fn push(&self, span: SpanData) {
        if self.0.try_send(span).is_err() {
            count_dropped("queue", 1);
        }
    }
}

/// Counts spans that are lost: `queue` was full, `buffer` was full, or `export` failed.
pub(super) fn count_dropped(reason: &'static str, spans: usize) {
    counter!("vantage_traces_dropped_total", "reason" => reason).increment(spans as u64);
}
