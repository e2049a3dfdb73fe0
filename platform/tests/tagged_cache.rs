//! The tagged cache over the Redis server named by `VANTAGE_TEST_REDIS_URL`.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use bytes::Bytes;
use platform::cache::tagged::{
    RedisTaggedCache, SharedValue, Snapshot, TagKey, TaggedCache, listed_names,
};
use platform::redis_server::RedisServer;
use uuid::Uuid;

const KEY: [u8; 32] = [7; 32];
const TAGS: [TagKey; 2] = [TagKey::ALL, TagKey([1; 16])];
const NAMES: TagKey = TagKey([2; 16]);

struct Shared {
    url: String,
    prefix: String,
}

impl Shared {
    fn of_test() -> Option<Self> {
        Some(Self {
            url: std::env::var("VANTAGE_TEST_REDIS_URL").ok()?,
            prefix: format!("tagged-{}:", Uuid::new_v4().simple()),
        })
    }

    /// One process' cache; patient, since the machine may be busy.
    fn process(&self) -> RedisTaggedCache {
        let server = RedisServer::open(&self.url).unwrap();
        RedisTaggedCache::new(&server, "test", Duration::from_secs(2)).with_prefix(&*self.prefix)
    }

    async fn command<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        let client = redis::Client::open(&*self.url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        command.query_async(&mut connection).await.unwrap()
    }

    /// Closes the connections of this test's caches.
    async fn disconnect(&self) {
        let clients: String = self.command(redis::cmd("CLIENT").arg("LIST")).await;
        for client in clients.lines() {
            let field = |name: &str| {
                let mut fields = client.split(' ');
                fields.find_map(|field| field.strip_prefix(name).map(str::to_owned))
            };
            if field("name=").is_some_and(|name| name.starts_with(&self.prefix)) {
                let mut kill = redis::cmd("CLIENT");
                kill.arg("KILL").arg("ID").arg(field("id=").unwrap());
                self.command::<u64>(&kill).await;
            }
        }
    }
}

/// Connections are made in the background, and the server must be recognized.
async fn read(cache: &RedisTaggedCache) -> Snapshot {
    let reading = async {
        loop {
            if let Some(snapshot) = cache.read(&[KEY], &TAGS).await {
                return snapshot;
            }
            tokio::task::yield_now().await;
        }
    };
    let reading = tokio::time::timeout(Duration::from_secs(60), reading);
    reading.await.expect("an answer in time")
}

fn value(text: &'static str) -> SharedValue {
    SharedValue {
        key: KEY,
        value: Bytes::from_static(text.as_bytes()),
        lifetime: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn processes_share_values_and_versions() {
    let Some(shared) = Shared::of_test() else {
        return;
    };
    let (one, other) = (shared.process(), shared.process());
    let empty = read(&one).await;
    assert_eq!(empty.values, [None]);
    assert!(empty.versions[0].is_some(), "the session begins with it");
    assert_eq!(empty.versions[1], None);
    let created = one.create(&TAGS).await.unwrap();
    assert_eq!(created[0], empty.versions[0], "only what is missing");
    one.put(vec![value("a")]).await;
    let found = read(&other).await;
    assert_eq!(found.values, [Some(Bytes::from_static(b"a"))]);
    assert_eq!(found.versions, created);
    assert!(found.now >= empty.now);
    assert!(other.change(&TAGS[1..], &[]).await);
    let changed = read(&one).await;
    assert_eq!(changed.versions[0], created[0]);
    assert!(changed.versions[1].is_some() && changed.versions[1] != created[1]);
}

#[tokio::test]
async fn names_are_listed_once_and_survive_other_changes() {
    let Some(shared) = Shared::of_test() else {
        return;
    };
    let cache = shared.process();
    read(&cache).await;
    let list = async || {
        let snapshot = cache.read(&[], &[NAMES]).await.unwrap();
        let version = snapshot.versions[0].clone().unwrap_or_default();
        let names: Vec<String> = listed_names(&version).map(str::to_owned).collect();
        (version, names)
    };
    let id = [(NAMES, "id".to_owned())];
    assert!(cache.change(&[], &id).await);
    let (first, names) = list().await;
    assert_eq!(names, ["id"]);
    assert!(cache.change(&TAGS[1..], &id).await);
    assert_eq!(list().await.0, first);
    assert!(cache.change(&[], &[(NAMES, "upc".to_owned())]).await);
    assert_eq!(list().await.1, ["id", "upc"]);
}

#[tokio::test]
async fn another_connection_to_the_same_server_process_finds_what_was_stored() {
    let Some(shared) = Shared::of_test() else {
        return;
    };
    let cache = shared.process();
    read(&cache).await;
    let versions = cache.create(&TAGS).await.unwrap();
    shared.disconnect().await;
    assert_eq!(read(&cache).await.versions, versions);
}

#[tokio::test]
async fn a_server_process_that_nobody_has_recognized_makes_everything_invalid() {
    let Some(shared) = Shared::of_test() else {
        return;
    };
    let cache = shared.process();
    read(&cache).await;
    let versions = cache.create(&TAGS).await.unwrap();
    let mut replace = redis::cmd("SET");
    // As after a failover: what the server knows is from another one.
    replace.arg(format!("{}run", shared.prefix)).arg("another");
    shared.command::<()>(&replace).await;
    shared.disconnect().await;
    let after = read(&cache).await.versions;
    assert_ne!(after[0], versions[0]);
    assert_eq!(after[1], versions[1]);
}

#[tokio::test]
async fn without_a_server_nothing_is_found_and_no_change_is_certain() {
    let server = RedisServer::open("redis://127.0.0.1:1").unwrap();
    let cache = RedisTaggedCache::new(&server, "test", Duration::from_millis(20));
    for _ in 0..10 {
        assert!(cache.read(&[KEY], &TAGS).await.is_none());
        assert!(!cache.change(&TAGS, &[]).await);
    }
    cache.put(vec![value("a")]).await;
}
