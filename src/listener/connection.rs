//! Drives one connection: serves it, ends it when idle, and closes it when overdue.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use hyper_util::server::graceful::GracefulConnection;
use router::server::Unsent;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Overdue};

/// Serves a connection until it ends or must be closed. After `stop` it ends with its running requests.
pub(super) async fn drive<C: GracefulConnection>(
    connection: C,
    activity: &Activity,
    unsent: &Unsent,
    stop: &CancellationToken,
) -> Result<(), C::Error> {
    let timeouts = activity.timeouts();
    let mut connection = pin!(connection);
    let mut stopping = pin!(stop.cancelled());
    let mut timer = pin!(sleep_until(Instant::now() + timeouts.headers));
    let mut closing = false;
    // When an idle connection is closed if the client does not close it.
    let mut grace = None;
    poll_fn(|context| {
        loop {
            if let Poll::Ready(served) = connection.as_mut().poll(context) {
                return Poll::Ready(served);
            }
            if !closing && stopping.as_mut().poll(context).is_ready() {
                closing = true;
                connection.as_mut().graceful_shutdown();
                continue;
            }
            let deadline = activity.deadline();
            let deadline = deadline.map(|(at, overdue)| (at.max(grace.unwrap_or(at)), overdue));
            // Only requests in flight can have unsent bytes.
            let unread = || Some((unsent.deadline()?, Overdue::Unread));
            let deadline = deadline.or_else(unread);
            // A timer that fires too early is cheaper than resetting it for each request.
            let due = match deadline {
                Some((at, Overdue::Unread)) => Some(at.min(Instant::now() + unsent.interval())),
                deadline => deadline.map(|(at, _)| at),
            };
            if let Some(due) = due
                && due < timer.deadline()
            {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            match deadline {
                Some((at, overdue)) if at <= now => {
                    metrics::counter!("vantage_connections_timed_out_total", "reason" => overdue.name())
                        .increment(1);
                    if closing || overdue != Overdue::Idle {
                        return Poll::Ready(Ok(()));
                    }
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    grace = Some(now + timeouts.headers);
                    timer.as_mut().reset(now + timeouts.headers);
                }
                _ => timer.as_mut().reset(due.unwrap_or(now + timeouts.idle)),
            }
        }
    })
    .await
}
