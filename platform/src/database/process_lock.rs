//! A lock that lets one process at a time do some work on a shared database.

use std::fs::File;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, Statement};

use super::{Database, DatabaseConfig};

/// Held while the work is done; dropping it lets the next process continue.
#[derive(Debug)]
pub struct ProcessLock {
    _held: LockHandle,
}

#[derive(Debug)]
#[expect(dead_code, reason = "the guard is never used, only dropped")]
enum LockHandle {
    File(File),
    /// The lock is released with the connection.
    Connection(DatabaseConnection),
}

impl Database {
    /// Waits until no other process holds the lock of this name.
    pub async fn lock_across_processes(&self, name: &'static str) -> Result<ProcessLock, DbErr> {
        let _held = match &*self.config {
            DatabaseConfig::Sqlite { directory, .. } => {
                let path = directory.join(format!("{name}.lock"));
                let locked = tokio::task::spawn_blocking(move || {
                    let file = File::create(path)?;
                    file.lock()?;
                    Ok(file)
                });
                let locked = locked.await.unwrap_or_else(|error| Err(error.into()));
                let internal = |error: std::io::Error| RuntimeErr::Internal(error.to_string());
                LockHandle::File(locked.map_err(|error| DbErr::Conn(internal(error)))?)
            }
            DatabaseConfig::Postgres { .. } => {
                let connection = self.connect_for_migrations().await?;
                let lock = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
                let name = format!("{}.{name}", self.domain);
                let lock = Statement::from_sql_and_values(
                    connection.get_database_backend(),
                    lock,
                    [name.into()],
                );
                connection.execute_raw(lock).await?;
                LockHandle::Connection(connection)
            }
        };
        Ok(ProcessLock { _held })
    }
}
