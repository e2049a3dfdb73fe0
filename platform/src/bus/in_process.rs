//! The in-process bus. It stores nothing: an event counts as published once every group has committed it, so the
//! publisher's outbox is the log.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{BusError, Consumer, Event, EventBus, LogState, Receipt};

/// How many batches a group may lag before publishers wait for it.
const QUEUE: usize = 16;
/// How long a group may take to commit a batch.
const PATIENCE: Duration = Duration::from_secs(3);

type Receiver = tokio::sync::Mutex<mpsc::Receiver<Batch>>;

/// Publishes to the consumer groups of this process.
#[derive(Clone, Default)]
pub struct InProcessBus {
    groups: Arc<Mutex<HashMap<String, Group>>>,
}

/// A group outlives its last member: events published in the meantime wait for the next member.
struct Group {
    topics: Vec<String>,
    sender: mpsc::Sender<Batch>,
    /// Owned by the members. When there are none, publishers learn at once that nobody is consuming.
    receiver: Weak<Receiver>,
}

struct Batch {
    events: Vec<Arc<Event>>,
    committed: oneshot::Sender<()>,
}

impl InProcessBus {
    pub fn new() -> Self {
        Self::default()
    }

    /// The groups that read the topic.
    fn groups_of(&self, topic: &str) -> Vec<mpsc::Sender<Batch>> {
        self.groups
            .lock()
            .values()
            .filter(|group| group.topics.iter().any(|one| one == topic))
            .map(|group| group.sender.clone())
            .collect()
    }

    /// Delivers the events of one topic to its groups and waits until all have committed them.
    async fn publish_topic(&self, topic: &str, events: &[Arc<Event>]) -> Result<(), BusError> {
        let deliveries = self.groups_of(topic).into_iter().map(|group| async move {
            let (committed, waiting) = oneshot::channel();
            let batch = Batch {
                events: events.to_vec(),
                committed,
            };
            group.send(batch).await.ok()?;
            waiting.await.ok()
        });
        let all = futures::future::join_all(deliveries);
        let unavailable = |why: &str| BusError::Unavailable(why.into());
        match tokio::time::timeout(PATIENCE, all).await {
            Err(_) => Err(unavailable("a consumer group did not commit in time")),
            Ok(outcomes) if outcomes.iter().all(Option::is_some) => Ok(()),
            Ok(_) => Err(unavailable("a consumer group did not commit")),
        }
    }
}

#[async_trait]
impl EventBus for InProcessBus {
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>> {
        let mut by_topic: HashMap<&str, Vec<Arc<Event>>> = HashMap::new();
        for event in events {
            by_topic
                .entry(&event.topic)
                .or_default()
                .push(event.clone());
        }
        let topics = by_topic.into_iter().map(|(topic, events)| async move {
            (topic, self.publish_topic(topic, &events).await)
        });
        let outcomes: HashMap<_, _> = futures::future::join_all(topics)
            .await
            .into_iter()
            .collect();
        events
            .iter()
            .map(|event| {
                let outcome = outcomes.get(event.topic.as_str()).cloned();
                outcome.unwrap_or(Ok(())).map(|()| Receipt::Confirmed)
            })
            .collect()
    }

    async fn logs(&self, _: &str, _: &[&str]) -> Result<Option<Vec<LogState>>, BusError> {
        Ok(None)
    }

    fn subscribe(&self, topics: &[&str], group: &str) -> Result<Box<dyn Consumer>, BusError> {
        let mut groups = self.groups.lock();
        let there = groups.get(group).and_then(|group| group.receiver.upgrade());
        let receiver = there.unwrap_or_else(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let receiver = Arc::new(Receiver::new(receiver));
            let members = Group {
                topics: topics.iter().map(|&topic| topic.to_owned()).collect(),
                sender,
                receiver: Arc::downgrade(&receiver),
            };
            groups.insert(group.to_owned(), members);
            receiver
        });
        Ok(Box::new(Member {
            receiver,
            uncommitted: None,
        }))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

impl fmt::Debug for InProcessBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.lock();
        f.debug_set().entries(groups.keys()).finish()
    }
}

