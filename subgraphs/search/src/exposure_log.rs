//! Records the searches of the experiment. Searches only read, so their records are collected in memory and written
//! together, several times a second; a crash loses those of less than a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use entities::search::{customer_preference, search_exposure};
use metrics::counter;
use parking_lot::Mutex;
use platform::database::Database;
use platform::tables::customer_erasure;
use platform::workers::WorkerContext;
use sea_orm::DbErr;
use uuid::Uuid;

/// Searches that may wait to be written; more are dropped.
const CAPACITY: usize = 20_000;
/// How often they are written.
const INTERVAL: Duration = Duration::from_millis(500);
/// Searches in one statement.
const BATCH: usize = 1_000;

/// Searches that wait to be written. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct ExposureLog(Arc<Mutex<Vec<search_exposure::Model>>>);

impl ExposureLog {
    pub(crate) fn record(&self, exposure: search_exposure::Model) {
        let mut waiting = self.0.lock();
        if waiting.len() < CAPACITY {
            waiting.push(exposure);
        } else {
            counter!("vantage_search_exposures_dropped_total").increment(1);
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// A database that cannot be written. The searches continue to wait.
    pub async fn flush(&self, database: &Database) -> Result<(), DbErr> {
        let mut waiting = std::mem::take(&mut *self.0.lock());
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(BATCH));
            if let Err(error) = write(database, waiting.clone()).await {
                let mut all = self.0.lock();
                waiting.extend(rest);
                waiting.append(&mut all);
                waiting.truncate(CAPACITY);
                *all = waiting;
                return Err(error);
            }
            waiting = rest;
        }
        Ok(())
    }

    /// Writes until told to stop, and once more then.
    pub(crate) async fn run(self, context: WorkerContext) {
        loop {
            let is_last = tokio::select! {
                () = context.stop.cancelled() => true,
                () = tokio::time::sleep(INTERVAL) => false,
            };
            if let Err(error) = self.flush(&context.database).await {
                tracing::warn!(%error, "searches of the experiment not recorded");
            }
            if is_last {
                return;
            }
        }
    }
}

async fn write(
    database: &Database,
    mut exposures: Vec<search_exposure::Model>,
) -> Result<(), DbErr> {
    let transaction = database.begin().await?;
    customer_erasure::lock_out(&transaction).await?;
    let customers: Vec<Uuid> = exposures.iter().map(|one| one.customer_id).collect();
    let known = customer_preference::by_customers(&transaction, &customers).await?;
    // Those who opted out meanwhile are not in the experiment.
    exposures.retain(|one| {
        known
            .iter()
            .all(|row| row.customer_id != one.customer_id || !row.opted_out)
    });
    // Searches from before a customer was erased stay in the totals.
    let erased = customer_erasure::of_customers(&transaction, &customers).await?;
    let mut replacements: HashMap<Uuid, Uuid> = HashMap::new();
    for one in &mut exposures {
        if erased
            .get(&one.customer_id)
            .is_some_and(|at| one.exposed_at <= *at)
        {
            let replacement = replacements.entry(one.customer_id);
            one.customer_id = *replacement.or_insert_with(Uuid::new_v4);
        }
    }
    search_exposure::record(&transaction, exposures).await?;
    transaction.commit().await
}
