//! Limits the bytes of responses that clients have not read yet, per connection and in total.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Extensions;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use super::config::ConnectionsConfig;
use crate::prepare::OperationKind;

/// Bytes written at a time: reading this much counts as progress.
const CHUNK: usize = 64 * 1024;

/// Smaller responses leave with their headers and are not counted.
const SMALL: usize = 1024;

/// The factor by which clients that do not read are dropped sooner while more than half of the process's limit is in
/// use.
const HURRY: u32 = 10;

/// The unread bytes of a connection or of the whole process. Clones share them.
#[derive(Clone, Debug)]
pub struct Unsent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    bytes: AtomicUsize,
    opened: Instant,
    /// Milliseconds from `opened` to the last time something was held or read.
    moved: AtomicU64,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    Process {
        limit_per_connection: usize,
        write_timeout: Duration,
    },
    Connection {
        process: Unsent,
    },
}

/// Bytes counted until dropped.
#[derive(Debug)]
pub(super) struct Held {
    unsent: Unsent,
    bytes: usize,
}

impl Unsent {
    /// For the process.
    pub fn new(config: &ConnectionsConfig) -> Self {
        let owner = Owner::Process {
            limit_per_connection: config.max_unsent_bytes_per_connection,
            write_timeout: config.write_timeout.get(),
        };
        Self::within(config.max_unsent_bytes, owner)
    }

    /// For a connection of this process.
    pub fn connection(&self) -> Self {
        let limit = match self.0.owner {
            Owner::Process {
                limit_per_connection,
                ..
            } => limit_per_connection,
            Owner::Connection { .. } => self.0.limit,
        };
        let process = self.process().clone();
        Self::within(limit, Owner::Connection { process })
    }

    fn within(limit: usize, owner: Owner) -> Self {
        Self(Arc::new(Inner {
            limit,
            bytes: AtomicUsize::new(0),
            opened: Instant::now(),
            moved: AtomicU64::new(0),
            owner,
        }))
    }

    /// The count for the connection of this request, as created by the listener.
    pub(super) fn of_request(&self, extensions: &Extensions) -> Self {
        let connection = extensions.get::<Self>();
        connection.map_or_else(|| self.connection(), Self::clone)
    }

    fn process(&self) -> &Self {
        match &self.0.owner {
            Owner::Process { .. } => self,
            Owner::Connection { process } => process,
        }
    }

    /// Bytes currently unread.
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// When the client is dropped unless something is read; may move earlier later. `None` while nothing is unread.
    pub fn deadline(&self) -> Option<Instant> {
        if self.bytes() == 0 {
            return None;
        }
        let moved = Duration::from_millis(self.0.moved.load(Ordering::Relaxed));
        Some(self.0.opened + moved + self.process().patience())
    }

    /// How often to check the deadline of a connection with unread bytes.
    pub fn interval(&self) -> Duration {
        self.process().write_timeout() / HURRY
    }

    fn write_timeout(&self) -> Duration {
        match self.0.owner {
            Owner::Process { write_timeout, .. } => write_timeout,
            Owner::Connection { .. } => Duration::MAX,
        }
    }

    /// How long a client may currently go without reading.
    fn patience(&self) -> Duration {
        if self.bytes() > self.0.limit / 2 {
            self.write_timeout() / HURRY
        } else {
            self.write_timeout()
        }
    }

    /// Whether a request may be executed, since its response will be counted.
    pub(super) fn has_room(&self) -> bool {
        let process = self.process();
        self.bytes() < self.0.limit && process.bytes() < process.0.limit
    }

    /// A response body, counted until read; `None` if too much is unread already.
    pub fn body(&self, kind: OperationKind, answer: Bytes) -> Option<Body> {
        if answer.len() <= SMALL {
            return Some(Body::from(answer));
        }
        let held = self.hold(kind, answer.len())?;
        // The compression layer polls once more after the end.
        Some(Body::from_stream(chunks(answer, held).fuse()))
    }

