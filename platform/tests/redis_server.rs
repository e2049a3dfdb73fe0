//! Redis as it is run: with TLS, users and Sentinels. Each test starts servers of its own, if `redis-server` is installed
//! (`VANTAGE_TEST_REDIS_URL` is set).

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[expect(unreachable_pub, reason = "as in the library")]
#[path = "../src/testing/ports.rs"]
mod ports;

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use platform::bus::{Event, EventBus, RedisBus};
use platform::cache::{Cache, CacheBounds, RedisCache};
use platform::pubsub::{PubSub, RedisPubSub, Signal};
use platform::redis_server::{RedisConfig, RedisServer};
use platform::supervisor::Supervisor;
use uuid::Uuid;

/// A Sentinel whose clock has jumped, as on a busy machine, does nothing for half a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server of this test's own, in a directory that ends with it.
struct Server {
    process: Child,
    directory: tempfile::TempDir,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory, arguments)
    }

    fn start_in(directory: tempfile::TempDir, arguments: &[&str]) -> Self {
        let process = Command::new("redis-server")
            .args(arguments)
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("a Redis server on the PATH");
        Self { process, directory }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn can_run() -> bool {
    std::env::var("VANTAGE_TEST_REDIS_URL").is_ok()
}

fn event(sequence: i64) -> Arc<Event> {
    Arc::new(Event {
        id: Uuid::now_v7(),
        topic: "things".to_owned(),
        event_type: "thing.happened".to_owned(),
        aggregate_id: "a".to_owned(),
        sequence,
        occurred_at: chrono::DateTime::UNIX_EPOCH,
        data: serde_json::json!({ "version": 1 }),
        traceparent: None,
    })
}

/// Publishes the event again and again until the server has it.
async fn publish(bus: &RedisBus, event: &Arc<Event>) {
    let publishing = async {
        while bus.publish(std::slice::from_ref(event)).await[0].is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let published = tokio::time::timeout(PATIENCE, publishing).await;
    published.expect("published in time");
}

/// Events, live messages and a cache go through this server.
async fn works(server: &RedisServer) {
    let bus = RedisBus::new(server);
    let told = event(1);
    publish(&bus, &told).await;
    let mut group = bus.subscribe(&["things"], "group").unwrap();
    let received = tokio::time::timeout(PATIENCE, group.receive()).await;
    assert_eq!(received.unwrap().unwrap(), [told]);
    group.commit().await.unwrap();

    let pubsub = RedisPubSub::new(server, &Supervisor::new());
    let mut channel = pubsub.subscribe("channel").await.unwrap();
    let message = Bytes::from_static(b"hello");
    pubsub.publish("channel", message.clone()).await.unwrap();
    let heard = tokio::time::timeout(PATIENCE, channel.next()).await;
    assert!(matches!(heard.unwrap(), Some(Signal::Message(text)) if text == message));

    let bounds = CacheBounds {
        max_entries: 10,
        max_bytes: 1_000,
        ttl: Duration::from_secs(60),
    };
    let cache = || RedisCache::new(server, "test", bounds).with_timeout(PATIENCE);
    cache().put("key", message.clone()).await;
    assert_eq!(cache().get("key").await, Some(message));
}

/// A certificate for `localhost` and its key, as the files `server.pem` and `server.key` of this directory.
fn write_certificate(directory: &Path) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = certified.signing_key.serialize_pem();
    std::fs::write(directory.join("server.pem"), certified.cert.pem()).unwrap();
    std::fs::write(directory.join("server.key"), key).unwrap();
}

#[tokio::test]
async fn a_user_is_signed_in_over_tls_with_a_private_authority() {
    if !can_run() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    write_certificate(directory.path());
    let port = ports::free_port().to_string();
    let tls = [
        "--port",
        "0",
        "--tls-port",
        &port,
        "--tls-auth-clients",
        "no",
    ];
    let files = [
        "--tls-cert-file",
        "server.pem",
        "--tls-key-file",
        "server.key",
    ];
    let more = ["--tls-ca-cert-file", "server.pem", "--bind", "127.0.0.1"];
    let users = "--user default off --user vantage on >password-of-tests ~* &* +@all";
    let users: Vec<_> = users.split(' ').collect();
    let redis = Server::start_in(directory, &[&tls[..], &files, &more, &users].concat());
    let config = RedisConfig {
        ca_file: Some(redis.directory.path().join("server.pem")),
        ..RedisConfig::default()
    };
    let url = format!("rediss://vantage:password-of-tests@localhost:{port}/3");
    works(&RedisServer::new(&url, &config).unwrap()).await;

    let told = [event(1)];
    let wrong = format!("rediss://vantage:something-else@localhost:{port}");
    let wrong = RedisBus::new(&RedisServer::new(&wrong, &config).unwrap());
    let problem = wrong
        .publish(&told)
        .await
        .remove(0)
        .unwrap_err()
        .to_string();
    assert!(problem.contains("uthentication"), "{problem}");
    // The system's authorities do not know this one.
    let distrusted = RedisBus::new(&RedisServer::open(&url).unwrap());
    assert!(distrusted.publish(&told).await[0].is_err());
}

#[tokio::test]
async fn sentinels_name_the_master_also_after_a_failover() {
    if !can_run() {
        return;
    }
    let [first, second, watching] = [(); 3].map(|()| ports::free_port().to_string());
    let bound = ["--bind", "127.0.0.1", "--requirepass", "password-of-tests"];
    let bound = [&bound[..], &["--masterauth", "password-of-tests"]].concat();
    let master = Server::start(&[&["--port", &first][..], &bound].concat());
    let replica = ["--port", &second, "--replicaof", "127.0.0.1", &first];
    let _replica = Server::start(&[&replica[..], &bound].concat());
    let directory = tempfile::tempdir().unwrap();
    let sentinel = format!(
        "port {watching}\nbind 127.0.0.1\nsentinel monitor shop 127.0.0.1 {first} 1\n\
         sentinel auth-pass shop password-of-tests\nsentinel down-after-milliseconds shop 1000\n\
         sentinel failover-timeout shop 5000\n"
    );
    std::fs::write(directory.path().join("sentinel.conf"), sentinel).unwrap();
    let _sentinel = Server::start_in(directory, &["sentinel.conf", "--sentinel"]);
    let config = RedisConfig {
        // The first is away.
        sentinels: vec!["127.0.0.1:1".to_owned(), format!("127.0.0.1:{watching}")],
        ..RedisConfig::default()
    };
    let server = RedisServer::new("redis://:password-of-tests@shop", &config).unwrap();
    let reached = async {
        while RedisBus::new(&server).check().await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached)
        .await
        .expect("Redis in time");
    works(&server).await;
    // A Sentinel learns of a replica when it next asks the master, and promotes only one that it knows to follow.
    let mut sentinel = redis::Client::open(format!("redis://127.0.0.1:{watching}"))
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let known = async {
        loop {
            let replicas: Vec<HashMap<String, String>> = redis::cmd("SENTINEL")
                .arg("REPLICAS")
                .arg("shop")
                .query_async(&mut sentinel)
                .await
                .unwrap();
            let follows = |replica: &HashMap<String, String>| {
                replica["flags"] == "slave" && replica["master-link-status"] == "ok"
            };
            if replicas.iter().any(follows) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known)
        .await
        .expect("a known replica in time");

    let bus = RedisBus::new(&server);
    let mut group = bus.subscribe(&["things"], "group").unwrap();
    drop(master);
    let told = event(2);
    publish(&bus, &told).await;
    let received = async {
        loop {
            match group.receive().await {
                Ok(events) if events.contains(&told) => return,
                Ok(_) => group.commit().await.unwrap(),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, received)
        .await
        .expect("the event in time");
}
