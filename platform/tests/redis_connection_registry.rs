//! Counting connections over the Redis server named by `VANTAGE_TEST_REDIS_URL`.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::time::Duration;

use platform::connection_registry::{ConnectionRegistry, Evictions};
use platform::pubsub::RedisPubSub;
use platform::redis_server::RedisServer;
use platform::supervisor::Supervisor;
use uuid::Uuid;

const MAX: usize = 2;

fn instance() -> Option<(ConnectionRegistry, Evictions)> {
    let url = std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
    let pubsub = Arc::new(RedisPubSub::new(
        &RedisServer::open(&url).unwrap(),
        &Supervisor::new(),
    ));
    Some(ConnectionRegistry::new(
        &RedisServer::open(&url).unwrap(),
        pubsub,
        MAX,
        &Supervisor::new(),
    ))
}

async fn evicted(evictions: &mut Evictions) -> u64 {
    let evicted = tokio::time::timeout(Duration::from_secs(60), evictions.recv());
    evicted.await.expect("an eviction in time").unwrap()
}

#[tokio::test]
async fn one_too_many_evicts_the_users_oldest_wherever_it_is() {
    let Some((first, mut from_first)) = instance() else {
        return;
    };
    let (second, mut from_second) = instance().unwrap();
    let user = Uuid::now_v7().to_string();
    let other = Uuid::now_v7().to_string();
    first.add(&other, 1);
    // One round trip after the other: the server's clock decides which is older.
    first.add(&user, 2);
    first.add(&user, 3);
    first.add(&user, 4);
    assert_eq!(evicted(&mut from_first).await, 2);
    second.add(&user, 1);
    assert_eq!(evicted(&mut from_first).await, 3);
    // A closed connection makes room.
    first.remove(&user, 4);
    first.add(&user, 5);
    first.add(&user, 6);
    assert_eq!(evicted(&mut from_second).await, 1);
    assert!(from_first.try_recv().is_err(), "nobody else has to close");
}
