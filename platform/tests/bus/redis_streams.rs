//! The event bus over the Redis server named by `VANTAGE_TEST_REDIS_URL`.

use futures::FutureExt;
use platform::bus::{LogPosition, RedisBus};
use platform::redis_server::RedisServer;

use super::*;
use crate::contract::{Views, contract};

/// The server's address and a name unique to this test; `None` without a server.
fn setting() -> Option<(String, String)> {
    Some((std::env::var("VANTAGE_TEST_REDIS_URL").ok()?, unique_name()))
}

fn views() -> Option<Views> {
    let (url, _) = setting()?;
    let bus = || Arc::new(RedisBus::new(&RedisServer::open(&url).unwrap()));
    Some(Views {
        here: bus(),
        there: bus(),
    })
}

contract!(views);

#[tokio::test]
async fn every_group_gets_every_event_in_order_also_those_from_before_it_began() {
    let Some((url, name)) = setting() else { return };
    let (topic, other) = (name.clone(), format!("{name}-other"));
    let here = RedisBus::new(&RedisServer::open(&url).unwrap());
    let early = events(&topic, 1..=3);
    publish(&here, &early).await;
    let there = RedisBus::new(&RedisServer::open(&url).unwrap());
    for group in ["first", "second"] {
        let group = format!("{name}-{group}");
        let mut member = there.subscribe(&[&topic, &other], &group).unwrap();
        // The second group also receives what was delivered to the first.
        assert_eq!(receive(&mut member).await[..3], early);
        member.commit().await.unwrap();
        let late = event(&other, "b", 1);
        let arrives = receive(&mut member);
        let (received, _) = tokio::join!(arrives, publish(&here, std::slice::from_ref(&late)));
        assert_eq!(received, [late]);
        member.commit().await.unwrap();
        member.leave().await;
    }
}

#[tokio::test]
async fn one_member_of_a_group_reads_and_another_takes_over_when_it_is_gone() {
    let Some((url, topic)) = setting() else {
        return;
    };
    let bus = RedisBus::new(&RedisServer::open(&url).unwrap());
    let mut first = bus.subscribe(&[&topic], &topic).unwrap();
    publish(&bus, &events(&topic, 1..=1)).await;
    receive(&mut first).await;
    first.commit().await.unwrap();

    // It stands by, although there are unread events.
    let mut second = bus.subscribe(&[&topic], &topic).unwrap();
    let more = events(&topic, 2..=3);
    publish(&bus, &more).await;
    let mut standing_by = Box::pin(second.receive());
    let waited = tokio::time::timeout(Duration::from_millis(700), &mut standing_by).await;
    assert!(waited.is_err(), "{waited:?}");
    // The first dies silently; its lock expires.
    drop(first);
    let received = tokio::time::timeout(Duration::from_secs(60), standing_by).await;
    assert_eq!(received.expect("it takes over").unwrap(), more);
}

#[tokio::test]
async fn a_server_that_is_away_is_said_to_be_and_nothing_is_lost() {
    let bus =
        RedisBus::new(&RedisServer::open(&format!("redis://{}", contract::nobody())).unwrap());
    contract::a_server_that_is_away_is_said_to_be(&bus).await;
}

