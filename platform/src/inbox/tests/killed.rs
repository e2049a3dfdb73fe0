//! A publisher is killed between publishing an event and recording that: the consumer receives it twice and applies it
//! once.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::bus::{BusError, Consumer, LogState, Receipt};
use crate::clock::Clock;
use crate::outbox::Publisher;
use crate::testing::child_process::{self, ChildProcess};

/// Reports each publication on standard output and never returns.
#[derive(Debug)]
struct Deadly;

#[async_trait]
impl EventBus for Deadly {
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>> {
        for event in events {
            println!("\npublished {}", serde_json::to_string(&**event).unwrap());
        }
        std::future::pending().await
    }

    async fn logs(&self, _: &str, _: &[&str]) -> Result<Option<Vec<LogState>>, BusError> {
        Ok(None)
    }

    fn subscribe(&self, _: &[&str], _: &str) -> Result<Box<dyn Consumer>, BusError> {
        Err(BusError::Refused("nobody reads here".into()))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// The child process: a publisher that runs until it is killed. Run by itself, it does nothing.
#[tokio::test]
async fn child_publisher() {
    let Some(database) = ChildProcess::database().await else {
        return;
    };
    let context = WorkerContext::new(
        &database,
        Arc::new(Deadly),
        Clock::system(),
        CancellationToken::new(),
    );
    Publisher::new(context, &[]).run().await;
}

#[tokio::test]
async fn a_publisher_killed_before_it_noted_what_it_published_tells_it_twice_with_one_effect() {
    let directory = tempfile::tempdir().unwrap();
    let database = child_process::migrated(directory.path()).await;
    let clock = Clock::manual(Clock::system().now());
    let bus = Arc::new(InProcessBus::new());
    let stop = CancellationToken::new();
    let context = WorkerContext::new(&database, bus.clone(), clock.clone(), stop.clone());
    let transaction = database.begin().await.unwrap();
    let told = NewEvent {
        topic: "things",
        event_type: "thing.happened",
        aggregate_id: "a",
        data: json!({ "version": 1 }),
    };
    let id = outbox::append(&transaction, told, clock.now())
        .await
        .unwrap();
    transaction.commit().await.unwrap();

    let mut child = ChildProcess::start("inbox::tests::killed::child_publisher", directory.path());
    let published: Event = serde_json::from_str(&child.line("published ").await).unwrap();
    assert_eq!(published.id, id);
    child.kill().await;

    // The consumer received the event from the dead publisher and handles it.
    let handler = Arc::new(Effect::default());
    let subscriber = subscriber(handler.clone());
    let mut receiver = Receiver::join(context.clone(), &subscriber).unwrap();
    let deliverer = Deliverer::new(context.clone(), subscriber);
    let first = [Arc::new(published)];
    let (outcomes, received) = tokio::join!(bus.publish(&first), receiver.receive());
    received.unwrap();
    assert!(outcomes[0].is_ok());
    deliver_all(&deliverer).await;
    assert_eq!(effects(&context).await, [1]);

    // When the dead publisher's claim expires, another one publishes the event again.
    clock.advance(TimeDelta::minutes(1));
    let publisher = tokio::spawn(Publisher::new(context.clone(), &[]).run());
    receiver.receive().await.unwrap();
    assert_eq!(dead_letters(database.read(), 10).await.unwrap(), []);
    deliver_all(&deliverer).await;
    assert_eq!(effects(&context).await, [1], "one effect");
    assert_eq!(
        *handler.seen.lock().unwrap(),
        [1],
        "the handler saw it once"
    );
    stop.cancel();
    publisher.await.unwrap();
}
