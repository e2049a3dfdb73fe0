//! All deadlines of a connection on one timer, because there are many connections.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::server::close_reason::CloseReason;
use crate::server::config::WebSocketConfig;

/// The next deadline, and what it is for.
#[derive(Debug)]
pub(super) struct Timers {
    ping_interval: Duration,
    pong_timeout: Duration,
    ping: Instant,
    pong: Option<Instant>,
    init: Option<Instant>,
    expiry: Option<Instant>,
    drain: Option<Instant>,
}

/// What to do when the timer fires.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Close(CloseReason),
}

impl Timers {
    pub(super) fn new(config: &WebSocketConfig, now: Instant) -> Self {
        Self {
            ping_interval: config.ping_interval.get(),
            pong_timeout: config.pong_timeout.get(),
            ping: now + config.ping_interval.get(),
            pong: None,
            init: Some(now + config.init_timeout.get()),
            expiry: None,
            drain: None,
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Instant {
        [self.pong, self.init, self.expiry, self.drain]
            .into_iter()
            .flatten()
            .fold(self.ping, Instant::min)
    }

    /// What is due at `now`. A requested ping counts as sent.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let closes = [
            (self.drain, CloseReason::ServerShutdown),
            (self.expiry, CloseReason::TokenExpired),
            (self.pong, CloseReason::HeartbeatTimeout),
            (self.init, CloseReason::InitTimeout),
        ];
        let past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if let Some((_, reason)) = closes.into_iter().find(|(at, _)| past(*at)) {
            return Due::Close(reason);
        }
        if self.ping > now {
            return Due::Nothing;
        }
        self.ping = now + self.ping_interval;
        // An outstanding pong keeps its own deadline.
        self.pong.get_or_insert(now + self.pong_timeout);
        Due::Ping
    }

    pub(super) fn ponged(&mut self) {
        self.pong = None;
    }

    pub(super) fn initialised(&mut self) {
        self.init = None;
    }

    /// Closes the connection when its token expires; a time too far away means never.
    pub(super) fn expire_at(&mut self, expires_at: Option<SystemTime>, now: Instant) {
        self.expiry = expires_at.and_then(|at| {
            let left = at.duration_since(SystemTime::now()).unwrap_or_default();
            now.checked_add(left)
        });
    }

    pub(super) fn drain_at(&mut self, at: Instant) {
        self.drain = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timers() -> (Timers, Instant) {
        let start = Instant::now();
        (Timers::new(&WebSocketConfig::default(), start), start)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_client_that_never_says_init_is_closed_after_ten_seconds() {
        let (mut timers, start) = timers();
        assert_eq!(timers.next(), start + seconds(10));
        assert_eq!(timers.due(start + seconds(9)), Due::Nothing);
        assert_eq!(
            timers.due(start + seconds(10)),
            Due::Close(CloseReason::InitTimeout)
        );
    }

    #[test]
    fn pings_go_on_as_long_as_pongs_come() {
        let (mut timers, start) = timers();
        timers.initialised();
        for round in 1..4 {
            let now = start + seconds(30 * round);
            assert_eq!(timers.next(), now);
            assert_eq!(timers.due(now), Due::Ping);
            assert_eq!(timers.due(now + seconds(9)), Due::Nothing);
            timers.ponged();
        }
        let last = start + seconds(120);
        assert_eq!(timers.due(last), Due::Ping);
        assert_eq!(timers.next(), last + seconds(10));
        assert_eq!(
            timers.due(last + seconds(10)),
            Due::Close(CloseReason::HeartbeatTimeout)
        );
    }

    #[test]
    fn shutdown_and_expiry_close_at_their_time() {
        let (mut timers, start) = timers();
        timers.initialised();
        timers.expire_at(Some(SystemTime::now() + seconds(20)), start);
        assert!(timers.next() <= start + seconds(20));
        assert_eq!(
            timers.due(start + seconds(20)),
            Due::Close(CloseReason::TokenExpired)
        );
        timers.expire_at(None, start);
        timers.drain_at(start + seconds(3));
        assert_eq!(
            timers.due(start + seconds(3)),
            Due::Close(CloseReason::ServerShutdown)
        );
    }
}
