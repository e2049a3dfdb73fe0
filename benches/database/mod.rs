//! The database of a benchmark that runs a subgraph in process.

use std::path::Path;
use std::time::Duration;

use migrations::migrate;
use platform::database::{Database, DatabaseConfig};
use sea_orm_migration::MigratorTrait;

/// The database of this domain, with its tables: in the directory, or an empty one on PostgreSQL.
pub(crate) async fn open<M: MigratorTrait>(
    domain: &str,
    directory: &Path,
    postgres: Option<&str>,
) -> anyhow::Result<Database> {
    let config = match postgres {
        Some(url) => DatabaseConfig::Postgres {
            url: url.to_owned(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
        },
        None => DatabaseConfig::sqlite(directory),
    };
    let database = Database::open(&config, domain).await?;
    migrate::<M>(&database.connect_for_migrations().await?).await?;
    Ok(database)
}