struct Member {
    receiver: Arc<Receiver>,
    uncommitted: Option<oneshot::Sender<()>>,
}

#[async_trait]
impl Consumer for Member {
    async fn receive(&mut self) -> Result<Vec<Arc<Event>>, BusError> {
        // Dropped without a commit: the publisher notices and offers the events again.
        self.uncommitted = None;
        let batch = self.receiver.lock().await.recv().await;
        let batch = batch.ok_or_else(|| BusError::Unavailable("the bus has shut down".into()))?;
        self.uncommitted = Some(batch.committed);
        Ok(batch.events)
    }

    async fn commit(&mut self) -> Result<(), BusError> {
        if let Some(committed) = self.uncommitted.take() {
            // A publisher that stopped waiting will publish the events again.
            let _ = committed.send(());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::bus::tests::event;

    #[tokio::test]
    async fn every_group_of_a_topic_gets_an_event_and_publishing_ends_when_all_have_committed() {
        let bus = InProcessBus::new();
        let mut groups = [
            bus.subscribe(&["a", "b"], "first").unwrap(),
            bus.subscribe(&["a"], "second").unwrap(),
        ];
        let mut other = bus.subscribe(&["c"], "third").unwrap();
        let events = [event("a", "x", 1)];
        let mut published = Box::pin(bus.publish(&events));
        assert!((&mut published).now_or_never().is_none());
        for group in &mut groups {
            assert!((&mut published).now_or_never().is_none());
            assert_eq!(group.receive().await.unwrap(), events);
            group.commit().await.unwrap();
        }
        assert!(published.await.iter().all(Result::is_ok));
        assert!(other.receive().now_or_never().is_none());
    }

    #[tokio::test]
    async fn an_event_without_a_group_is_published_and_one_that_is_not_committed_is_not() {
        let bus = InProcessBus::new();
        assert!(bus.publish(&[event("a", "x", 1)]).await[0].is_ok());
        let mut group = bus.subscribe(&["a"], "first").unwrap();
        let events = [event("a", "x", 2), event("elsewhere", "x", 1)];
        let publish = bus.publish(&events);
        let give_up = async {
            group.receive().await.unwrap();
            drop(group);
        };
        let (outcomes, ()) = tokio::join!(publish, give_up);
        assert!(matches!(outcomes[0], Err(BusError::Unavailable(_))));
        assert!(outcomes[1].is_ok());
        // The group is empty but still registered, so it still receives everything.
        let again = [event("a", "x", 3)];
        let outcomes = bus.publish(&again).now_or_never().expect("at once");
        assert!(matches!(outcomes[0], Err(BusError::Unavailable(_))));
        let mut group = bus.subscribe(&["a"], "first").unwrap();
        let consume = async {
            let received = group.receive().await.unwrap();
            group.commit().await.unwrap();
            received
        };
        let (outcomes, received) = tokio::join!(bus.publish(&again), consume);
        assert!(outcomes[0].is_ok());
        assert_eq!(received, again);
    }

    #[tokio::test]
    async fn one_member_of_a_group_gets_an_event() {
        let bus = InProcessBus::new();
        let mut first = bus.subscribe(&["a"], "group").unwrap();
        let mut second = bus.subscribe(&["a"], "group").unwrap();
        let events = [event("a", "x", 1)];
        let consume = async {
            let received = first.receive().await.unwrap();
            first.commit().await.unwrap();
            received
        };
        let (outcomes, received) = tokio::join!(bus.publish(&events), consume);
        assert!(outcomes[0].is_ok());
        assert_eq!(received, events);
        assert!(second.receive().now_or_never().is_none());
    }
}
