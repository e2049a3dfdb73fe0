//! Durable commits of SQLite at the price of one `fsync` for all who commit at the same time.
//!
//! SQLite runs with `synchronous=NORMAL`: a commit appends to the write-ahead log and does not wait for the disk. Before
//! anybody is told of the commit, one of those who wait syncs the log, for itself and for all whose commit came before.
//! Meanwhile the next transactions use the connection, which they could not if SQLite itself synced
//! (`synchronous=FULL`), nor if several transactions were made one: then a failure of one would undo the others.
//!
//! Why the log alone is enough: a commit leaves the log only by a checkpoint, which syncs the log, writes the database
//! file and syncs that before the log may be used anew; so what is not in the log anymore is safe already. The log is
//! opened by its name for each sync, because the last connection that closes deletes it, and the next makes a new one.
//! Readers may see a commit before it is durable. Workers do not: they begin a transaction for what they pass on, and
//! its end waits for everything that was committed before.
//!
//! After a sync that failed nobody knows what the disk has: a later one may succeed without it. Nothing is acknowledged
//! then until the whole log has been moved into the database file, with syncs of their own.

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
    /// Up to which commit the disk has everything.
    durable: watch::Sender<u64>,
    /// Who holds it syncs.
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

    /// Counts a commit, while its connection is still held: what comes after it has a higher number.
    pub(super) fn committed(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The number of the newest commit.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// Waits until this commit is on the disk, and all before it.
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

    /// Whether a sync failed, and the log has not been moved into the database since.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }

    /// The log was moved into the database, and no commit can have come since.
    pub(super) fn repaired(&self) {
        self.durable.send_replace(self.newest());
        self.is_broken.store(false, Ordering::Release);
    }
}

/// A log that does not exist holds nothing that is not in the database file.
fn sync(log: &PathBuf) -> io::Result<()> {
    match File::options().read(true).write(true).open(log) {
        Ok(file) => file.sync_data(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
