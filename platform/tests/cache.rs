//! The contract of every cache, in process and over the Redis server named by `VANTAGE_TEST_REDIS_URL`.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::{Duration, Instant};

use platform::cache::{Cache, CacheBounds, InProcessCache, RedisCache};
use platform::redis_server::RedisServer;
use tokio::net::TcpListener;
use uuid::Uuid;

const BOUNDS: CacheBounds = CacheBounds {
    max_entries: 100,
    max_bytes: 100_000,
    ttl: Duration::from_secs(60),
};

fn server() -> Option<String> {
    std::env::var("VANTAGE_TEST_REDIS_URL").ok()
}

/// A cache that a busy machine does not make skip Redis.
fn patient(url: &str, name: &'static str, bounds: CacheBounds) -> RedisCache {
    let cache = RedisCache::new(&RedisServer::open(url).unwrap(), name, bounds);
    cache.with_timeout(Duration::from_secs(20))
}

/// Every kind of cache that this machine can run.
fn caches(bounds: CacheBounds) -> Vec<Box<dyn Cache>> {
    let mut caches: Vec<Box<dyn Cache>> = vec![Box::new(InProcessCache::new(bounds))];
    if let Some(url) = server() {
        caches.push(Box::new(patient(&url, "test", bounds)));
    }
    caches
}

/// A key unique to this test.
fn key() -> String {
    Uuid::now_v7().to_string()
}

#[tokio::test]
async fn what_was_put_last_is_there() {
    for cache in caches(BOUNDS) {
        let key = key();
        assert_eq!(cache.get(&key).await, None, "{cache:?}");
        for value in ["one", "another", ""] {
            cache.put(&key, value.into()).await;
            assert_eq!(
                cache.get(&key).await.as_deref(),
                Some(value.as_bytes()),
                "{cache:?}"
            );
        }
        assert_eq!(cache.get(&format!("{key}x")).await, None, "{cache:?}");
    }
}

#[tokio::test]
async fn a_removed_value_is_gone_and_can_be_put_again() {
    for cache in caches(BOUNDS) {
        let key = key();
        cache.remove(&key).await;
        cache.put(&key, "old".into()).await;
        cache.remove(&key).await;
        assert_eq!(cache.get(&key).await, None, "{cache:?}");
        cache.put(&key, "new".into()).await;
        assert_eq!(
            cache.get(&key).await.as_deref(),
            Some(b"new".as_slice()),
            "{cache:?}"
        );
    }
}

#[tokio::test]
async fn a_value_is_gone_when_its_time_is_over() {
    for cache in caches(CacheBounds {
        ttl: Duration::from_millis(30),
        ..BOUNDS
    }) {
        let key = key();
        cache.put(&key, "short".into()).await;
        let gone = async {
            while cache.get(&key).await.is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), gone)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn processes_share_what_is_in_redis() {
    let Some(url) = server() else { return };
    let process = |name| patient(&url, name, BOUNDS);
    let (one, other) = (process("test"), process("test"));
    let key = key();
    one.put(&key, "shared".into()).await;
    assert_eq!(other.get(&key).await.as_deref(), Some(b"shared".as_slice()));
    assert_eq!(process("another").get(&key).await, None);
}

#[tokio::test]
async fn a_redis_that_does_not_answer_costs_a_moment_and_no_value_of_this_process() {
    // One server accepts connections but never answers; the other does not exist.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("redis://{}", listener.local_addr().unwrap());
    for url in [&*silent, "redis://127.0.0.1:9"] {
        let mut fastest = Duration::MAX;
        for _ in 0..3 {
            let cache = RedisCache::new(&RedisServer::open(url).unwrap(), "test", BOUNDS);
            let key = key();
            let started = Instant::now();
            assert_eq!(cache.get(&key).await, None);
            cache.put(&key, "mine".into()).await;
            fastest = fastest.min(started.elapsed());
            assert_eq!(cache.get(&key).await.as_deref(), Some(b"mine".as_slice()));
        }
        // Connecting alone may take longer, if somebody waits for it.
        assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    }
}
