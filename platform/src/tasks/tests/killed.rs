//! A process that is killed while it performs a task: another performs it, as soon as the claim has ended.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::*;
use crate::database::{Database, DatabaseConfig};

/// Tells the child where the database is.
const DIRECTORY: &str = "KILLED_RUNNER_DIRECTORY";

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

async fn open(directory: &Path) -> Database {
    let config = DatabaseConfig::sqlite(directory.to_owned());
    Database::open(&config, "things").await.unwrap()
}

/// The child: a runner, until it is killed. By itself there is nothing to do.
#[tokio::test]
async fn child_runner() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let context = WorkerContext::new(
        &open(Path::new(&directory)).await,
        Arc::new(InProcessBus::new()),
        Clock::system(),
        CancellationToken::new(),
    );
    Runner::new(context).register::<Endless>(()).run().await;
}

#[tokio::test]
async fn what_a_killed_process_was_at_another_performs_when_its_claim_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path()).await;
    let connection = database.connect_for_migrations().await.unwrap();
    migrations::migrate::<migrations::orders::Migrator>(&connection)
        .await
        .unwrap();
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

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tasks::tests::killed::child_runner",
            "--nocapture",
        ])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let performing = format!("performing {}", work.of);
    while lines.next_line().await.unwrap().expect("it performs") != performing {}

    let works = Works::default();
    let runner = Runner::new(context).register::<Work>((works.clone(), clock.clone()));
    // SIGKILL: nothing of it runs anymore.
    child.kill().await.unwrap();
    clock.advance(Clock::system().now() + delta(TTL) - clock.now());
    runner.run_due().await.unwrap();
    let runs = works.runs.lock().unwrap().get(&work.of).cloned();
    assert_eq!(runs, Some(vec![0]));
    let left = task::list(database.read(), true, 10).await.unwrap();
    assert_eq!(left, []);
    database.close().await;
}
