//! Scratch databases for tests: each test runs on SQLite and, when `VANTAGE_TEST_POSTGRES_URL` names a server, on
//! PostgreSQL. Also waiting for a state, and webhook signatures.

#[cfg(test)]
pub(crate) mod child_process;

pub mod effects;
pub mod mail_sink;
pub mod ports;

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sea_orm::{ConnectionTrait, Statement};
use sha2::Sha256;
use uuid::Uuid;

use crate::database::{Database, DatabaseConfig};

/// Names a PostgreSQL server in which tests may create schemas.
pub const POSTGRES_URL: &str = "VANTAGE_TEST_POSTGRES_URL";

/// Long enough for any number of writers on a busy machine.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a test waits for a state: long, for busy machines. Only failures wait this long.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Polls until the condition holds; panics after [`PATIENCE`] and says what was not reached.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("timed out waiting until {what}"));
}

/// A test's own database, removed afterwards.
#[derive(Debug)]
pub struct Scratch {
    pub database: Database,
    /// `sqlite` or `postgres`, for assertion messages.
    pub name: &'static str,
    schema: Option<String>,
    _directory: Option<tempfile::TempDir>,
}

/// An empty database of every kind available on this machine.
pub async fn scratch_databases() -> Vec<Scratch> {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let config = DatabaseConfig::sqlite(directory.path().to_owned());
    let mut all = vec![Scratch {
        database: Database::open(&config, "scratch").await.expect("SQLite"),
        name: "sqlite",
        schema: None,
        _directory: Some(directory),
    }];
    if let Ok(url) = std::env::var(POSTGRES_URL) {
        let schema = format!("scratch_{}", Uuid::now_v7().simple());
        let config = DatabaseConfig::Postgres {
            url,
            max_connections: 4,
            acquire_timeout: ACQUIRE_TIMEOUT,
        };
        all.push(Scratch {
            database: Database::open(&config, &schema).await.expect("PostgreSQL"),
            name: "postgres",
            schema: Some(schema),
            _directory: None,
        });
    }
    all
}

impl Scratch {
    /// Returns when a transaction that uses this table waits for a lock. Returns at once on SQLite, where all wait for
    /// the only writer.
    pub async fn until_locked_out(&self, table: &str) {
        if self.name == "sqlite" {
            return;
        }
        let waiting = format!(
            "SELECT 1 FROM pg_locks AS waiting JOIN pg_locks AS held USING (pid)
             WHERE NOT waiting.granted AND held.relation = '{table}'::regclass"
        );
        let db = self.database.read();
        let waiting = || Statement::from_string(db.get_database_backend(), waiting.clone());
        until("a transaction waits for a lock", async || {
            let found = db.query_one_raw(waiting()).await;
            found.expect("locks").is_some()
        })
        .await;
    }

    /// Removes the schema from the server; a SQLite directory removes itself.
    pub async fn drop(self) {
        if let Some(schema) = &self.schema {
            self.database
                .write()
                .execute_unprepared(&format!("DROP SCHEMA \"{schema}\" CASCADE"))
                .await
                .expect("dropped");
        }
    }
}

/// The HMAC-SHA256 of the concatenated parts, in hexadecimal.
pub fn hmac_sha256(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    let hash = mac.finalize().into_bytes();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
