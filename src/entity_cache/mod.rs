//! Keeps the routers' entity caches right: whatever changes public data invalidates it in the router of this process
//! and, over Redis, in those of all others.

mod bus;
mod commits;
mod endpoint;
mod events;
mod follow;

use std::sync::Arc;

use anyhow::Context;
use platform::cache::tagged::RedisTaggedCache;
use platform::pubsub::{PubSub, RedisPubSub};
use platform::redis_server::RedisServer;
use platform::supervisor::Supervisor;
use router::{EntityCache, Invalidation, SharedValues};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

pub(crate) use bus::InvalidatingBus;
pub(crate) use commits::follow_commits;
pub(crate) use endpoint::routes;

use crate::config::Configuration;

/// The channel of all processes that share a Redis server.
const CHANNEL: &str = "entity_cache";

/// Beyond this, whole types are invalidated instead of single entities.
const MAX_ENTITIES: usize = 1_000;

/// What one process has invalidated.
#[derive(Debug, Serialize, Deserialize)]
struct Message {
    /// The process that sends it.
    sender: Uuid,
    /// Counts the sender's messages: if one is missing, anything may have been invalidated.
    number: u64,
    invalid: Vec<Invalidation>,
    /// Whether everything that the sender has invalidated so far is also recorded beside the values in Redis. Processes
    /// without these do not say so.
    #[serde(default)]
    recorded: bool,
}

/// Invalidates the entity caches of all routers. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Invalidations {
    cache: Option<EntityCache>,
    shared: Option<Arc<Shared>>,
}

/// The way to other processes.
#[derive(Debug)]
struct Shared {
    pubsub: Arc<dyn PubSub>,
    /// The values that routers share in Redis, whether or not there is a router here.
    values: Option<SharedValues>,
    sender: Uuid,
    /// The number of the last message; held while one is published, so that they arrive in order.
    number: Mutex<u64>,
}

impl Invalidations {
    /// With the cache of this process's router, if it has one, and those of others, if Redis is configured.
    pub(crate) fn new(
        configuration: &Configuration,
        cache: Option<EntityCache>,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Self> {
        let values = match &cache {
            Some(cache) => cache.shared().cloned(),
            None => shared_values(configuration)?,
        };
        let shared = configuration.redis()?.map(|server| {
            let pubsub: Arc<dyn PubSub> = Arc::new(RedisPubSub::new(&server, supervisor));
            Arc::new(Shared {
                pubsub,
                values,
                sender: Uuid::now_v7(),
                number: Mutex::new(0),
            })
        });
        if let (Some(cache), Some(shared)) = (&cache, &shared) {
            follow::start(cache, shared, supervisor);
        }
        Ok(Self { cache, shared })
    }

    /// Whether there is a cache to invalidate, here or elsewhere.
    pub(crate) const fn is_used(&self) -> bool {
        self.cache.is_some() || self.shared.is_some()
    }

    /// The cache of this process's router.
    pub(crate) fn cache(&self) -> Option<&EntityCache> {
        self.cache.as_ref()
    }

    /// Invalidates in this process at once, then in Redis if values are there, and in other processes as soon as they
    /// receive it.
    pub(crate) async fn announce(&self, invalid: Vec<Invalidation>) {
        let invalid: Vec<Invalidation> = invalid.into_iter().map(bounded).collect();
        let values = self
            .shared
            .as_ref()
            .and_then(|shared| shared.values.as_ref());
        // Before anything else: until it is recorded, nothing from before is read from Redis.
        let recording = values.map(SharedValues::begin);
        if let Some(cache) = &self.cache {
            invalid.iter().for_each(|invalid| cache.invalidate(invalid));
        }
        let is_recorded = match recording {
            Some(recording) => recording.record(&invalid).await,
            None => false,
        };
        if let Some(shared) = &self.shared {
            shared.publish(invalid, is_recorded).await;
        }
    }
}

impl Shared {
    async fn send(&self, invalid: Vec<Invalidation>) {
        let is_recorded = self.values.as_ref().is_some_and(SharedValues::is_certain);
        self.publish(invalid, is_recorded).await;
    }

    /// Something may have been invalidated that is not recorded in Redis.
    fn doubt(&self) {
        if let Some(values) = &self.values {
            values.doubt();
        }
    }

    async fn publish(&self, invalid: Vec<Invalidation>, recorded: bool) {
        let mut number = self.number.lock().await;
        *number += 1;
        let message = Message {
            sender: self.sender,
            number: *number,
            invalid,
            recorded,
        };
        let sent = match serde_json::to_vec(&message) {
            Ok(message) => self.pubsub.publish(CHANNEL, message.into()).await,
            Err(error) => {
                tracing::error!(%error, "invalidation not written");
                return;
            }
        };
        // The next message shows others that this one is missing.
        if let Err(error) = sent {
            tracing::warn!(%error, "invalidation not published");
        }
    }
}

/// The cache of this process's router, if it is to have one.
pub(crate) fn cache(
    configuration: &Configuration,
    is_enabled: bool,
) -> anyhow::Result<Option<EntityCache>> {
    if !is_enabled {
        return Ok(None);
    }
    let config = &configuration.router.entity_cache;
    let shared = shared_values(configuration)?;
    Ok(Some(EntityCache::with_shared(config.clone(), shared)))
}

/// The values that routers share in Redis, if that is configured.
fn shared_values(configuration: &Configuration) -> anyhow::Result<Option<SharedValues>> {
    let config = &configuration.router.entity_cache.redis;
    if !config.enabled {
        return Ok(None);
    }
    let server = match &config.url {
        Some(url) => RedisServer::new(url.expose(), &configuration.redis),
        None => match configuration.redis()? {
            Some(server) => Ok(server),
            None => return Ok(None),
        },
    };
    let server = server.context("router.entity_cache.redis.url")?;
    let cache = RedisTaggedCache::new(&server, "entity_cache", config.timeout.get());
    Ok(Some(SharedValues::new(Arc::new(cache), config.clone())))
}

/// Of too many entities, their types: a message and a table of invalidations have bounds.
fn bounded(mut invalid: Invalidation) -> Invalidation {
    if invalid.entities.len() > MAX_ENTITIES {
        let entities = std::mem::take(&mut invalid.entities);
        let types = entities.into_iter().map(|entity| entity.type_name);
        invalid.types.extend(types);
        invalid.types.sort_unstable();
        invalid.types.dedup();
    }
    invalid
}

#[cfg(test)]
mod tests {
    use router::InvalidEntity;

    use super::*;

    #[test]
    fn very_many_entities_are_invalidated_by_their_types() {
        let products = |count: usize| Invalidation {
            entities: (0..count)
                .map(|number| InvalidEntity::new("Product", "id", number))
                .collect(),
            ..Invalidation::default()
        };
        assert_eq!(bounded(products(1_000)), products(1_000));
        let expected = Invalidation {
            types: vec!["Product".to_owned()],
            ..Invalidation::default()
        };
        assert_eq!(bounded(products(1_001)), expected);
    }
}
