//! Publishing over Redis. While the server is unreachable, the newest message of each channel is kept and sent later,
//! so that watchers reach the final state.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use redis::RedisError;
use tokio::sync::Notify;

use super::reconnecting;
use crate::pubsub::PubSubError;
use crate::redis_connection::Connection;
use crate::redis_server::RedisServer;

/// Time limit for sending one message.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Most channels whose newest message is kept.
const MAX_UNSENT: usize = 100_000;

pub(super) struct Publisher {
    connection: Connection,
    unsent: Mutex<Unsent>,
    /// Notified when there is something to resend.
    stored: Notify,
}

#[derive(Default)]
struct Unsent {
    newest: HashMap<String, Bytes>,
    /// Whether kept messages are being resent.
    resending: bool,
}

impl Publisher {
    pub(super) fn new(server: &RedisServer) -> Self {
        Self {
            connection: Connection::lazy(server, TIMEOUT),
            unsent: Mutex::default(),
            stored: Notify::new(),
        }
    }

    pub(super) async fn publish(&self, channel: &str, message: Bytes) -> Result<(), PubSubError> {
        // Others already wait, so the server is known to be unreachable; do not wait for it again.
        if !self.unsent().resending {
            match self.send(channel, &message).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(%error, "message not published, will be resent"),
            }
        }
        self.store_unsent(channel, message)
    }

    async fn send(&self, channel: &str, message: &Bytes) -> Result<(), RedisError> {
        redis::cmd("PUBLISH")
            .arg(channel)
            .arg(message.as_ref())
            .exec_async(&mut self.connection.clone())
            .await
    }

    fn store_unsent(&self, channel: &str, message: Bytes) -> Result<(), PubSubError> {
        let mut unsent = self.unsent();
        if unsent.newest.len() >= MAX_UNSENT && !unsent.newest.contains_key(channel) {
            return Err(PubSubError::Overloaded(MAX_UNSENT));
        }
        unsent.newest.insert(channel.to_owned(), message);
        if !std::mem::replace(&mut unsent.resending, true) {
            self.stored.notify_one();
        }
        Ok(())
    }

    /// One of the kept messages. When there are none, new messages are sent directly again.
    fn next_unsent(&self) -> Option<(String, Bytes)> {
        let mut unsent = self.unsent();
        let next = unsent
            .newest
            .iter()
            .next()
            .map(|(channel, message)| (channel.clone(), message.clone()));
        unsent.resending = next.is_some();
        next
    }

    /// Removes a message that was sent, unless a newer one has replaced it.
    fn remove_sent(&self, channel: &str, message: &Bytes) {
        let mut unsent = self.unsent();
        if unsent.newest.get(channel) == Some(message) {
            unsent.newest.remove(channel);
        }
    }

    /// Resends kept messages whenever there are any.
    pub(super) async fn resend(self: Arc<Self>) {
        let mut backoff = reconnecting();
        loop {
            let Some((channel, message)) = self.next_unsent() else {
                self.stored.notified().await;
                continue;
            };
            match self.send(&channel, &message).await {
                Ok(()) => {
                    self.remove_sent(&channel, &message);
                    backoff.reset();
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(%error, ?wait, "pub/sub server unreachable");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn unsent(&self) -> parking_lot::MutexGuard<'_, Unsent> {
        self.unsent.lock()
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("unsent", &self.unsent().newest.len())
            .finish_non_exhaustive()
    }
}
