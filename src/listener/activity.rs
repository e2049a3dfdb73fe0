//! Tracks what a connection is doing, and its current deadline.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

/// The timeouts of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// From connecting, or the first byte of a further request, to the end of the request's headers.
    pub(super) headers: Duration,
    /// Without a request.
    pub(super) idle: Duration,
    /// Without the client reading anything that is written.
    pub(super) write: Duration,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Headers,
    Idle,
    /// The client does not read its response.
    Unread,
}

impl Overdue {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Idle => "idle",
            Self::Unread => "unread",
        }
    }
}

/// The activity of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    timeouts: Timeouts,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    is_http2: bool,
    /// `None` while requests are in flight.
    deadline: Option<(Instant, Overdue)>,
}

/// A request in flight, until its response is complete.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Activity {
    /// For a connection accepted now.
    pub(super) fn new(timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            state: Mutex::new(State {
                in_flight: 0,
                is_http2: false,
                deadline: Some((Instant::now() + timeouts.headers, Overdue::Headers)),
            }),
        }
    }

    pub(super) const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    pub(super) fn deadline(&self) -> Option<(Instant, Overdue)> {
        self.state().deadline
    }

    /// Bytes were received. On an idle connection they begin a request, except on HTTP/2, whose frames may belong to
    /// none.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if !state.is_http2 && matches!(state.deadline, Some((_, Overdue::Idle))) {
            state.deadline = Some((Instant::now() + self.timeouts.headers, Overdue::Headers));
        }
    }

    /// A request's headers are complete.
    pub(super) fn begin(self: &Arc<Self>, is_http2: bool) -> InFlight {
        let mut state = self.state();
        state.is_http2 = is_http2;
        state.in_flight += 1;
        state.deadline = None;
        InFlight(Arc::clone(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while holding the lock.
        self.state.lock()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.deadline = Some((Instant::now() + self.0.timeouts.idle, Overdue::Idle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        headers: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        write: Duration::from_secs(10),
    };

    fn due(activity: &Activity) -> Option<(u64, Overdue)> {
        let (at, overdue) = activity.deadline()?;
        let left = at.saturating_duration_since(Instant::now());
        Some((left.as_secs_f64().round() as u64, overdue))
    }

    #[test]
    fn a_connection_has_one_time_for_headers_and_another_between_requests() {
        let activity = Arc::new(Activity::new(TIMEOUTS));
        assert_eq!(due(&activity), Some((10, Overdue::Headers)));
        let (first, second) = (activity.begin(false), activity.begin(false));
        drop(first);
        assert_eq!(due(&activity), None);
        drop(second);
        assert_eq!(due(&activity), Some((75, Overdue::Idle)));
        activity.received();
        assert_eq!(due(&activity), Some((10, Overdue::Headers)));
    }

    #[test]
    fn frames_of_http2_begin_no_request() {
        let activity = Arc::new(Activity::new(TIMEOUTS));
        drop(activity.begin(true));
        activity.received();
        assert_eq!(due(&activity), Some((75, Overdue::Idle)));
    }
}
