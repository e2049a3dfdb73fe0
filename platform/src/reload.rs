//! Files that are read again when they change. A change that cannot be used changes nothing: the last good one applies,
//! and the log, a metric and `/readyz` say so.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use metrics::gauge;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::supervisor::{Stage, Supervisor};

/// Between two reads, so that no configuration makes a loop that never rests.
const SHORTEST: Duration = Duration::from_millis(10);

/// Something that is read of files, and that the process uses as they are now.
#[async_trait]
pub trait Reload: Send + 'static {
    /// What decides whether to apply it again. Contents, not times: file systems round those, and orchestrators swap
    /// links.
    type Contents: PartialEq + Send + Sync;
    type Error: fmt::Display + Send;

    /// What the log, the metric and `/readyz` call it: `flags`.
    const NAME: &'static str;

    /// # Errors
    /// When there is nothing to read.
    async fn read(&self) -> Result<Self::Contents, Self::Error>;

    /// Uses what was read. Says what has changed; nothing if that is not worth a line of the log.
    ///
    /// # Errors
    /// When it cannot be used; then what was used before goes on.
    async fn apply(&mut self, contents: &Self::Contents) -> Result<Option<String>, Self::Error>;
}

/// Keeps what is read of files up to date.
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
    /// Those of reading and applying: what cannot be used from the start is for the caller to refuse.
    pub async fn open(mut source: R, supervisor: &Supervisor) -> Result<Self, R::Error> {
        let contents = source.read().await?;
        source.apply(&contents).await?;
        Ok(Self::of(source, contents, supervisor))
    }

    /// Of what was read and applied before.
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

    /// Looks every `interval`, in a task of the supervisor.
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

    /// Reads the files again, and applies what they say if that is something else.
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
        // What cannot be used, or makes this panic, is tried and reported once.
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
            tracing::error!(file = R::NAME, %error, "file not reloaded, the last good one applies");
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
