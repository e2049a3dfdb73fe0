//! Group commit: durable SQLite commits at the price of one `fsync` for all concurrent committers.
//!
//! SQLite runs with `synchronous=NORMAL`: a commit appends to the write-ahead log without waiting for the disk. Before
//! a commit is acknowledged, one of the waiting committers syncs the log for itself and for everybody who committed
//! before. Meanwhile other transactions use the connection. They could not if SQLite itself synced
//! (`synchronous=FULL`), nor if several transactions were merged into one, where a failure of one would also undo the
//! others.
//!
//! Syncing the log is enough: a commit leaves the log only through a checkpoint, which syncs the log, writes the
//! database file and syncs that before the log may be reused. Whatever is no longer in the log is therefore already
//! safe. The log is opened by name for each sync, because the last connection to close deletes it and the next one
//! creates a new file. Readers may see a commit before it is durable. Workers do not: they begin a transaction for what
//! they pass on, and its end waits for every earlier commit.
//!
//! After a failed sync nobody knows what is on the disk; a later sync may succeed without it. So nothing is
//! acknowledged until the whole log has been moved into the database file, which syncs on its own.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use metrics::{Counter, counter};
use tokio::sync::{Mutex, watch};

#[cfg(any(test, feature = "testing"))]
use super::faults::Faults;

#[derive(Debug)]
pub(super) struct GroupCommit {
    log: PathBuf,
    /// The number of the newest commit.
    newest: AtomicU64,
    /// The newest commit known to be on disk.
    durable: watch::Sender<u64>,
    /// Whoever holds this lock syncs.
    leader: Mutex<()>,
    is_broken: AtomicBool,
    syncs: Counter,
    #[cfg(any(test, feature = "testing"))]
    pub(super) faults: Faults,
}

impl GroupCommit {
    pub(super) fn new(domain: &str, log: PathBuf) -> Self {
        Self {
            log,
            newest: AtomicU64::new(0),
            durable: watch::Sender::new(0),
            leader: Mutex::default(),
            is_broken: AtomicBool::new(false),
            syncs: counter!("vantage_database_syncs_total", "domain" => domain.to_owned()),
            #[cfg(any(test, feature = "testing"))]
            faults: Faults::default(),
        }
    }

    /// Numbers a commit while its connection is still held, so that later commits get higher numbers.
    pub(super) fn committed(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The number of the newest commit.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// Waits until this commit and all before it are on disk.
    pub(super) async fn durable(&self, commit: u64) -> io::Result<()> {
        let mut durable = self.durable.subscribe();
        if *durable.borrow_and_update() >= commit {
            return Ok(());
        }
        let reached = async {
            // The sender lives as long as `self`.
            durable
                .wait_for(|durable| *durable >= commit)
                .await
                .map(drop)
        };
        let _leader = tokio::select! {
            biased;
            _ = reached => return Ok(()),
            leader = self.leader.lock() => leader,
        };
        self.sync(commit).await
    }

    async fn sync(&self, commit: u64) -> io::Result<()> {
        if *self.durable.borrow() >= commit {
            return Ok(());
        }
        if self.is_broken() {
            return Err(io::Error::other("an earlier sync of the log failed"));
        }
        let covered = self.newest();
        let log = self.log.clone();
        #[cfg(any(test, feature = "testing"))]
        self.faults.before_sync().await;
        let synced = tokio::task::spawn_blocking(move || sync(&log)).await;
        let synced = synced.unwrap_or_else(|error| Err(io::Error::other(error)));
        #[cfg(any(test, feature = "testing"))]
        let synced = synced.and_then(|()| self.faults.sync());
        match synced {
            Ok(()) => {
                self.syncs.increment(1);
                self.durable.send_replace(covered);
                Ok(())
            }
            Err(error) => {
                self.is_broken.store(true, Ordering::Release);
                Err(error)
            }
        }
    }

    /// Whether a sync failed and the log has not been moved into the database since.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }

    /// Call when the log has been moved into the database and no commit can have happened since.
    pub(super) fn repaired(&self) {
        self.durable.send_replace(self.newest());
        self.is_broken.store(false, Ordering::Release);
    }
}

/// A missing log means that the database file has everything.
fn sync(log: &PathBuf) -> io::Result<()> {
    match File::options().read(true).write(true).open(log) {
        Ok(file) => file.sync_data(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
