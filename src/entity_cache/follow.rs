//! Receives the invalidations of other processes. While they may be missed, the cache is not used.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use platform::backoff::Backoff;
use platform::pubsub::{Signal, Subscription};
use platform::supervisor::{Stage, Supervisor};
use router::EntityCache;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{CHANNEL, Message, Shared};

/// How often this process checks that it receives what it publishes.
const CHECK: Duration = Duration::from_secs(1);
/// How long it may receive nothing: the connection may be dead although nobody has closed it.
const SILENCE: Duration = Duration::from_secs(3);
/// Processes whose messages are counted; those that have ended are forgotten with all others.
const MAX_SENDERS: usize = 10_000;
/// The part that `/readyz` reports as degraded.
const PART: &str = "entity cache";

/// Follows the invalidations in supervised tasks. The cache is suspended until they arrive.
pub(super) fn start(cache: &EntityCache, shared: &Arc<Shared>, supervisor: &Supervisor) {
    cache.suspend();
    let checking = shared.clone();
    supervisor.start(Stage::Support, "entity_cache.check", move |stop| {
        check(checking.clone(), stop)
    });
    let (cache, shared, reporting) = (cache.clone(), shared.clone(), supervisor.clone());
    supervisor.start(Stage::Support, "entity_cache.follow", move |stop| {
        let follower = Follower {
            cache: cache.clone(),
            shared: shared.clone(),
            supervisor: reporting.clone(),
            numbers: HashMap::new(),
            received: Instant::now(),
        };
        follower.run(stop)
    });
}

/// Publishes messages without content, which this process should receive.
async fn check(shared: Arc<Shared>, stop: CancellationToken) {
    let mut due = tokio::time::interval(CHECK);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = due.tick() => shared.send(Vec::new()).await,
        }
    }
}

struct Follower {
    cache: EntityCache,
    shared: Arc<Shared>,
    supervisor: Supervisor,
    /// The number of the last message of each sender.
    numbers: HashMap<Uuid, u64>,
    /// When the last message of this process arrived.
    received: Instant,
}

impl Follower {
    async fn run(mut self, stop: CancellationToken) {
        // After a restart of this task, messages have been missed.
        self.cache.suspend();
        stop.run_until_cancelled(self.subscribe()).await;
    }

    async fn subscribe(&mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            match self.shared.pubsub.subscribe(CHANNEL).await {
                Ok(subscription) => {
                    backoff.reset();
                    self.follow(subscription).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "entity cache suspended");
                    let reason = "invalidations cannot be received from Redis".to_owned();
                    self.supervisor.set_degraded(PART, Some(reason));
                }
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    /// Applies what arrives, for as long as the subscription lasts.
    async fn follow(&mut self, mut subscription: Subscription) {
        let connection = subscription.connection();
        self.resume();
        let mut due = tokio::time::interval(CHECK);
        loop {
            let is_used = !self.cache.is_suspended();
            tokio::select! {
                () = connection.lost(), if is_used => {
                    self.suspend("the connection to Redis is lost, so invalidations may be missed");
                }
                signal = subscription.next() => match signal {
                    Some(Signal::Message(message)) => self.receive(&message),
                    Some(Signal::Gap) => self.resume(),
                    None => return,
                },
                _ = due.tick() => {
                    if is_used && self.received.elapsed() > SILENCE {
                        self.suspend("nothing arrives over Redis, so invalidations may be missed");
                    }
                }
            }
        }
    }

    fn receive(&mut self, message: &[u8]) {
        let message: Message = match serde_json::from_slice(message) {
            Ok(message) => message,
            Err(error) => {
                // Of another version, perhaps.
                tracing::warn!(%error, "invalidation cannot be read, the entity cache is emptied");
                self.cache.clear();
                return;
            }
        };
        let is_own = message.sender == self.shared.sender;
        if is_own {
            self.received = Instant::now();
            if self.cache.is_suspended() {
                self.resume();
            }
        }
        if self.numbers.len() >= MAX_SENDERS {
            self.numbers.clear();
            self.cache.clear();
        }
        let last = self.numbers.insert(message.sender, message.number);
        let is_next = message.number == last.unwrap_or_default() + 1;
        // Others have begun before this process, unless this is their first message.
        if !is_next && !(is_own && last.is_none()) {
            self.cache.clear();
        }
        // Its own are applied already.
        if !is_own {
            for invalid in &message.invalid {
                self.cache.invalidate(invalid);
            }
        }
    }

    fn suspend(&self, reason: &str) {
        self.cache.suspend();
        tracing::warn!(reason, "entity cache suspended");
        self.supervisor.set_degraded(PART, Some(reason.to_owned()));
    }

    /// Begins again with an empty cache.
    fn resume(&mut self) {
        self.numbers.clear();
        self.received = Instant::now();
        self.cache.resume();
        self.supervisor.set_degraded(PART, None);
    }
}
