//! What outlives a process: two databases, the third parties, and the time.

use std::path::Path;

use platform::clock::Clock;
use platform::providers::stripe::CaptureMethod;
use platform::testing::{Scratch, scratch_databases};
use tempfile::TempDir;

use crate::fixture::now;
use crate::third_parties::ThirdParties;

pub(crate) struct World {
    pub(crate) orders: Scratch,
    pub(crate) returns: Scratch,
    pub(crate) third_parties: ThirdParties,
    pub(crate) clock: Clock,
    pub(crate) capture: CaptureMethod,
    files: TempDir,
}

impl World {
    /// A world on this kind of database.
    pub(crate) async fn create(database: &str, capture: CaptureMethod) -> Self {
        let clock = Clock::manual(now());
        Self {
            orders: migrated::<orders::Migrator>(database).await,
            returns: migrated::<returns::Migrator>(database).await,
            third_parties: ThirdParties::start(&clock).await,
            clock,
            capture,
            files: tempfile::tempdir().unwrap(),
        }
    }

    /// Where files are stored.
    pub(crate) fn files(&self) -> &Path {
        self.files.path()
    }

    pub(crate) async fn drop(self) {
        self.orders.drop().await;
        self.returns.drop().await;
    }
}

async fn migrated<M: sea_orm_migration::MigratorTrait>(kind: &str) -> Scratch {
    let mut chosen = None;
    for scratch in scratch_databases().await {
        if scratch.name == kind {
            chosen = Some(scratch);
        } else {
            scratch.drop().await;
        }
    }
    let chosen = chosen.unwrap_or_else(|| panic!("there is no {kind} database"));
    let connection = chosen.database.connect_for_migrations().await.unwrap();
    migrations::migrate::<M>(&connection).await.unwrap();
    connection.close().await.unwrap();
    chosen
}
