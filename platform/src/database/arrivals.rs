//! Learns when other processes have written rows to a queue, so that its workers can wait for them instead of polling.
//!
//! PostgreSQL tells by NOTIFY, which processes without workers of their own send (see [`Writes`]). Of SQLite, the
//! write-ahead log shows whether anything was written, and then `PRAGMA data_version` whether by others.

use std::convert::Infallible;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sea_orm::sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sea_orm::sqlx::{self, Executor};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::DatabaseConfig;
use super::open::{channel, log_path, postgres_options};
use super::writer::Writes;
use crate::backoff::Backoff;
use crate::tables::queue::Queue;

/// How often the write-ahead log is looked at: a call to the system, no statement. Caches are to follow within 50 ms.
const LOOK: Duration = Duration::from_millis(25);
/// How long a listening connection may be silent before it is tested.
const SILENCE: Duration = Duration::from_secs(30);
/// How long connecting, and each answer, may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Wakes the workers of this process when another one has written rows for them.
pub(super) async fn follow(config: &DatabaseConfig, domain: &str, writes: &Writes) {
    match config {
        DatabaseConfig::Sqlite { directory, .. } => {
            watch_log(&log_path(directory, domain), writes).await;
        }
        DatabaseConfig::Postgres { url, .. } => match postgres_options(url, domain) {
            Ok(options) => listen(&options, &channel(domain), writes).await,
            // It was read before, when the database was opened.
            Err(error) => tracing::error!(%error, domain, "database_url not read"),
        },
    }
}

async fn listen(options: &PgConnectOptions, channel: &str, writes: &Writes) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        let Err(error) = listen_once(options, channel, writes, &mut backoff).await;
        // Whoever works on the queue reports that the server is away.
        tracing::debug!(%error, channel, "other processes not followed");
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Listens until the connection is lost.
async fn listen_once(
    options: &PgConnectOptions,
    channel: &str,
    writes: &Writes,
    backoff: &mut Backoff,
) -> Result<Infallible, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(TIMEOUT)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    answer(listener.listen(channel)).await?;
    backoff.reset();
    // Something may have been written before.
    writes.commits.wake_all();
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => match Queue::of_table(notification.payload()) {
                Some(queue) => writes.commits.wake(queue),
                // Of another version, perhaps.
                None => writes.commits.wake_all(),
            },
            Ok(Ok(None)) => {
                return Err(sqlx::Error::Protocol("the connection was lost".to_owned()));
            }
            Ok(Err(error)) => return Err(error),
            // A connection that died silently says nothing either.
            Err(_) => {
                answer(listener.execute("SELECT 1")).await?;
            }
        }
    }
}

async fn answer<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::PoolTimedOut;
    timeout(TIMEOUT, asked).await.map_err(late)?
}

async fn watch_log(path: &Path, writes: &Writes) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut version) = (None, None);
    loop {
        looks.tick().await;
        let state = log_state(path);
        if state == seen {
            continue;
        }
        match writes.data_version().await {
            Ok(now) => {
                seen = state;
                if version.replace(now) != Some(now) {
                    writes.commits.wake_all();
                }
            }
            // Looks again at the next tick.
            Err(error) => tracing::debug!(%error, "data version not read"),
        }
    }
}

/// Changes with every write to the log. `None` if there is none.
fn log_state(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