    /// A response body in parts, each counted from when it is there until it is read. If too much is unread, it breaks
    /// off.
    pub(super) fn parts(
        &self,
        kind: OperationKind,
        parts: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Body {
        let unsent = self.clone();
        let parts = parts.map(move |part| match unsent.hold(kind, part.len()) {
            Some(held) => Ok(chunks(part, held)),
            None => Err(std::io::Error::other("too many responses are unread")),
        });
        Body::from_stream(parts.try_flatten().fuse())
    }

    /// Counts a response's bytes; `None` if too many are unread. Always allowed for the only response, and for
    /// mutations, which have already taken effect.
    pub(super) fn hold(&self, kind: OperationKind, bytes: usize) -> Option<Held> {
        if !self.add(bytes, kind == OperationKind::Mutation) {
            metrics::counter!("router_answers_discarded_total").increment(1);
            return None;
        }
        self.moved();
        Some(Held {
            unsent: self.clone(),
            bytes,
        })
    }

    fn add(&self, bytes: usize, in_any_case: bool) -> bool {
        let add = |held: usize| {
            let sum = held.checked_add(bytes)?;
            (held == 0 || sum <= self.0.limit || in_any_case).then_some(sum)
        };
        let held = &self.0.bytes;
        let own = held.try_update(Ordering::Relaxed, Ordering::Relaxed, add);
        if own.is_err() {
            return false;
        }
        let added = match &self.0.owner {
            Owner::Process { .. } => true,
            Owner::Connection { process } => process.add(bytes, in_any_case),
        };
        if !added {
            held.fetch_sub(bytes, Ordering::Relaxed);
        }
        added
    }

    fn moved(&self) {
        let since = self.0.opened.elapsed().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.0.moved.store(since, Ordering::Relaxed);
    }

    fn release(&self, bytes: usize) {
        self.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Owner::Connection { process } = &self.0.owner {
            process.release(bytes);
        }
    }
}

/// Bytes in chunks that are given back as they are read.
fn chunks(bytes: Bytes, held: Held) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold((bytes, held), |(mut rest, mut held)| async move {
        if rest.is_empty() {
            return None;
        }
        // The previous chunk has been sent: a connection only takes what it can write.
        let chunk = rest.split_to(CHUNK.min(rest.len()));
        held.read(chunk.len());
        Some((Ok::<_, std::io::Error>(chunk), (rest, held)))
    })
}

impl Held {
    /// Some of the bytes have been read.
    fn read(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.unsent.release(bytes);
        self.unsent.moved();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unsent.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(limit: usize, limit_per_connection: usize) -> Unsent {
        Unsent::new(&ConnectionsConfig {
            max_unsent_bytes: limit,
            max_unsent_bytes_per_connection: limit_per_connection,
            ..ConnectionsConfig::default()
        })
    }

    #[test]
    fn connections_and_the_process_hold_so_much_only() {
        let process = process(100, 60);
        let (a, b) = (process.connection(), process.connection());
        let hold = |unsent: &Unsent, bytes| unsent.hold(OperationKind::Query, bytes);
        let large = hold(&a, 500).expect("one answer always may be held");
        assert!(hold(&b, 1).is_none() && hold(&a, 1).is_none());
        assert!(!a.has_room() && !b.has_room());
        assert_eq!((a.bytes(), b.bytes(), process.bytes()), (500, 0, 500));
        drop(large);
        let first = hold(&a, 60).expect("there is room");
        assert!(hold(&a, 1).is_none() && !a.has_room());
        assert!(hold(&b, 41).is_none() && b.has_room());
        let second = hold(&b, 40).expect("there is room");
        assert_eq!(process.bytes(), 100);
        let done = b.hold(OperationKind::Mutation, 50);
        assert_eq!((b.bytes(), process.bytes()), (90, 150));
        drop((first, second, done));
        assert_eq!((a.bytes(), b.bytes(), process.bytes()), (0, 0, 0));
    }

    #[tokio::test]
    async fn what_is_read_is_given_back() {
        let connection = process(1 << 20, 1 << 20).connection();
        let answer = Bytes::from(vec![b'x'; 3 * CHUNK]);
        let body = connection
            .body(OperationKind::Query, answer.clone())
            .expect("held");
        assert_eq!(connection.bytes(), 3 * CHUNK);
        let mut chunks = body.into_data_stream();
        let mut read = Vec::new();
        for left in [2, 1, 0] {
            read.extend_from_slice(&chunks.next().await.expect("a chunk").expect("bytes"));
            assert_eq!(connection.bytes(), left * CHUNK);
        }
        assert!(chunks.next().await.is_none() && read == answer);
    }

    #[test]
    fn a_client_has_its_time_from_when_something_last_moved() {
        let timeout = ConnectionsConfig::default().write_timeout.get();
        let process = process(1000, 1000);
        let (connection, other) = (process.connection(), process.connection());
        assert_eq!(connection.deadline(), None);
        let mut held = connection
            .hold(OperationKind::Query, 400)
            .expect("there is room");
        let first = connection.deadline().expect("something is held");
        assert!(first > Instant::now() + timeout / 2);
        // Another connection needs the room.
        let needed = other.hold(OperationKind::Query, 400);
        let sooner = connection.deadline().expect("something is held");
        assert_eq!(first - sooner, timeout - timeout / HURRY);
        drop(needed);
        assert_eq!(connection.deadline(), Some(first));
        while connection.deadline() == Some(first) {
            held.read(0);
        }
        assert!(connection.deadline() > Some(first));
        drop(held);
        assert_eq!(connection.deadline(), None);
    }
}
