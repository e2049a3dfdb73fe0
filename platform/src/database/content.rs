//! What is in a SQLite file, before anything else opens it.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use sea_orm::{DbErr, RuntimeErr};

use super::DatabaseError;

/// Whether the file of this domain is a database that was migrated once. One that is missing, empty or without tables
/// was not.
pub async fn was_migrated(path: &Path, domain: &str) -> Result<bool, DatabaseError> {
    // SQLite would take an empty file for a database, and the log beside it for outdated.
    if std::fs::metadata(path).map_or(true, |metadata| metadata.len() == 0) {
        return Ok(false);
    }
    has_migrations(path)
        .await
        .map_err(|source| DatabaseError::Connect {
            domain: domain.to_owned(),
            place: path.display().to_string(),
            source: DbErr::Conn(RuntimeErr::SqlxError(source.into())),
        })
}

async fn has_migrations(path: &Path) -> Result<bool, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging()
        .connect()
        .await?;
    let tables =
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'";
    let count: i64 = sqlx::query_scalar(tables)
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(count > 0)
}
