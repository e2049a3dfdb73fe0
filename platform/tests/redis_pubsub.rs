//! Pub/sub over the Redis server named by `VANTAGE_TEST_REDIS_URL`, through a proxy that the test can interrupt.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use platform::pubsub::{PubSub, PubSubError, RedisPubSub, Signal, Subscription};
use platform::redis_server::RedisServer;
use platform::supervisor::Supervisor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The server's address, or `None` without a server.
fn server() -> Option<String> {
    let url = std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
    let address = url.strip_prefix("redis://").expect("a redis:// URL");
    Some(address.trim_end_matches('/').to_owned())
}

/// A proxy to the server. While it is interrupted, connections are dropped and new ones refused.
struct Wire {
    url: String,
    whole: watch::Sender<bool>,
}

impl Wire {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let whole = watch::Sender::new(true);
        let state = whole.subscribe();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (server, mut state) = (server.clone(), state.clone());
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let mut far = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|whole| !whole) => {}
                    }
                });
            }
        });
        Self { url, whole }
    }

    /// Returns when all connections are dropped.
    async fn cut(&self) {
        self.whole.send_replace(false);
        let cut = async {
            // Each connection has a receiver, and the proxy another one.
            while self.whole.receiver_count() > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), cut)
            .await
            .expect("the connections are dropped");
    }

    fn mend(&self) {
        self.whole.send_replace(true);
    }
}

/// A channel unique to this test run.
fn channel(name: &str) -> String {
    format!("test:{}:{name}", uuid::Uuid::now_v7())
}

fn message(text: &str) -> Signal {
    Signal::Message(Bytes::copy_from_slice(text.as_bytes()))
}

async fn publish(pubsub: &RedisPubSub, channel: &str, text: &str) {
    let message = Bytes::copy_from_slice(text.as_bytes());
    pubsub.publish(channel, message).await.unwrap();
}

async fn next(subscription: &mut Subscription) -> Signal {
    tokio::time::timeout(Duration::from_secs(60), subscription.next())
        .await
        .expect("a signal in time")
        .expect("an open subscription")
}

#[tokio::test]
async fn a_message_reaches_the_subscribers_of_its_channel_in_every_process() {
    let Some(server) = server() else { return };
    let url = format!("redis://{server}");
    let (here, there) = (
        RedisPubSub::new(&RedisServer::open(&url).unwrap(), &Supervisor::new()),
        RedisPubSub::new(&RedisServer::open(&url).unwrap(), &Supervisor::new()),
    );
    let (a, b) = (channel("a"), channel("b"));
    let mut subscriptions = [
        here.subscribe(&a).await.unwrap(),
        here.subscribe(&a).await.unwrap(),
        there.subscribe(&a).await.unwrap(),
    ];
    let mut other = there.subscribe(&b).await.unwrap();
    for text in ["1", "2", "3"] {
        publish(&here, &a, text).await;
    }
    for subscription in &mut subscriptions {
        for text in ["1", "2", "3"] {
            assert_eq!(next(subscription).await, message(text));
        }
    }
    // One connection preserves publishing order, so `b` would have received it by now.
    publish(&here, &b, "for b").await;
    assert_eq!(next(&mut other).await, message("for b"));
}

#[tokio::test]
async fn thousands_subscribe_at_once_and_each_hears_its_own_channel() {
    let Some(server) = server() else { return };
    let pubsub = RedisPubSub::new(
        &RedisServer::open(&format!("redis://{server}")).unwrap(),
        &Supervisor::new(),
    );
    let channels: Vec<_> = (0..2_500).map(|n| channel(&n.to_string())).collect();
    let subscribing = channels.iter().map(|channel| pubsub.subscribe(channel));
    let subscriptions = futures::future::try_join_all(subscribing).await.unwrap();
    for channel in &channels {
        publish(&pubsub, channel, channel).await;
    }
    for (mut subscription, channel) in subscriptions.into_iter().zip(&channels) {
        assert_eq!(next(&mut subscription).await, message(channel));
        assert_eq!(subscription.next().now_or_never(), None);
    }
}

