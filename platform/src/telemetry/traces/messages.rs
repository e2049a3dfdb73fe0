//! Spans of messages, which are events and tasks, with the names of OpenTelemetry's conventions for messaging.

use tracing::Span;

use super::{TARGET, count, link};

/// The `messaging.system` of events and tasks, whatever bus there is below.
const SYSTEM: &str = "vantage";

/// Where a message is processed.
pub(crate) struct Process<'a> {
    /// The topic, or the kind of task.
    pub destination: &'a str,
    pub id: String,
    pub consumer: Option<&'a str>,
    pub event_type: Option<&'a str>,
    /// How often a task was tried before.
    pub attempts: Option<u32>,
}

/// A batch of messages.
#[derive(Clone, Copy)]
pub(crate) enum Batch<'a> {
    /// Sent from a domain's outbox.
    Send { domain: &'a str },
    /// Received for a consumer group.
    Receive { consumer: &'a str },
}

/// The span of writing a message for a topic or of a kind of task.
pub(crate) fn create(destination: &str, event_type: Option<&str>) -> Span {
    tracing::info_span!(
        target: TARGET,
        "create",
        otel.kind = "producer",
        otel.name = %format_args!("create {destination}"),
        messaging.system = SYSTEM,
        messaging.operation.name = "create",
        messaging.operation.type = "create",
        messaging.destination.name = destination,
        vantage.event.type = event_type,
    )
}

/// The span of processing a message, below this one, with a link to the one that wrote it.
pub(crate) fn process(parent: &Span, traceparent: &str, message: &Process<'_>) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        parent: parent.id(),
        "process",
        otel.kind = "consumer",
        otel.name = %format_args!("process {}", message.destination),
        messaging.system = SYSTEM,
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = message.destination,
        messaging.message.id = message.id,
        messaging.consumer.group.name = message.consumer,
        vantage.event.type = message.event_type,
        vantage.task.attempts = message.attempts.map(i64::from),
    );
    link(&span, Some(traceparent));
    span
}

/// The span of sending or receiving a batch: a trace of its own, with a link to each span that wrote one of its messages.
/// None if no message was traced.
pub(crate) fn batch<'a>(
    batch: Batch<'_>,
    messages: usize,
    traceparents: impl Iterator<Item = Option<&'a str>>,
) -> Span {
    let mut traced = traceparents.flatten().peekable();
    if traced.peek().is_none() {
        return Span::none();
    }
    let (operation, kind, domain, consumer) = match batch {
        Batch::Send { domain } => ("send", "producer", Some(domain), None),
        Batch::Receive { consumer } => ("receive", "consumer", None, Some(consumer)),
    };
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "batch",
        otel.kind = kind,
        otel.name = operation,
        messaging.system = SYSTEM,
        messaging.operation.name = operation,
        messaging.operation.type = operation,
        messaging.batch.message_count = count(messages),
        messaging.consumer.group.name = consumer,
        vantage.domain = domain,
    );
    for traceparent in traced {
        link(&span, Some(traceparent));
    }
    span
}
