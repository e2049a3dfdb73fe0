//! A child process that runs one test of this binary until it is killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::database::{Database, DatabaseConfig};

/// Tells a child where the database is. Without it, a test meant for a child does nothing.
const DIRECTORY: &str = "CHILD_PROCESS_DIRECTORY";

pub(crate) struct ChildProcess {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl ChildProcess {
    /// Runs `test`, given by its full path, over the database in `directory`.
    pub(crate) fn start(test: &str, directory: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", test, "--nocapture"])
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a child");
        let stdout = child.stdout.take().expect("its output");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// In a child, opens the database it shares with its parent.
    pub(crate) async fn database() -> Option<Database> {
        let directory = std::env::var_os(DIRECTORY).map(PathBuf::from)?;
        Some(open(&directory).await)
    }

    /// Waits for a line with this prefix and returns the rest.
    pub(crate) async fn line(&mut self, start: &str) -> String {
        loop {
            let line = self.lines.next_line().await.expect("readable output");
            let line = line.unwrap_or_else(|| panic!("the child ends before it writes {start:?}"));
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    /// Sends SIGKILL and waits until the process is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }
}

/// A migrated database for a child to share.
pub(crate) async fn migrated(directory: &Path) -> Database {
    let database = open(directory).await;
    let connection = database.connect_for_migrations().await.expect("SQLite");
    migrations::migrate::<migrations::orders::Migrator>(&connection)
        .await
        .expect("migrated");
    database
}

async fn open(directory: &Path) -> Database {
    let config = DatabaseConfig::sqlite(directory.to_owned());
    Database::open(&config, "things").await.expect("SQLite")
}
