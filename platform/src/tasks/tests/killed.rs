//! When a process is killed while it runs a task, another takes over as soon as the claim expires.

use super::*;
use crate::testing::child_process::{self, ChildProcess};

/// Work that never ends.
#[derive(Debug, Serialize, Deserialize)]
struct Endless {
    of: Uuid,
}

#[async_trait]
impl Task for Endless {
    const KIND: &'static str = Work::KIND;
    type State = ();

    fn key(&self) -> Uuid {
        self.of
    }

    fn subject(&self) -> String {
        "wrk_1".to_owned()
    }

    async fn run(&self, (): &(), _: u32) -> Result<Step, TaskError> {
        println!("\nperforming {}", self.of);
        std::future::pending().await
    }
}

/// The child process: a runner that runs until it is killed. Run by itself, it does nothing.
#[tokio::test]
async fn child_runner() {
    let Some(database) = ChildProcess::database().await else {
        return;
    };
    let context = WorkerContext::new(
        &database,
        Arc::new(InProcessBus::new()),
        Clock::system(),
        CancellationToken::new(),
    );
    Runner::new(context).register::<Endless>(()).run().await;
}

#[tokio::test]
async fn what_a_killed_process_was_at_another_performs_when_its_claim_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let database = child_process::migrated(directory.path()).await;
    let clock = Clock::manual(Clock::system().now());
    let context = WorkerContext::new(
        &database,
        Arc::new(InProcessBus::new()),
        clock.clone(),
        CancellationToken::new(),
    );
    let work = Work {
        of: Uuid::from_u128(1),
    };
    let now = clock.now();
    enqueue(database.write(), &work, now, now).await.unwrap();

    let mut child = ChildProcess::start("tasks::tests::killed::child_runner", directory.path());
    assert_eq!(child.line("performing ").await, work.of.to_string());

    let works = Works::default();
    let runner = Runner::new(context).register::<Work>((works.clone(), clock.clone()));
    child.kill().await;
    clock.advance(Clock::system().now() + delta(TTL) - clock.now());
    runner.run_due().await.unwrap();
    let runs = works.runs.lock().unwrap().get(&work.of).cloned();
    assert_eq!(runs, Some(vec![0]));
    let left = task::list(database.read(), true, 10).await.unwrap();
    assert_eq!(left, []);
    database.close().await;
}
