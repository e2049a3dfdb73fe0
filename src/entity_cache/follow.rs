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
            has_begun: false,
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
    /// Whether it has received messages before: then it may have missed some.
    has_begun: bool,
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
                self.shared.doubt();
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
        let is_next = last.unwrap_or_default().checked_add(1) == Some(message.number);
        // Others have begun before this process, unless this is their first message.
        let is_gap = !is_next && !(is_own && last.is_none());
        if !message.recorded && (is_gap || !message.invalid.is_empty()) {
            self.shared.doubt();
        }
        if is_gap {
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
        if std::mem::replace(&mut self.has_begun, true) {
            // One of the messages that were missed may have said that something is not recorded.
            self.shared.doubt();
        }
        self.cache.resume();
        self.supervisor.set_degraded(PART, None);
    }
}

#[cfg(test)]
mod tests {
    use platform::pubsub::InProcess;
    use platform::testing::until;
    use router::{EntityCacheConfig, Invalidation};
    use tokio::sync::Mutex;

    use super::*;

    fn shared() -> Arc<Shared> {
        Arc::new(Shared {
            pubsub: Arc::new(InProcess::new()),
            values: None,
            sender: Uuid::now_v7(),
            number: Mutex::new(0),
        })
    }

    fn follower() -> Follower {
        Follower {
            cache: EntityCache::new(EntityCacheConfig::default()),
            shared: shared(),
            supervisor: Supervisor::new(),
            numbers: HashMap::new(),
            received: Instant::now(),
            has_begun: false,
        }
    }

    fn message(sender: Uuid, number: u64, invalidations: usize) -> Vec<u8> {
        let invalid = Invalidation {
            types: vec!["Product".to_owned()],
            ..Invalidation::default()
        };
        let message = Message {
            sender,
            number,
            invalid: vec![invalid; invalidations],
            recorded: false,
        };
        serde_json::to_vec(&message).unwrap()
    }

    #[test]
    fn what_others_invalidate_is_applied_and_a_missing_message_empties_the_cache() {
        let mut follower = follower();
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let mut check = |message: &[u8], expected: u64| {
            let before = follower.cache.epoch();
            follower.receive(message);
            assert_eq!(follower.cache.epoch() - before, expected);
        };
        check(&message(one, 1, 1), 1);
        check(&message(one, 2, 0), 0);
        check(&message(one, 3, 2), 2);
        // Whoever has begun before may have sent something before.
        check(&message(other, 7, 1), 2);
        check(&message(other, 8, 1), 1);
        // The fourth is missing.
        check(&message(one, 5, 1), 2);
        check(b"{}", 1);
    }

    #[test]
    fn its_own_messages_are_applied_already_and_show_that_it_receives() {
        let mut follower = follower();
        let own = follower.shared.sender;
        let before = follower.cache.epoch();
        follower.receive(&message(own, 4, 1));
        follower.receive(&message(own, 5, 1));
        assert_eq!(follower.cache.epoch(), before);
        follower.cache.suspend();
        follower.receive(&message(own, 6, 0));
        assert!(!follower.cache.is_suspended());
        assert!(follower.cache.epoch() > before, "it begins empty");
    }

    #[tokio::test]
    async fn a_cache_is_used_once_invalidations_are_received() {
        let (cache, shared) = (EntityCache::new(EntityCacheConfig::default()), shared());
        let supervisor = Supervisor::new();
        start(&cache, &shared, &supervisor);
        assert!(cache.is_suspended());
        until("the cache is used", async || !cache.is_suspended()).await;
        let before = cache.epoch();
        let other = message(Uuid::now_v7(), 1, 1);
        shared.pubsub.publish(CHANNEL, other.into()).await.unwrap();
        until("the cache is invalidated", async || cache.epoch() != before).await;
        supervisor.shutdown(Duration::from_secs(5)).await;
    }
}
