//! What makes the work loop look at a queue. In virtual time: how long it waited shows what woke it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::bus::InProcessBus;
use crate::database::{Database, DatabaseConfig};

/// A queue with nothing to do until its clock's time is `due`; then, another process does it.
struct Waiting {
    due: Option<DateTime<Utc>>,
    looks: mpsc::UnboundedSender<Instant>,
    measured: Arc<AtomicUsize>,
}

#[async_trait]
impl QueueWorker for Waiting {
    async fn work(&mut self) -> Result<Round, DbErr> {
        self.looks.send(Instant::now()).unwrap();
        Ok(Round::Idle)
    }

    async fn next_due(&self) -> Result<Option<DateTime<Utc>>, DbErr> {
        Ok(self.due)
    }

    async fn measure(&self) {
        self.measured.fetch_add(1, Ordering::SeqCst);
    }
}

/// The loop over such a queue, from its start.
struct Loop {
    clock: Clock,
    stop: CancellationToken,
    looks: mpsc::UnboundedReceiver<Instant>,
    measured: Arc<AtomicUsize>,
    running: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Loop {
    /// With a row that is due after this time.
    async fn start(due_after: Option<TimeDelta>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = DatabaseConfig::sqlite(directory.path());
        let database = Database::open(&config, "scratch").await.unwrap();
        // Afterwards nothing waits for the database, whose threads know no virtual time.
        tokio::time::pause();
        let (clock, stop) = (
            Clock::manual(DateTime::UNIX_EPOCH),
            CancellationToken::new(),
        );
        let bus = Arc::new(InProcessBus::new());
        let context = WorkerContext::new(&database, bus, clock.clone(), stop.clone());
        let (looks, looked) = mpsc::unbounded_channel();
        let measured = Arc::new(AtomicUsize::new(0));
        let mut waiting = Waiting {
            due: due_after.map(|after| clock.now() + after),
            looks,
            measured: measured.clone(),
        };
        let running = tokio::spawn(async move {
            work_through(&context, Queue::Outbox, "tests", &mut waiting).await;
        });
        Self {
            clock,
            stop,
            looks: looked,
            measured,
            running,
            _directory: directory,
        }
    }

    async fn looked(&mut self) -> Instant {
        self.looks.recv().await.expect("the loop goes on")
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn a_queue_at_rest_is_left_alone_but_for_the_slow_poll() {
    let mut queue = Loop::start(None).await;
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    let mut looks = 0;
    while queue.looks.try_recv().is_ok() {
        looks += 1;
    }
    // At most as often as it is polled and measured, and as it would be if each of these came between two polls.
    assert!((300..=425).contains(&looks), "{looks} looks in an hour");
    let measured = queue.measured.load(Ordering::SeqCst);
    assert!((55..=62).contains(&measured), "measured {measured} times");
    queue.end().await;
}

#[tokio::test]
async fn a_row_is_looked_for_when_it_is_due() {
    let mut queue = Loop::start(Some(TimeDelta::hours(1))).await;
    let first = queue.looked().await;
    queue.clock.advance(TimeDelta::hours(1));
    assert_eq!(queue.looked().await, first, "at once");
    queue.end().await;
}

#[tokio::test]
async fn what_another_process_holds_is_looked_for_again_soon_because_that_may_die() {
    let mut queue = Loop::start(Some(TimeDelta::zero())).await;
    let first = queue.looked().await;
    let waited = queue.looked().await - first;
    assert!((HELD..HELD * 2).contains(&waited), "{waited:?}");
    queue.end().await;
}