#[tokio::test]
async fn an_entry_that_is_no_event_is_passed_over() {
    let Some((url, topic)) = setting() else {
        return;
    };
    let bus = RedisBus::new(&RedisServer::open(&url).unwrap());
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for (field, value) in [("event", "{not json"), ("other", "x")] {
        redis::cmd("XADD")
            .arg(format!("vantage:events:{topic}"))
            .arg("*")
            .arg(field)
            .arg(value)
            .exec_async(&mut connection)
            .await
            .unwrap();
    }
    let mut member = bus.subscribe(&[&topic], &topic).unwrap();
    let told = events(&topic, 1..=1);
    let receiving = receive(&mut member);
    let (received, _) = tokio::join!(receiving, publish(&bus, &told));
    assert_eq!(received, told);
    member.commit().await.unwrap();
    assert!(member.receive().now_or_never().is_none());
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_read_again_when_it_is_back() {
    let Some((url, topic)) = setting() else {
        return;
    };
    let bus = RedisBus::new(&RedisServer::open(&url).unwrap());
    let mut member = bus.subscribe(&[&topic], &topic).unwrap();
    publish(&bus, &events(&topic, 1..=1)).await;
    receive(&mut member).await;
    member.commit().await.unwrap();
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let stream = format!("vantage:events:{topic}");
    redis::cmd("DEL")
        .arg(stream)
        .exec_async(&mut connection)
        .await
        .unwrap();
    let told = events(&topic, 2..=2);
    publish(&bus, &told).await;
    assert_eq!(receive(&mut member).await, told);
}

/// A Redis server for this test alone, without persistence.
struct Server {
    port: u16,
    process: std::process::Child,
}

impl Server {
    fn start(port: u16) -> Self {
        let program = ["redis-server", "valkey-server"]
            .into_iter()
            .find_map(|name| {
                std::process::Command::new(name)
                    .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
                    .args(["--save", "", "--appendonly", "no"])
                    .stdout(std::process::Stdio::null())
                    .spawn()
                    .ok()
            });
        Self {
            port,
            process: program.expect("a Redis server on the PATH"),
        }
    }

    /// Kills it by dropping it, and returns its port.
    fn kill(self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Publishes one event as soon as the server is up.
async fn publish_one(bus: &RedisBus, event: &Arc<Event>) -> LogPosition {
    match publish(bus, std::slice::from_ref(event)).await.pop() {
        Some(Receipt::Logged(position)) => position,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_log_says_how_far_its_groups_are_and_is_another_one_when_it_has_lost_its_past() {
    if setting().is_none() {
        return;
    }
    let server = Server::start(ports::free_port());
    let url = format!("redis://127.0.0.1:{}", server.port);
    let bus = RedisBus::new(&RedisServer::open(&url).unwrap());
    let state = async || {
        let logs = bus.logs("things", &[]).await.unwrap();
        logs.and_then(|mut logs| logs.pop()).expect("a log")
    };
    let told = events("things", 1..=3);
    let first = publish_one(&bus, &told[0]).await;
    let second = publish_one(&bus, &told[1]).await;
    assert_eq!(first.log, second.log);
    assert!(first.offset < second.offset);
    let now = state().await;
    assert_eq!(
        (&now.log, now.oldest.as_ref()),
        (&first.log, Some(&first.offset))
    );
    assert_eq!(now.groups.len(), 0);

    let mut group = bus.subscribe(&["things"], "group").unwrap();
    assert_eq!(receive(&mut group).await, told[..2]);
    assert!(
        state().await.groups["group"] < first.offset,
        "not committed"
    );
    group.commit().await.unwrap();
    assert_eq!(state().await.groups["group"], second.offset);

    // A deleted stream comes back as another log, although the server is the same.
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let delete = async |connection: &mut redis::aio::MultiplexedConnection| {
        redis::cmd("DEL")
            .arg("vantage:events:things")
            .exec_async(connection)
            .await
            .unwrap();
    };
    delete(&mut connection).await;
    assert_ne!(state().await.log, first.log);
    let again = publish_one(&bus, &told[2]).await;
    assert_ne!(again.log, first.log);
    assert_eq!(state().await.log, again.log);
    // Whoever creates it again.
    delete(&mut connection).await;
    assert!(
        tokio::time::timeout(Duration::from_millis(1_500), group.receive())
            .await
            .is_err()
    );
    assert_ne!(state().await.log, again.log);

    // A killed server comes back with another log.
    let before = state().await.log;
    let server = Server::start(server.kill());
    let after = publish_one(&bus, &told[2]).await;
    assert_ne!(after.log, before);
    server.kill();
}
