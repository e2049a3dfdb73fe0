//! Drives a stream: opens its source, executes the operation for each event, and moves to a new schema.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use platform::backoff::Backoff;
use tokio::time::Instant;

use super::stream::Stream;
use super::{End, Hub};
use crate::error::{ErrorCode, GraphQLError};
use crate::router::{Job, Key, Router};
use crate::transport::{EventStream, SubgraphResponse, TransportError};

/// Wait before a lost source is retried; doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Where the only watcher of a stream moves once it has its snapshot.
pub(super) struct Handover {
    pub(super) stream: Arc<Stream>,
    pub(super) member: u64,
}

/// Ends the stream however its task ends, even by a panic.
struct Guard {
    hub: Arc<Hub>,
    stream: Arc<Stream>,
    end: Option<End>,
}

impl Guard {
    fn ended(&mut self, end: End) {
        self.end = Some(end);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let end = self.end.take().unwrap_or_else(|| {
            failed(GraphQLError::new(
                ErrorCode::Internal,
                "an internal error happened",
            ))
        });
        self.hub.end(&self.stream, &end);
        metrics::gauge!("router_subscription_streams").decrement(1);
    }
}

/// Starts the task that drives a stream.
pub(super) fn start(hub: Arc<Hub>, stream: Arc<Stream>, job: Arc<Job>, handover: Option<Handover>) {
    metrics::gauge!("router_subscription_streams").increment(1);
    let mut guard = Guard {
        hub: Arc::clone(&hub),
        stream: Arc::clone(&stream),
        end: None,
    };
    let task = tokio::spawn(async move {
        let end = run(hub, &guard.stream, job, handover).await;
        guard.ended(end);
    });
    stream.driven_by(task.abort_handle());
}

async fn run(
    hub: Arc<Hub>,
    stream: &Arc<Stream>,
    mut job: Arc<Job>,
    mut handover: Option<Handover>,
) -> End {
    let mut routers = hub.router.subscribe();
    if !job.runs_on(&routers.borrow()) {
        routers.mark_changed();
    }
    // There are many of these tasks, mostly idle: rare work is boxed, so that it takes no memory in between.
    let mut events = match Box::pin(open(&hub, &job)).await {
        Ok(events) => events,
        Err(end) => return end,
    };
    loop {
        let heard = tokio::select! {
            event = events.next() => match event {
                Some(event) => Box::pin(on_event(&hub, stream, &job, event)).await,
                None => return End::Complete,
            },
            // The hub holds the sender.
            _ = routers.changed() => {
                let router = Arc::clone(&routers.borrow_and_update());
                Box::pin(on_reload(&hub, stream, &job, &router, &mut events)).await
            }
        };
        match heard {
            Progress::Delivered => {
                if let Some(handover) = handover.take()
                    && hand_over(&hub, stream, &handover)
                {
                    return End::Complete;
                }
            }
            Progress::Skipped => {}
            Progress::Reopened(source) => events = source,
            Progress::Moved(next, source) => (job, events) = (next, source),
            Progress::Ended(end) => return end,
        }
    }
}

/// The result of an event or a new router.
enum Progress {
    /// The watchers received it.
    Delivered,
    Skipped,
    /// The source was lost and reopened.
    Reopened(EventStream),
    /// The stream moved to another router.
    Moved(Arc<Job>, EventStream),
    Ended(End),
}

async fn on_event(
    hub: &Hub,
    stream: &Stream,
    job: &Job,
    event: Result<SubgraphResponse, TransportError>,
) -> Progress {
    if let Err(lost @ TransportError::Unavailable { .. }) = &event
        && let Some(source) = recover(hub, job, lost).await
    {
        return Progress::Reopened(source);
    }
    if let Ok(response) = &event
        && let Some(words) = disabled_message(response)
    {
        return Progress::Ended(End::Disabled(words));
    }
    if deliver(stream, job, event).await {
        Progress::Delivered
    } else {
        Progress::Skipped
    }
}

async fn on_reload(
    hub: &Hub,
    stream: &Arc<Stream>,
    job: &Job,
    router: &Router,
    events: &mut EventStream,
) -> Progress {
    match reopen_on(hub, job, router).await {
        Ok((next, source)) => {
            // Events that arrived before the new source was open are not lost.
            while let Some(Some(event)) = events.next().now_or_never() {
                deliver(stream, job, event).await;
            }
            hub.rename(stream, Key::of(&next));
            Progress::Moved(next, source)
        }
        Err(end) => Progress::Ended(end),
    }
}

/// Moves the only watcher of this stream, which has its snapshot now, to the shared one; `false` if it has to stay.
fn hand_over(hub: &Arc<Hub>, stream: &Stream, handover: &Handover) -> bool {
    let Handover {
        stream: shared,
        member,
    } = handover;
    let sequence = stream.sequence();
    if sequence.is_some_and(|sequence| shared.activate(*member, sequence)) {
        // Its watcher receives the rest there.
        stream.close();
        return true;
    }
    hub.leave(shared, *member);
    false
}

/// The subgraph's message when it ends a subscription for good.
fn disabled_message(response: &SubgraphResponse) -> Option<Arc<str>> {
    let code = ErrorCode::FeatureDisabled.as_str();
    let error = response.errors.iter().find(|error| {
        error
            .extensions
            .get("code")
            .is_some_and(|said| said == code)
    })?;
    Some(error.message.as_str().into())
}

async fn open(hub: &Hub, job: &Job) -> Result<EventStream, End> {
    match tokio::time::timeout(hub.options.source_timeout, job.open()).await {
        Ok(Ok(events)) => Ok(events),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(End::SourceTimeout),
    }
}

/// Reopens a lost source, since subgraphs restart. `None` if it does not recover.
async fn recover(hub: &Hub, job: &Job, lost: &TransportError) -> Option<EventStream> {
    tracing::warn!(request_id = job.context.request_id, %lost, "subscription source lost, reopening it");
    let give_up = Instant::now() + hub.options.source_recovery;
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        // With jitter, because many streams lose the same subgraph at once.
        let wait = backoff.next_wait();
        if Instant::now() + wait > give_up {
            metrics::counter!("router_subscription_sources_lost_total").increment(1);
            return None;
        }
        tokio::time::sleep(wait).await;
        if let Ok(source) = open(hub, job).await {
            return Some(source);
        }
    }
}

/// The same operation and source on another router.
async fn reopen_on(hub: &Hub, job: &Job, router: &Router) -> Result<(Arc<Job>, EventStream), End> {
    let next = router
        .subscribe_again(job, job.operation.text(), (*job.variables).clone())
        .await
        .map_err(|refused| {
            let why = refused.errors.first().map(|error| error.message.as_str());
            failed(GraphQLError::new(
                ErrorCode::SchemaChanged,
                format!(
                    "The schema has changed, and this subscription does not fit it: {}",
                    why.unwrap_or("it is refused")
                ),
            ))
        })?;
    let events = open(hub, &next).await?;
    Ok((Arc::new(next), events))
}

/// Executes the operation for an event and sends it to the watchers; `false` if they already had it.
async fn deliver(
    stream: &Stream,
    job: &Job,
    event: Result<SubgraphResponse, TransportError>,
) -> bool {
    let (sequence, response) = job.event(event, stream.sequence()).await;
    let Some(response) = response else {
        return false;
    };
    metrics::counter!("router_subscription_events_total").increment(1);
    stream.broadcast(sequence, response.to_bytes());
    true
}

fn failed(error: GraphQLError) -> End {
    End::Failed(Arc::new([error]))
}
