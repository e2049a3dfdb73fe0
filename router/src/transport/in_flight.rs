//! Sends identical concurrent queries to a subgraph once and shares the response. No response is older than the request
//! that gets it: only calls that began after the request are joined.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use platform::telemetry::request_id::REQUEST_ID;
use tokio::sync::OnceCell;

use super::{SubgraphRequest, TransportError};
use crate::cache_control::CachePolicy;
use crate::request::TRACING;

/// A subgraph's response, not decoded yet.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) cache: Option<CachePolicy>,
    pub(super) body: Bytes,
}

type Outcome = Result<Answer, TransportError>;

/// The calls in flight to one subgraph.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    calls: Mutex<HashMap<Box<[u8]>, Weak<Call>, RandomState>>,
}

#[derive(Debug)]
struct Call {
    begun: Instant,
    outcome: OnceCell<Outcome>,
}

impl InFlight {
    /// The outcome of `send`, or of an identical call in flight. If that call's owner gives up, the next waiter sends
    /// it.
    ///
    /// `key` is everything the response may depend on ([`key`]); `started` is when the client's request began.
    pub(super) async fn share<F>(
        &self,
        key: Box<[u8]>,
        started: Instant,
        send: impl FnOnce() -> F,
    ) -> Outcome
    where
        F: Future<Output = Outcome>,
    {
        let seat = self.join(key, started);
        let call = &*seat.call;
        let outcome = call.outcome.get_or_try_init(|| async {
            match send().await {
                // That request's own deadline or limit was exceeded; others may have more left.
                Err(own @ (TransportError::Deadline { .. } | TransportError::OverLimit { .. })) => {
                    Err(own)
                }
                outcome => Ok(outcome),
            }
        });
        outcome.await?.clone()
    }

    fn join(&self, key: Box<[u8]>, started: Instant) -> Waiter<'_> {
        let mut calls = self.calls.lock();
        let known = calls.get(&key).and_then(Weak::upgrade);
        let known = known.filter(|call| call.begun >= started && !call.outcome.initialized());
        let call = known.unwrap_or_else(|| {
            let call = Arc::new(Call {
                begun: Instant::now(),
                outcome: OnceCell::new(),
            });
            calls.insert(key.clone(), Arc::downgrade(&call));
            call
        });
        Waiter {
            calls: self,
            key,
            call,
        }
    }
}

/// A waiter for a call. The last one to leave removes it.
struct Waiter<'a> {
    calls: &'a InFlight,
    key: Box<[u8]>,
    call: Arc<Call>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let calls = &self.calls.calls;
        let mut calls = calls.lock();
        let over = self.call.outcome.initialized() || Arc::strong_count(&self.call) == 1;
        let is_listed = |listed: &Weak<Call>| std::ptr::eq(listed.as_ptr(), &raw const *self.call);
        if over && calls.get(&self.key).is_some_and(is_listed) {
            calls.remove(&self.key);
        }
    }
}

/// Everything that a response may depend on. `headers` excludes the signed caller.
pub(super) fn key(
    request: &SubgraphRequest,
    is_signed: bool,
    headers: &HeaderMap,
    body: &Bytes,
) -> Box<[u8]> {
    let mut key = Vec::with_capacity(body.len() + 256);
    for (name, value) in headers {
        let follows_request = TRACING.contains(&name.as_str()) || name == REQUEST_ID;
        if !follows_request {
            key.extend_from_slice(name.as_str().as_bytes());
            key.push(b':');
            key.extend_from_slice(value.as_bytes());
            // A separator that no header contains, so that two keys never collide.
            key.push(0);
        }
    }
    if is_signed {
        let identity = request.context.caller.identity();
        key.extend_from_slice(&serde_json::to_vec(&identity).unwrap_or_default());
    }
    key.push(0);
    key.extend_from_slice(body);
    key.into()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::poll;
    use tokio::sync::Semaphore;

    use super::*;

    /// A subgraph that responds with the call's number once it is released.
    struct Subgraph {
        calls: AtomicUsize,
        answers: Semaphore,
    }

    impl Subgraph {
        fn new() -> Self {
            Self {
                calls: AtomicUsize::new(0),
                answers: Semaphore::new(0),
            }
        }

        async fn call(&self) -> Outcome {
            let number = 1 + self.calls.fetch_add(1, Ordering::SeqCst);
            self.answers.acquire().await.expect("open").forget();
            Ok(Answer {
                status: StatusCode::OK,
                cache: None,
                body: number.to_string().into(),
            })
        }
    }

    fn body(outcome: Outcome) -> Bytes {
        outcome.expect("an answer").body
    }

    fn a() -> Box<[u8]> {
        b"a".as_slice().into()
    }

    #[tokio::test]
    async fn equal_queries_are_sent_once_and_forgotten_with_the_answer() {
        let (flights, subgraph) = (InFlight::default(), Subgraph::new());
        let started = Instant::now();
        let share = |key| flights.share(key, started, || subgraph.call());
        let mut first = pin!(share(a()));
        let mut second = pin!(share(a()));
        let mut other = pin!(share(b"b".as_slice().into()));
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        assert!(poll!(&mut other).is_pending());
        subgraph.answers.add_permits(2);
        assert_eq!(body(first.await), "1");
        assert_eq!(body(second.await), "1");
        assert_eq!(body(other.await), "2");
        assert!(flights.calls.lock().is_empty());
        subgraph.answers.add_permits(1);
        assert_eq!(body(share(a()).await), "3", "an answer is not kept");
    }

    #[tokio::test]
    async fn nobody_gets_an_answer_from_before_their_request() {
        let (flights, subgraph) = (InFlight::default(), Subgraph::new());
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let mut first = pin!(flights.share(a(), now, || subgraph.call()));
        assert!(poll!(&mut first).is_pending());
        let mut second = pin!(flights.share(a(), later, || subgraph.call()));
        assert!(poll!(&mut second).is_pending());
        subgraph.answers.add_permits(2);
        assert_eq!(body(second.await), "2");
        assert_eq!(body(first.await), "1");
        assert!(flights.calls.lock().is_empty());
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_the_sender_gives_up() {
        let (flights, subgraph) = (InFlight::default(), Subgraph::new());
        let started = Instant::now();
        let mut first = Box::pin(flights.share(a(), started, || subgraph.call()));
        assert!(poll!(&mut first).is_pending());
        let mut second = pin!(flights.share(a(), started, || subgraph.call()));
        assert!(poll!(&mut second).is_pending());
        drop(first);
        subgraph.answers.add_permits(1);
        assert_eq!(body(second.await), "2");
    }

    #[tokio::test]
    async fn a_deadline_is_the_senders_own() {
        let flights = InFlight::default();
        let started = Instant::now();
        let late = || async {
            Err(TransportError::Deadline {
                subgraph: "slow".to_owned(),
            })
        };
        let subgraph = Subgraph::new();
        subgraph.answers.add_permits(1);
        let first = flights.share(a(), started, late);
        let second = flights.share(a(), started, || subgraph.call());
        let (first, second) = tokio::join!(first, second);
        assert!(matches!(first, Err(TransportError::Deadline { .. })));
        assert_eq!(body(second), "1");
    }
}
