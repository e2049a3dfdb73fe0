//! Imports a file of products: all of it, or nothing if any line has a problem. Memory does not grow with the file but
//! for the ids of its products.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::search::product;
use platform::clock::Clock;
use platform::database::{Database, DatabaseTransaction};
use platform::record_file::{Batches, Entry, Place};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::catalog_file::CatalogRecords;
use crate::catalog_input::{Problem, ProductInput};
use crate::catalog_write::{self, Changes, Counts, MAX_PRODUCTS};

pub use platform::record_file::{FileError, FileFormat, Progress};

/// Rows of a transaction that took longer are marked as changed when it ends, since whoever follows changes only looks
/// back so far (`index_changes.rs`).
const QUICK: TimeDelta = TimeDelta::seconds(10);

/// How a file is imported.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions {
    pub format: FileFormat,
    /// Only check.
    pub dry_run: bool,
    /// Removes products that the file does not name, up to this percentage of those for sale.
    pub prune: Option<u8>,
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Products in the file.
    pub products: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    /// By a line of the file.
    pub deleted: u64,
    /// Because the file does not name them.
    pub pruned: u64,
    /// Base prices of products that were there already, which are not imported.
    pub unused_prices: u64,
    /// Other quantities than the stock of products that were there already, which are not imported.
    pub unused_quantities: u64,
    /// If there are any, nothing was changed.
    pub problems: u64,
}

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the search database failed: {0}")]
    Database(#[from] DbErr),
    #[error(
        "the file does not name {pruned} of {active} products, which is more than {limit} %: is it complete? Nothing was \
         changed; --prune-limit allows more"
    )]
    PrunesTooMuch { pruned: u64, active: u64, limit: u8 },
}

/// Imports the file in one transaction.
///
/// # Errors
/// A file that cannot be read to its end, one that would remove too much, and a database that fails; nothing is changed
/// then.
pub async fn import(
    database: &Database,
    clock: &Clock,
    source: impl Read + Send + 'static,
    options: ImportOptions,
    report: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<ImportReport, ImportError> {
    let mut batches = Batches::open(source, options.format, CatalogRecords, MAX_PRODUCTS);
    let transaction = match options.dry_run {
        true => None,
        false => Some(database.begin().await?),
    };
    let mut import = Import {
        database,
        clock,
        transaction,
        now: clock.now(),
        places: HashMap::new(),
        counts: Counts::default(),
        problems: 0,
        report,
    };
    while let Some(batch) = batches.next().await {
        import.add(batch).await?;
        let bytes = batches.bytes();
        (import.report)(Progress::Read { bytes });
    }
    batches.finish().await?;
    import.finish(options.prune).await
}

struct Import<'a> {
    database: &'a Database,
    clock: &'a Clock,
    /// `None` in a dry run.
    transaction: Option<DatabaseTransaction>,
    now: DateTime<Utc>,
    /// Where each product is.
    places: HashMap<Uuid, Place>,
    counts: Counts,
    problems: u64,
    report: &'a mut (dyn FnMut(Progress<'_>) + Send),
}

