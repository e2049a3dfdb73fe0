//! One Migrator for each domain. A migration is frozen once it has landed: it never imports entities, which keep
//! changing, and every change is a new file.

mod compatibility;
pub mod notifications;
pub mod orders;
mod platform;
pub mod pricing;
pub mod returns;
pub mod search;
mod tasks;
pub mod tracking;

pub use compatibility::PREVIOUS_RELEASE;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    DatabaseConnection, DbBackend, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

/// Why a database was not migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(
        "the database was written by a newer version: it has the migration {0}, which this version \
         does not know and cannot run with; run the newer version, or restore a backup from before the upgrade"
    )]
    Newer(String),
    #[error("the database could not be migrated: {0}")]
    Database(#[from] DbErr),
}

/// What was done to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// How many migrations were applied.
    pub steps: usize,
    /// A migration of a newer version, which had migrated the database before.
    pub newer: Option<String>,
}

/// Migrates a domain's database to this version in one transaction. Processes that start together wait for each other. A
/// database of a newer version is left as it is, if that version says that this one can run on it.
pub async fn migrate<M: MigratorTrait>(
    connection: &DatabaseConnection,
) -> Result<Migrated, MigrateError> {
    let postgres = connection.get_database_backend() == DbBackend::Postgres;
    let transaction = connection
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: (!postgres).then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if postgres {
        // One lock for all domains: the schemas are small and start-up is rare.
        transaction
            .execute_unprepared("SELECT pg_advisory_xact_lock(8026110)")
            .await?;
    }
    M::install(&transaction).await?;
    let known = M::migrations();
    let applied = M::get_migration_models(&transaction).await?;
    let is_applied = |name: &str| applied.iter().any(|applied| applied.version == name);
    let steps = known.iter().filter(|known| !is_applied(known.name()));
    let steps = steps.count();
    if let Some(newer) = applied
        .iter()
        .find(|applied| known.iter().all(|known| known.name() != applied.version))
    {
        if steps > 0 || !compatibility::includes_this_version(&transaction).await? {
            return Err(MigrateError::Newer(newer.version.clone()));
        }
        transaction.commit().await?;
        let newer = Some(newer.version.clone());
        return Ok(Migrated { steps, newer });
    }
    M::up(&transaction, None).await?;
    compatibility::record(&transaction).await?;
    transaction.commit().await?;
    Ok(Migrated { steps, newer: None })
}

/// The names of a domain's migrations, in their order.
pub fn names<M: MigratorTrait>() -> Vec<String> {
    let migrations = M::migrations();
    let mut names: Vec<String> = migrations
        .iter()
        .map(|step| step.name().to_owned())
        .collect();
    names.sort_unstable();
    names
}