#[tokio::test]
async fn a_lost_connection_is_a_gap_and_then_goes_on() {
    let Some(server) = server() else { return };
    let wire = Wire::to(server.clone()).await;
    let listening = RedisPubSub::new(&RedisServer::open(&wire.url).unwrap(), &Supervisor::new());
    let publishing = RedisPubSub::new(
        &RedisServer::open(&format!("redis://{server}")).unwrap(),
        &Supervisor::new(),
    );
    let a = channel("a");
    let mut subscription = listening.subscribe(&a).await.unwrap();
    publish(&publishing, &a, "before").await;
    assert_eq!(next(&mut subscription).await, message("before"));
    wire.cut().await;
    publish(&publishing, &a, "missed").await;
    wire.mend();
    assert_eq!(next(&mut subscription).await, Signal::Gap);
    publish(&publishing, &a, "after").await;
    assert_eq!(next(&mut subscription).await, message("after"));
}

#[tokio::test]
async fn a_lost_connection_is_known_at_once() {
    let Some(server) = server() else { return };
    let wire = Wire::to(server).await;
    let pubsub = RedisPubSub::new(&RedisServer::open(&wire.url).unwrap(), &Supervisor::new());
    let mut subscription = pubsub.subscribe(&channel("a")).await.unwrap();
    let connection = subscription.connection();
    assert_eq!(connection.lost().now_or_never(), None);
    wire.cut().await;
    tokio::time::timeout(Duration::from_secs(60), connection.lost())
        .await
        .expect("it is lost");
    wire.mend();
    assert_eq!(next(&mut subscription).await, Signal::Gap);
    assert_eq!(connection.lost().now_or_never(), None);
}

#[tokio::test]
async fn what_is_published_while_the_server_is_away_arrives_as_the_newest_of_each_channel() {
    let Some(server) = server() else { return };
    let wire = Wire::to(server.clone()).await;
    let publishing = RedisPubSub::new(&RedisServer::open(&wire.url).unwrap(), &Supervisor::new());
    let listening = RedisPubSub::new(
        &RedisServer::open(&format!("redis://{server}")).unwrap(),
        &Supervisor::new(),
    );
    let (a, b) = (channel("a"), channel("b"));
    let mut of_a = listening.subscribe(&a).await.unwrap();
    let mut of_b = listening.subscribe(&b).await.unwrap();
    wire.cut().await;
    for text in ["1", "2", "3"] {
        publish(&publishing, &a, text).await;
    }
    publish(&publishing, &b, "of b").await;
    wire.mend();
    assert_eq!(next(&mut of_a).await, message("3"));
    assert_eq!(next(&mut of_b).await, message("of b"));
    publish(&publishing, &a, "4").await;
    assert_eq!(next(&mut of_a).await, message("4"));
}

#[tokio::test]
async fn a_channel_that_was_left_is_heard_again_by_whoever_comes_next() {
    let Some(server) = server() else { return };
    let pubsub = RedisPubSub::new(
        &RedisServer::open(&format!("redis://{server}")).unwrap(),
        &Supervisor::new(),
    );
    let a = channel("a");
    for round in 0..50 {
        let mut subscription = pubsub.subscribe(&a).await.unwrap();
        publish(&pubsub, &a, &round.to_string()).await;
        assert_eq!(next(&mut subscription).await, message(&round.to_string()));
    }
}

#[tokio::test]
async fn subscribing_gives_up_on_a_server_that_says_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let pubsub = RedisPubSub::new(&RedisServer::open(&url).unwrap(), &Supervisor::new());
    let refused = pubsub.subscribe("a").await.unwrap_err();
    assert!(
        matches!(refused, PubSubError::SubscribeTimeout(_)),
        "{refused}"
    );
}
