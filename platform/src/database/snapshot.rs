//! Copies SQLite databases as of one common moment while writes continue.
//!
//! Writes to all databases are blocked for an instant in which a read transaction begins in each; what those
//! transactions see is copied afterwards. If the databases were copied one after the other, one copy could contain an
//! event that another never sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use tokio::time::Instant;

/// How long a busy writer may delay the moment while writers of the other databases wait.
const HOLD: Duration = Duration::from_millis(250);
/// How long to keep trying.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between attempts, in which blocked writers proceed.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a database was not copied.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("cannot copy the database {path}: {source}")]
    Database { path: PathBuf, source: sqlx::Error },
    #[error("cannot write {path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the copy {path} is damaged: {told}")]
    Damaged { path: PathBuf, told: String },
}

/// A database to copy, and the file to copy it to, which must not exist.
#[derive(Clone, Debug)]
pub struct DatabaseCopy {
    pub from: PathBuf,
    pub to: PathBuf,
}

/// A database whose read transaction has begun.
struct Snapshot {
    copy: DatabaseCopy,
    connection: SqliteConnection,
}

/// Copies the databases as of one common moment.
pub async fn snapshot_all(copies: &[DatabaseCopy]) -> Result<(), SnapshotError> {
    let deadline = Instant::now() + PATIENCE;
    let snapshots = loop {
        match begin(copies).await {
            Err(SnapshotError::Database { source, .. })
                if is_busy(&source) && Instant::now() < deadline =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            begun => break begun?,
        }
    };
    for snapshot in snapshots {
        let copy = snapshot.copy.clone();
        snapshot
            .write()
            .await
            .map_err(|source| failed(&copy.from, source))?;
        finish(&copy).await?;
    }
    Ok(())
}

fn failed(path: &Path, source: sqlx::Error) -> SnapshotError {
    let path = path.to_owned();
    SnapshotError::Database { path, source }
}

fn is_busy(error: &sqlx::Error) -> bool {
    // SQLITE_BUSY and its extended codes.
    let code = |code: &str| code.parse::<u32>().is_ok_and(|code| code & 0xff == 5);
    matches!(error, sqlx::Error::Database(error) if error.code().is_some_and(|c| code(&c)))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(HOLD)
        .disable_statement_logging()
}

/// Begins all read transactions while writes are blocked.
async fn begin(copies: &[DatabaseCopy]) -> Result<Vec<Snapshot>, SnapshotError> {
    // Dropped at the end and on any error, which unblocks the writers.
    let mut nobody_writes = Vec::new();
    let mut snapshots = Vec::new();
    for copy in copies {
        // SQLite attaches only existing files.
        std::fs::File::create(&copy.to).map_err(|source| SnapshotError::File {
            path: copy.to.clone(),
            source,
        })?;
        let connection = reader(copy).await;
        snapshots.push(Snapshot {
            connection: connection.map_err(|source| failed(&copy.from, source))?,
            copy: copy.clone(),
        });
    }
    for copy in copies {
        let locked = async {
            let mut connection = options(&copy.from).connect().await?;
            connection.execute("BEGIN IMMEDIATE").await?;
            Ok(connection)
        };
        nobody_writes.push(locked.await.map_err(|source| failed(&copy.from, source))?);
    }
    for snapshot in &mut snapshots {
        let begin = "BEGIN; SELECT count(*) FROM main.sqlite_master";
        let begun = snapshot.connection.execute(begin).await;
        begun.map_err(|source| failed(&snapshot.copy.from, source))?;
    }
    for connection in nobody_writes {
        // It has written nothing, so closing it is enough.
        drop(connection.close().await);
    }
    Ok(snapshots)
}

/// A connection to the database with the empty copy attached.
async fn reader(copy: &DatabaseCopy) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options(&copy.from).connect().await?;
    let to = copy.to.to_string_lossy();
    sqlx::query("ATTACH DATABASE $1 AS copy")
        .bind(to.as_ref())
        .execute(&mut connection)
        .await?;
    // An interrupted copy starts over, and the finished copy is synced at the end.
    let careless = "PRAGMA copy.journal_mode = OFF; PRAGMA copy.synchronous = OFF";
    connection.execute(careless).await?;
    Ok(connection)
}

impl Snapshot {
    /// Copies what the read transaction sees.
    async fn write(mut self) -> Result<(), sqlx::Error> {
        let schema =
            "SELECT type, name, sql FROM main.sqlite_master WHERE sql IS NOT NULL ORDER BY rowid";
        let objects: Vec<(String, String, String)> = sqlx::query_as(schema)
            .fetch_all(&mut self.connection)
            .await?;
        // The statements do not name a database, so run them where the copy is the only one.
        let mut copy = options(&self.copy.to).connect().await?;
        let (tables, others): (Vec<_>, Vec<_>) = objects
            .into_iter()
            .filter(|(_, name, _)| !name.starts_with("sqlite_"))
            .partition(|(kind, _, _)| kind == "table");
        for (_, _, sql) in &tables {
            copy.execute(AssertSqlSafe(sql.as_str())).await?;
        }
        let counters = "SELECT count(*) FROM copy.sqlite_master WHERE name = 'sqlite_sequence'";
        let counters: i64 = sqlx::query_scalar(counters)
            .fetch_one(&mut self.connection)
            .await?;
        let counters = (counters > 0).then_some("sqlite_sequence");
        let names = tables.iter().map(|(_, name, _)| name.as_str());
        for name in names.chain(counters) {
            let name = name.replace('"', "\"\"");
            let fill = format!("INSERT INTO copy.\"{name}\" SELECT * FROM main.\"{name}\"");
            self.connection.execute(AssertSqlSafe(fill)).await?;
        }
        let version = self
            .connection
            .fetch_one("PRAGMA main.user_version")
            .await?;
        let version: i64 = version.try_get(0)?;
        self.connection.execute("COMMIT").await?;
        self.connection.close().await?;
        for (_, _, sql) in &others {
            copy.execute(AssertSqlSafe(sql.as_str())).await?;
        }
        let version = format!("PRAGMA user_version = {version}");
        copy.execute(AssertSqlSafe(version)).await?;
        copy.close().await
    }
}

/// Checks that the copy is intact and syncs it.
async fn finish(copy: &DatabaseCopy) -> Result<(), SnapshotError> {
    check(&copy.to).await?;
    let synced = std::fs::File::open(&copy.to).and_then(|file| file.sync_all());
    synced.map_err(|source| SnapshotError::File {
        path: copy.to.clone(),
        source,
    })
}

/// Checks the integrity of the database in this file.
pub async fn check(path: &Path) -> Result<(), SnapshotError> {
    let checked = async {
        let mut connection = options(path).connect().await?;
        let row = connection.fetch_one("PRAGMA quick_check(1)").await?;
        let told: String = row.try_get(0)?;
        connection.close().await?;
        Ok(told)
    };
    let told = checked.await.map_err(|source| failed(path, source))?;
    if told == "ok" {
        return Ok(());
    }
    Err(SnapshotError::Damaged {
        path: path.to_owned(),
        told,
    })
}
