//! One connection, from its first byte to its end: served, told to end when it is idle, closed when it is late.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use hyper_util::server::graceful::GracefulConnection;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Overdue};

/// Serves a connection until it ends or must be closed. After `stop` it ends with the requests that run.
pub(super) async fn drive<C: GracefulConnection>(
    connection: C,
    activity: &Activity,
    stop: &CancellationToken,
) -> Result<(), C::Error> {
    let timeouts = activity.timeouts();
    let mut connection = pin!(connection);
    let mut stopping = pin!(stop.cancelled());
    let mut timer = pin!(sleep_until(Instant::now() + timeouts.headers));
    let mut closing = false;
    // Until when a client may agree that an idle connection ends.
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
            // A timer that is due too early is cheaper than one that is set anew with each request.
            if let Some((at, _)) = deadline
                && at < timer.deadline()
            {
                timer.as_mut().reset(at);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            match deadline {
                Some((at, overdue)) if at <= now => {
                    metrics::counter!("vantage_connections_timed_out_total", "reason" => overdue.name())
                        .increment(1);
                    if closing || overdue == Overdue::Headers {
                        return Poll::Ready(Ok(()));
                    }
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                    grace = Some(now + timeouts.headers);
                    timer.as_mut().reset(now + timeouts.headers);
                }
                Some((at, _)) => timer.as_mut().reset(at),
                None => timer.as_mut().reset(now + timeouts.idle),
            }
        }
    })
    .await
}
