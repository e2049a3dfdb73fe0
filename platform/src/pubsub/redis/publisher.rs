//! Publishing over Redis. While the server cannot be reached, the newest message of each channel
//! is kept and sent when it is back, so that watchers reach the final state.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError};

use super::reconnecting;
use crate::pubsub::PubSubError;

/// How long the server may take for one message.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Channels whose newest message is kept at most.
const KEPT: usize = 100_000;

pub(super) struct Publisher {
    connection: ConnectionManager,
    unsent: Mutex<Unsent>,
}

#[derive(Default)]
struct Unsent {
    newest: HashMap<String, Bytes>,
    /// Whether a task is at work to send them.
    resending: bool,
}

impl Publisher {
    pub(super) fn new(client: Client) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_number_of_retries(1);
        Ok(Self {
            connection: ConnectionManager::new_lazy_with_config(client, config)?,
            unsent: Mutex::default(),
        })
    }

    pub(super) async fn publish(
        self: &Arc<Self>,
        channel: &str,
        message: Bytes,
    ) -> Result<(), PubSubError> {
        // While others wait already, the server is known to be away: nobody waits for it again.
        if !self.unsent().resending {
            match self.send(channel, &message).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(%error, "a message waits for the pub/sub server"),
            }
        }
        self.keep(channel, message)
    }

    async fn send(&self, channel: &str, message: &Bytes) -> Result<(), RedisError> {
        redis::cmd("PUBLISH")
            .arg(channel)
            .arg(message.as_ref())
            .exec_async(&mut self.connection.clone())
            .await
    }

    fn keep(self: &Arc<Self>, channel: &str, message: Bytes) -> Result<(), PubSubError> {
        let mut unsent = self.unsent();
        if unsent.newest.len() >= KEPT && !unsent.newest.contains_key(channel) {
            return Err(PubSubError::Overloaded(KEPT));
        }
        unsent.newest.insert(channel.to_owned(), message);
        if !std::mem::replace(&mut unsent.resending, true) {
            tokio::spawn(resend(Arc::downgrade(self)));
        }
        Ok(())
    }

    /// One of the kept messages; without any, the task that asks is done.
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

    /// Forgets a message that was sent, unless a newer one has taken its place.
    fn sent(&self, channel: &str, message: &Bytes) {
        let mut unsent = self.unsent();
        if unsent.newest.get(channel) == Some(message) {
            unsent.newest.remove(channel);
        }
    }

    fn unsent(&self) -> std::sync::MutexGuard<'_, Unsent> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends what was kept, for as long as there is something and somebody uses the publisher.
async fn resend(publisher: std::sync::Weak<Publisher>) {
    let mut backoff = reconnecting();
    while let Some(publisher) = publisher.upgrade() {
        let Some((channel, message)) = publisher.next_unsent() else {
            return;
        };
        match publisher.send(&channel, &message).await {
            Ok(()) => {
                publisher.sent(&channel, &message);
                backoff.reset();
            }
            Err(error) => {
                let wait = backoff.next_wait();
                tracing::warn!(%error, ?wait, "the pub/sub server is not reachable");
                drop(publisher);
                tokio::time::sleep(wait).await;
            }
        }
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher")
            .field("unsent", &self.unsent().newest.len())
            .finish_non_exhaustive()
    }
}
