//! Pub/sub within one process.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::channels::Channels;
use super::{PubSub, PubSubError, Signal, Subscription};

/// Reaches the subscribers of this process: enough for a single instance.
#[derive(Clone, Debug)]
pub struct InProcess {
    channels: Arc<Channels>,
}

impl InProcess {
    pub fn new() -> Self {
        Self {
            channels: Channels::new(true, |_| {}),
        }
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl PubSub for InProcess {
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), PubSubError> {
        self.channels.send(channel, &Signal::Message(message));
        Ok(())
    }

    async fn subscribe(&self, channel: &str) -> Result<Subscription, PubSubError> {
        let (member, _heard) = self.channels.subscribe(channel);
        Ok(Subscription(member))
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn message(text: &str) -> Signal {
        Signal::Message(Bytes::copy_from_slice(text.as_bytes()))
    }

    async fn publish(pubsub: &InProcess, channel: &str, text: &str) {
        let message = Bytes::copy_from_slice(text.as_bytes());
        pubsub.publish(channel, message).await.unwrap();
    }

    #[tokio::test]
    async fn every_subscriber_of_a_channel_hears_its_messages_in_order_and_no_others() {
        let pubsub = InProcess::new();
        publish(&pubsub, "a", "before").await;
        let mut first = pubsub.subscribe("a").await.unwrap();
        let mut second = pubsub.subscribe("a").await.unwrap();
        let mut other = pubsub.subscribe("b").await.unwrap();
        publish(&pubsub, "a", "1").await;
        publish(&pubsub, "a", "2").await;
        for subscriber in [&mut first, &mut second] {
            assert_eq!(subscriber.next().await, Some(message("1")));
            assert_eq!(subscriber.next().await, Some(message("2")));
            assert_eq!(subscriber.next().now_or_never(), None);
        }
        assert_eq!(other.next().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_slow_subscriber_gets_a_gap_and_then_the_newest_messages() {
        let pubsub = InProcess::new();
        let mut slow = pubsub.subscribe("a").await.unwrap();
        for number in 0..1_000 {
            publish(&pubsub, "a", &number.to_string()).await;
        }
        assert_eq!(slow.next().await, Some(Signal::Gap));
        let mut received = Vec::new();
        while let Some(Some(signal)) = slow.next().now_or_never() {
            received.push(signal);
        }
        assert!(
            received.len() < 100,
            "{} messages were kept",
            received.len()
        );
        assert_eq!(received.last(), Some(&message("999")));
    }

    #[tokio::test]
    async fn a_channel_is_gone_when_its_last_subscriber_has_left() {
        let pubsub = InProcess::new();
        let first = pubsub.subscribe("a").await.unwrap();
        let second = pubsub.subscribe("a").await.unwrap();
        drop(first);
        assert!(pubsub.channels.is_open("a"));
        drop(second);
        assert!(!pubsub.channels.is_open("a"));
        publish(&pubsub, "a", "nobody hears").await;
        let mut late = pubsub.subscribe("a").await.unwrap();
        assert_eq!(late.next().now_or_never(), None);
    }
}
