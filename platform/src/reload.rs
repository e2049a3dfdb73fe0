//! Reloads files when they change. An invalid change is ignored: the last valid version stays in use, and the log, a
//! metric and `/readyz` report it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use metrics::gauge;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::supervisor::{Stage, Supervisor};

/// Shortest interval between reads, so that no configuration causes a busy loop.
const SHORTEST: Duration = Duration::from_millis(10);

/// Something loaded from files and kept up to date.
#[async_trait]
pub trait Reload: Send + 'static {
    /// Compared to decide whether to apply again. Contents rather than modification times: file systems round those,
    /// and orchestrators swap symlinks.
    type Contents: PartialEq + Send + Sync;
    type Error: fmt::Display + Send;

    /// Its name in the log, the metric and `/readyz`: `flags`.
    const NAME: &'static str;

    /// # Errors
    /// If the files cannot be read.
    async fn read(&self) -> Result<Self::Contents, Self::Error>;

    /// Applies what was read. Returns what has changed, or `None` if that is not worth a log line.
    ///
    /// # Errors
    /// If the contents are not valid; the previous version stays in use.
    async fn apply(&mut self, contents: &Self::Contents) -> Result<Option<String>, Self::Error>;
}

/// Keeps a source up to date with its files.
pub struct Reloader<R: Reload> {
    source: R,
    contents: R::Contents,
    is_readable: bool,
    supervisor: Supervisor,
}

impl<R: Reload> Reloader<R> {
    /// Reads and applies for the first time.
    ///
    /// # Errors
    /// Those of reading and applying: the caller decides what to do about an invalid initial version.
    pub async fn open(mut source: R, supervisor: &Supervisor) -> Result<Self, R::Error> {
        let contents = source.read().await?;
        source.apply(&contents).await?;
        Ok(Self::of(source, contents, supervisor))
    }

    /// Starts from contents that were already read and applied.
    pub fn of(source: R, contents: R::Contents, supervisor: &Supervisor) -> Self {
        let reloader = Self {
            source,
            contents,
            is_readable: true,
            supervisor: supervisor.clone(),
        };
        reloader.report(Ok(()));
        reloader
    }

    /// Checks every `interval` in a supervised task.
    pub fn start(self, interval: Duration) -> JoinHandle<()> {
        let interval = interval.max(SHORTEST);
        let supervisor = self.supervisor.clone();
        let reloader = Arc::new(Mutex::new(self));
        supervisor.start(Stage::Support, R::NAME, move |stop| {
            let reloader = reloader.clone();
            stop.run_until_cancelled_owned(async move {
                loop {
                    tokio::time::sleep(interval).await;
                    reloader.lock().await.look().await;
                }
            })
            .map(|_: Option<()>| ())
        })
    }

    /// Reads the files again and applies any change.
    pub async fn look(&mut self) {
        let contents = match self.source.read().await {
            Ok(contents) => contents,
            Err(error) => {
                if std::mem::take(&mut self.is_readable) {
                    self.report(Err(&error));
                }
                return;
            }
        };
        let was_readable = std::mem::replace(&mut self.is_readable, true);
        if was_readable && contents == self.contents {
            return;
        }
        // Contents that are invalid, or cause a panic, are tried and reported once.
        self.contents = contents;
        match self.source.apply(&self.contents).await {
            Ok(changed) => {
                self.report(Ok(()));
                if let Some(changed) = changed {
                    tracing::info!(file = R::NAME, changed, "file reloaded");
                }
            }
            Err(error) => self.report(Err(&error)),
        }
    }

    fn report(&self, outcome: Result<(), &R::Error>) {
        gauge!("vantage_file_usable", "file" => R::NAME).set(f64::from(outcome.is_ok()));
        let trouble = outcome.err().map(|error| {
            tracing::error!(file = R::NAME, %error, "file not reloaded, last valid version stays in use");
            error.to_string()
        });
        self.supervisor.set_degraded(R::NAME, trouble);
    }
}

impl<R: Reload> fmt::Debug for Reloader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader")
            .field("name", &R::NAME)
            .field("is_readable", &self.is_readable)
            .finish_non_exhaustive()
    }
}
