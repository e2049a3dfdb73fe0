//! Simulates power cuts: before every sync the files are copied, and whatever was acknowledged later is looked up in
//! the copy made by the last sync before it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::try_join_all;

use super::*;
use crate::database::Synchronous;

const WRITERS: i64 = 50;
const WRITES: i64 = 10_000;
const NOTHING: [i64; 0] = [];

/// Writes acknowledged so far, and the last copy.
#[derive(Default)]
struct Disk {
    acknowledged: Mutex<Vec<i64>>,
    copies: AtomicUsize,
}

impl Disk {
    fn acknowledge(&self, id: i64) {
        self.acknowledged.lock().unwrap().push(id);
    }

    fn acknowledged(&self) -> Vec<i64> {
        let mut acknowledged = self.acknowledged.lock().unwrap().clone();
        acknowledged.sort_unstable();
        acknowledged
    }

    fn copies(&self) -> usize {
        self.copies.load(Ordering::SeqCst)
    }
}

/// Copies the files while nobody writes.
async fn copy(database: &Database, from: &Path, to: &Path) {
    let nobody_writes = database.begin().await.unwrap();
    std::fs::create_dir_all(to).unwrap();
    for name in ["things.sqlite", "things.sqlite-wal"] {
        // The log's shared-memory file does not survive a power cut; SQLite rebuilds it.
        let copied = std::fs::copy(from.join(name), to.join(name));
        assert!(copied.is_ok() || name.ends_with("-wal"), "{copied:?}");
    }
    nobody_writes.rollback().await;
}

async fn survivors(directory: &Path) -> Vec<i64> {
    let config = DatabaseConfig::sqlite(directory);
    let database = Database::open(&config, "things").await.unwrap();
    let ids = ids(&database).await;
    database.close().await;
    ids
}

fn lost(acknowledged: &[i64], survivors: &[i64]) -> Vec<i64> {
    let is_there = |id: &&i64| survivors.binary_search(id).is_ok();
    acknowledged
        .iter()
        .filter(|id| !is_there(id))
        .copied()
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_sync_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("live");
    let config = DatabaseConfig::sqlite(&live);
    let database = Database::open(&config, "things").await.unwrap();
    create(&database).await;

    let disk = Arc::new(Disk::default());
    let last: Arc<Mutex<Option<PathBuf>>> = Arc::default();
    let watched = (database.clone(), disk.clone(), last.clone());
    let root = directory.path().to_owned();
    database.faults().watch_syncs(move || {
        let (database, disk, last) = watched.clone();
        let (root, live) = (root.clone(), root.join("live"));
        async move {
            // Everything acknowledged so far was acknowledged by earlier syncs, so the copy made at the last one has
            // it.
            let acknowledged = disk.acknowledged();
            let before = last.lock().unwrap().take();
            if let Some(before) = before {
                let lost = lost(&acknowledged, &survivors(&before).await);
                assert_eq!(lost, NOTHING, "at sync {}", disk.copies());
                std::fs::remove_dir_all(before).unwrap();
            }
            let count = disk.copies.fetch_add(1, Ordering::SeqCst);
            let to = root.join(count.to_string());
            copy(&database, &live, &to).await;
            *last.lock().unwrap() = Some(to);
        }
        .boxed()
    });

    let next = AtomicI64::new(0);
    let writers = (0..WRITERS).map(|_| async {
        loop {
            let id = next.fetch_add(2, Ordering::SeqCst);
            if id >= WRITES {
                return Ok::<_, DbErr>(());
            }
            pair(&database, id, 100).await?;
            disk.acknowledge(id);
            disk.acknowledge(id + 1);
        }
    });
    try_join_all(writers).await.unwrap();

    let copies = disk.copies();
    assert!(copies > 1, "{copies} syncs");
    let last = last.lock().unwrap().take().unwrap();
    let acknowledged = disk.acknowledged();
    assert_eq!(acknowledged.len(), usize::try_from(WRITES).unwrap());
    assert_eq!(lost(&acknowledged, &survivors(&last).await), NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_durability_nothing_is_synced_for_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let config = DatabaseConfig::Sqlite {
        directory: directory.path().to_owned(),
        synchronous: Synchronous::Normal,
    };
    let database = Database::open(&config, "things").await.unwrap();
    create(&database).await;
    database.faults().watch_syncs(|| panic!("it was synced"));
    pair(&database, 1, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_waits_for_what_it_read() {
    let directory = tempfile::tempdir().unwrap();
    let config = DatabaseConfig::sqlite(directory.path());
    let database = Database::open(&config, "things").await.unwrap();
    create(&database).await;
    let (started, is_started) = tokio::sync::oneshot::channel();
    let (let_go, may_go) = tokio::sync::oneshot::channel::<()>();
    let gate = Arc::new(Mutex::new(Some((started, may_go))));
    database.faults().watch_syncs(move || {
        let gate = gate.lock().unwrap().take();
        async move {
            if let Some((started, may_go)) = gate {
                started.send(()).unwrap();
                may_go.await.unwrap();
            }
        }
        .boxed()
    });
    let writing = tokio::spawn({
        let database = database.clone();
        async move { pair(&database, 1, 1).await }
    });
    is_started.await.unwrap();
    // The pair is committed, but not on disk.
    let transaction = database.begin().await.unwrap();
    let select = Statement::from_string(DbBackend::Sqlite, "SELECT id FROM things");
    assert_eq!(transaction.query_all_raw(select).await.unwrap().len(), 2);
    let mut replay = Box::pin(transaction.commit());
    assert!((&mut replay).now_or_never().is_none());
    let_go.send(()).unwrap();
    replay.await.unwrap();
    writing.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_sync_nothing_is_acknowledged_until_the_log_is_in_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("live");
    let config = DatabaseConfig::sqlite(&live);
    let database = Database::open(&config, "things").await.unwrap();
    create(&database).await;
    let log = live.join("things.sqlite-wal");
    database.faults().fail_syncs(1);
    pair(&database, 1, 1).await.unwrap_err();
    assert!(std::fs::metadata(&log).unwrap().len() > 0);
    pair(&database, 3, 1).await.unwrap();
    // The disk may have lost the log up to the failed sync; acknowledged commits do not depend on it.
    let to = directory.path().join("copy");
    copy(&database, &live, &to).await;
    let moved = to.join("alone");
    std::fs::create_dir(&moved).unwrap();
    std::fs::copy(to.join("things.sqlite"), moved.join("things.sqlite")).unwrap();
    assert_eq!(survivors(&moved).await, [1, 2]);
    assert_eq!(survivors(&to).await, [1, 2, 3, 4]);
}