impl Import<'_> {
    async fn add(&mut self, batch: Vec<Entry<ProductInput>>) -> Result<(), DbErr> {
        let mut checked = Vec::with_capacity(batch.len());
        for Entry { place, record } in batch {
            let record = record.map_err(|problems| {
                let problems = problems.into_iter().map(Problem::from);
                problems.collect::<Vec<_>>()
            });
            checked.push((place, record.and_then(ProductInput::check)));
        }
        let valid = checked
            .iter()
            .filter_map(|(_, change)| change.as_ref().ok());
        let ids: Vec<Uuid> = valid.map(|change| change.product).collect();
        let stored = self.stored(&ids).await?;
        let mut changes = Changes::default();
        for (place, change) in checked {
            let added = change.and_then(|change| {
                if let Some(first) = self.places.insert(change.product, place) {
                    return Err(vec![Problem {
                        field: "id",
                        message: format!("This product is in {first} already"),
                    }]);
                }
                let row = stored.get(&change.product);
                changes.add(row, change, None, self.now)
            });
            if let Err(problems) = added {
                self.refuse(place, &problems);
            }
        }
        self.counts += changes.counts;
        self.write(changes).await
    }

    async fn stored(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, product::Model>, DbErr> {
        match &self.transaction {
            Some(transaction) => catalog_write::lock(transaction, ids).await,
            None => {
                let rows = product::by_ids(self.database.read(), ids).await?;
                let rows = rows.into_iter();
                Ok(rows
                    .map(|(id, row)| (id, Arc::unwrap_or_clone(row)))
                    .collect())
            }
        }
    }

    /// Writes changes, unless something is wrong with the file.
    async fn write(&self, changes: Changes) -> Result<(), DbErr> {
        match &self.transaction {
            Some(transaction) if self.problems == 0 => changes.write(transaction, self.now).await,
            _ => Ok(()),
        }
    }

    fn refuse(&mut self, place: Place, problems: &[Problem]) {
        for Problem { field, message } in problems {
            self.problems += 1;
            (self.report)(Progress::Problem {
                place,
                field,
                message,
            });
        }
    }

    /// Removes products that the file does not name. Returns how many.
    async fn prune(&mut self, limit: u8) -> Result<u64, ImportError> {
        let missing = self.missing().await?;
        let pruned = missing.len() as u64;
        // As others see it: without what this transaction has done.
        let active = product::count_active(self.database.read()).await?;
        if pruned * 100 > active * u64::from(limit) {
            if let Some(transaction) = self.transaction.take() {
                transaction.rollback().await;
            }
            return Err(ImportError::PrunesTooMuch {
                pruned,
                active,
                limit,
            });
        }
        for ids in missing.chunks(MAX_PRODUCTS) {
            let stored = self.stored(ids).await?;
            let mut changes = Changes::default();
            for id in ids {
                // A removal lacks nothing.
                let _ = changes.add(stored.get(id), ProductInput::removal(*id), None, self.now);
            }
            self.write(changes).await?;
        }
        Ok(pruned)
    }

    /// Products for sale that the file does not name.
    async fn missing(&self) -> Result<Vec<Uuid>, DbErr> {
        let (mut missing, mut after) = (Vec::new(), None);
        loop {
            let ids = match &self.transaction {
                Some(transaction) => {
                    product::active_ids_after(transaction, after, MAX_PRODUCTS as u64).await?
                }
                None => {
                    let db = self.database.read();
                    product::active_ids_after(db, after, MAX_PRODUCTS as u64).await?
                }
            };
            let Some(last) = ids.last() else {
                return Ok(missing);
            };
            after = Some(*last);
            let is_missing = |id: &Uuid| !self.places.contains_key(id);
            missing.extend(ids.into_iter().filter(is_missing));
        }
    }

    async fn finish(mut self, prune: Option<u8>) -> Result<ImportReport, ImportError> {
        let mut pruned = 0;
        if let Some(limit) = prune
            && self.problems == 0
            && !self.places.is_empty()
        {
            pruned = self.prune(limit).await?;
        }
        let Counts {
            created,
            updated,
            deleted,
            unchanged,
            unused_prices,
            unused_quantities,
        } = self.counts;
        let report = ImportReport {
            products: self.places.len() as u64,
            created,
            updated,
            unchanged,
            deleted,
            pruned,
            unused_prices,
            unused_quantities,
            problems: self.problems,
        };
        let Some(transaction) = self.transaction else {
            return Ok(report);
        };
        if self.problems > 0 {
            transaction.rollback().await;
            return Ok(report);
        }
        let now = self.clock.now();
        if now - self.now > QUICK {
            product::touch(&transaction, self.now, now).await?;
        }
        transaction.commit().await?;
        Ok(report)
    }
}
