//! Migrates the preferences of a former system with one toggle: `vantage notifications migrate-preferences`, and repairs
//! them. Customers' own choices are never overwritten.

use std::time::Duration;

use entities::notifications::legacy_preference::{self, MigratedCell, Range};
use entities::notifications::preference_migration;
use platform::clock::Clock;
use platform::database::Database;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::rules::legacy_preferences::cells;

/// How many customers are migrated at once, and the pause after them.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub batch: u64,
    pub pause: Duration,
}

/// How far a migration has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationProgress {
    pub migrated: u64,
    pub total: u64,
}

/// Migrates all legacy preferences, from where an interrupted migration stopped. Each batch is a transaction; several
/// processes share the work. Running it again, after it has finished, repairs all.
pub async fn migrate_all(
    database: &Database,
    clock: &Clock,
    pace: Pace,
    tell: &mut (dyn FnMut(MigrationProgress) + Send),
) -> Result<MigrationProgress, DbErr> {
    let total = legacy_preference::count(database.read()).await?;
    preference_migration::start(database.write(), clock.now()).await?;
    loop {
        let batch = migrate_batch(database, clock, pace.batch).await?;
        let progress = MigrationProgress {
            migrated: batch.migrated,
            total,
        };
        tell(progress);
        if batch.is_last {
            return Ok(progress);
        }
        tokio::time::sleep(pace.pause).await;
    }
}

/// Recomputes the preferences of one customer. Returns whether there is anything to compute them from.
pub async fn repair(database: &Database, clock: &Clock, customer: Uuid) -> Result<bool, DbErr> {
    let transaction = database.begin().await?;
    let known = legacy_preference::find(&transaction, customer).await?;
    if known.is_none() {
        transaction.rollback().await;
        return Ok(false);
    }
    write(&transaction, clock, Range::one(customer)).await?;
    transaction.commit().await?;
    Ok(true)
}

struct Batch {
    /// Customers so far.
    migrated: u64,
    is_last: bool,
}

async fn migrate_batch(database: &Database, clock: &Clock, size: u64) -> Result<Batch, DbErr> {
    let transaction = database.begin().await?;
    let Some(state) = preference_migration::lock(&transaction).await? else {
        transaction.rollback().await;
        return Err(DbErr::RecordNotFound("the migration's state".to_owned()));
    };
    let before = u64::try_from(state.migrated).unwrap_or(0);
    let range = legacy_preference::next_range(&transaction, state.last_customer, size).await?;
    let Some(range) = range.filter(|_| state.finished_at.is_none()) else {
        preference_migration::finish(&transaction, clock.now()).await?;
        transaction.commit().await?;
        return Ok(Batch {
            migrated: before,
            is_last: true,
        });
    };
    write(&transaction, clock, range).await?;
    let migrated = before + legacy_preference::count_in(&transaction, range).await?;
    let stored = i64::try_from(migrated).unwrap_or(i64::MAX);
    preference_migration::advance(&transaction, range.last, stored).await?;
    transaction.commit().await?;
    Ok(Batch {
        migrated,
        is_last: false,
    })
}

/// Writes the cells of these customers anew. The number of statements does not depend on how many they are.
async fn write(
    transaction: &impl sea_orm::ConnectionTrait,
    clock: &Clock,
    range: Range,
) -> Result<(), DbErr> {
    legacy_preference::clear(transaction, range).await?;
    for cell in cells() {
        let cell = MigratedCell {
            channel: cell.channel,
            category: cell.category,
            enabled: cell.enabled,
            chosen: cell.chosen,
        };
        legacy_preference::migrate(transaction, cell, range, clock.now()).await?;
    }
    legacy_preference::reset_topics(transaction, range).await?;
    Ok(())
}
