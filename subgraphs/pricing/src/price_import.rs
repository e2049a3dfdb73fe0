//! Imports a file of prices: all of it, or nothing if any line has a problem. Lines are compared with the prices of before
//! the import, wherever they are in the file. Memory does not grow with the file but for the ids of what it changes.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use chrono::{DateTime, Utc};
use entities::pricing::product_price;
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::record_file::{Batches, Entry, Place};
use resolvers::user_error::UserErrorCode;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::price_file::PriceRecords;
use crate::price_set::{self, CheckedChange, WriteError, Writer};
use crate::price_set_input::{PriceChangeInput, Problem};
use crate::price_write::{Impossible, Locked, MAX_PRODUCTS};

pub use platform::record_file::{FileError, FileFormat, Progress};

/// How a file is imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    pub format: FileFormat,
    /// Of changes that have none.
    pub reason: String,
    /// Who imports.
    pub actor: String,
    /// Only check.
    pub dry_run: bool,
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Changes in the file.
    pub changes: u64,
    /// Those that take effect later.
    pub scheduled: u64,
    /// If there are any, nothing was changed.
    pub problems: u64,
}

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the pricing database failed: {0}")]
    Database(#[from] DbErr),
}

/// Imports the file in one transaction.
///
/// # Errors
/// A file that cannot be read to its end, and a database that fails; nothing is changed then.
pub async fn import(
    state: &State,
    source: impl Read + Send + 'static,
    options: ImportOptions,
    tell: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<ImportReport, ImportError> {
    let records = PriceRecords {
        reason: options.reason,
    };
    let mut batches = Batches::open(source, options.format, records, MAX_PRODUCTS);
    let transaction = match options.dry_run {
        true => None,
        false => Some(state.database.begin().await?),
    };
    let mut import = Import {
        state,
        transaction,
        actor: options.actor,
        now: state.clock.now(),
        places: HashMap::new(),
        based: HashSet::new(),
        unpriced: Vec::new(),
        versions: HashMap::new(),
        scheduled: HashSet::new(),
        report: ImportReport::default(),
        tell,
    };
    while let Some(batch) = batches.next().await {
        import.add(batch).await?;
        let bytes = batches.bytes();
        (import.tell)(Progress::Read { bytes });
    }
    batches.finish().await?;
    import.finish().await
}

struct Import<'a> {
    state: &'a State,
    /// `None` in a dry run.
    transaction: Option<DatabaseTransaction>,
    actor: String,
    now: DateTime<Utc>,
    /// Where each change is, to find those that are there twice.
    places: HashMap<(Uuid, Option<DateTime<Utc>>), Place>,
    /// Products that this file gives a base price.
    based: HashSet<Uuid>,
    /// Lines that change a price later, of products without one: a line further on may give it.
    unpriced: Vec<(Place, Uuid, Problem)>,
    /// By product, of before the import.
    versions: HashMap<Uuid, i64>,
    /// What this file has scheduled.
    scheduled: HashSet<Uuid>,
    report: ImportReport,
    tell: &'a mut (dyn FnMut(Progress<'_>) + Send),
}

impl Import<'_> {
    async fn add(&mut self, batch: Vec<Entry<PriceChangeInput>>) -> Result<(), DbErr> {
        let (mut changes, mut places) = (Vec::with_capacity(batch.len()), Vec::new());
        for Entry { place, record } in batch {
            self.report.changes += 1;
            let record = record.map_err(|problems| {
                let problems = problems.into_iter().map(Problem::from);
                problems.collect::<Vec<_>>()
            });
            let checked = record.and_then(|input| {
                let checked = CheckedChange::new(&input, self.now)?;
                if input.base_usd.is_some() && checked.effective_at.is_none() {
                    self.based.insert(checked.product);
                }
                Ok(checked)
            });
            match checked {
                Err(problems) => self.refuse(place, &problems),
                Ok(change) => {
                    let what = (change.product, change.effective_at);
                    if let Some(first) = self.places.insert(what, place) {
                        let message = format!("This product is in {first} already");
                        let path = &["productId"];
                        let twice = Problem::new(UserErrorCode::DuplicateItem, path, message);
                        self.refuse(place, &[twice]);
                        continue;
                    }
                    changes.push(change);
                    places.push(place);
                }
            }
        }
        let locked = self.prices(&changes).await?;
        for (change, place) in changes.iter().zip(places) {
            let row = locked.get(&change.product);
            let version = self.versions.entry(change.product);
            let version = *version.or_insert(row.map_or(0, |row| row.version));
            let Some(problem) = change.check(row, version) else {
                continue;
            };
            if problem.code == UserErrorCode::PriceRequired && change.effective_at.is_some() {
                self.unpriced.push((place, change.product, problem));
            } else {
                self.refuse(place, &[problem]);
            }
        }
        let scheduled = changes
            .iter()
            .filter(|change| change.effective_at.is_some());
        self.report.scheduled += scheduled.count() as u64;
        if let Some(transaction) = &self.transaction
            && self.report.problems == 0
        {
            let by = Writer {
                actor: &self.actor,
                floor_percent: self.state.floor_percent,
                now: self.now,
            };
            let scheduled = &mut self.scheduled;
            match price_set::write(transaction, changes, &locked, scheduled, by).await {
                Ok(_) => {}
                Err(WriteError::Database(error)) => return Err(error),
                Err(WriteError::Impossible(impossible)) => self.refuse_impossible(impossible),
            }
        }
        Ok(())
    }

    async fn prices(&self, changes: &[CheckedChange]) -> Result<Locked, DbErr> {
        match &self.transaction {
            Some(transaction) => price_set::lock(transaction, changes).await,
            None => {
                let products: Vec<Uuid> = changes.iter().map(|change| change.product).collect();
                product_price::of_products(self.state.database.read(), &products).await
            }
        }
    }

    fn refuse(&mut self, place: Place, problems: &[Problem]) {
        for problem in problems {
            self.report.problems += 1;
            (self.tell)(Progress::Problem {
                place,
                field: &problem.path.join("."),
                message: &problem.message,
            });
        }
    }

    /// A change that names no adjustments keeps those that are stored, which must be readable.
    fn refuse_impossible(&mut self, impossible: Vec<Impossible>) {
        for Impossible { product, error } in impossible {
            let place = self.places.get(&(product, None)).copied();
            let message = format!("The price cannot change: {error}. Give it adjustments, or none");
            let path = &["adjustments"];
            let problem = Problem::new(UserErrorCode::InvalidAdjustment, path, message);
            self.refuse(place.unwrap_or_default(), &[problem]);
        }
    }

    async fn finish(mut self) -> Result<ImportReport, ImportError> {
        for (place, product, problem) in std::mem::take(&mut self.unpriced) {
            if !self.based.contains(&product) {
                self.refuse(place, &[problem]);
            }
        }
        let Some(transaction) = self.transaction else {
            return Ok(self.report);
        };
        if self.report.problems > 0 {
            transaction.rollback().await;
            return Ok(self.report);
        }
        transaction.commit().await?;
        counter!("vantage_pricing_price_changes_total", "by" => "import")
            .increment(self.report.changes);
        Ok(self.report)
    }
}
