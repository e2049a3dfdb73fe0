//! Pub/sub to whoever is listening right now, such as an order's changes to all who watch that order: in this process
//! or, over Redis, in every process.
//!
//! Nothing is stored. A subscriber that may have missed something receives [`Signal::Gap`] and reads the current state
//! from its source. While a server is unreachable, only the newest message of each channel is kept for it. So messages
//! should be numbered within their channel, and a receiver that finds a number missing should read the state again,
//! too.

mod channels;
mod in_process;
mod redis;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;

pub use in_process::InProcess;
pub use redis::RedisPubSub;

/// What a subscriber receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A message published to the channel.
    Message(Bytes),
    /// Messages may have been missed: the connection was lost for a while, or the subscriber was too slow for its
    /// bounded queue.
    Gap,
}

/// Publishing and subscribing by channel name.
#[async_trait]
pub trait PubSub: fmt::Debug + Send + Sync {
    /// Publishes to all current subscribers. Having none is not an error.
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), PubSubError>;

    /// Subscribes from the moment this returns: later messages arrive, or a [`Signal::Gap`] in their place. Gives up
    /// after five seconds. Dropping the subscription ends it.
    async fn subscribe(&self, channel: &str) -> Result<Subscription, PubSubError>;
}

/// Why a message could not be published, or a channel not be subscribed to.
#[derive(Debug, thiserror::Error)]
pub enum PubSubError {
    #[error("the subscription was not confirmed within {0:?}")]
    SubscribeTimeout(std::time::Duration),
    #[error("the pub/sub server is unreachable and {0} channels are already waiting for it")]
    Overloaded(usize),
}

/// An open subscription: an endless stream of [`Signal`]s in publishing order.
#[derive(Debug)]
pub struct Subscription(channels::Subscriber);

impl Subscription {
    /// Its connection to the server, for those who must know at once that messages may be missed. They still receive a
    /// [`Signal::Gap`] when it is back.
    pub fn connection(&self) -> SubscriptionConnection {
        SubscriptionConnection(self.0.confirmation())
    }
}

/// The connection of a [`Subscription`].
#[derive(Clone, Debug)]
pub struct SubscriptionConnection(Arc<channels::Confirmation>);

impl SubscriptionConnection {
    /// Waits until the connection is lost. Never ends within one process.
    pub async fn lost(&self) {
        self.0.lost().await;
    }
}

impl Stream for Subscription {
    type Item = Signal;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Signal>> {
        self.0.poll_next(context).map(Some)
    }
}
