//! Imports a file of stock: all of it, or nothing if any line has a problem. Also changes the stock of one product, and
//! lists it.

use std::collections::HashMap;
use std::io::Read;

use async_graphql::ID;
use chrono::{DateTime, Utc};
use entities::orders::stock_level;
use platform::clock::Clock;
use platform::database::Database;
use platform::record_file::{Batches, Entry, Place, Records, Row, Unreadable};
use resolvers::id::IdKind;
use resolvers::user_error::UserErrorCode;
use sea_orm::DbErr;
use serde::Deserialize;
use uuid::Uuid;

use crate::rules::stock::Units;
use crate::stock_adjust;
use crate::stock_adjust_input::{CheckedChange, Problem, StockChangeInput};
use crate::stock_write::{Locked, MAX_PRODUCTS};

pub use platform::record_file::{FileError, FileFormat, Progress};

/// How a file is imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    pub format: FileFormat,
    /// Of lines that have none.
    pub reason: String,
    /// Who imports.
    pub actor: String,
    /// Only check.
    pub dry_run: bool,
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Products in the file.
    pub products: u64,
    /// Those whose stock is another one now.
    pub changed: u64,
    /// If there are any, nothing was changed.
    pub problems: u64,
}

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the orders database failed: {0}")]
    Database(#[from] DbErr),
}

/// The stock of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownStock {
    /// `prd_…`.
    pub product_id: String,
    pub available: i32,
    pub damaged: i32,
    pub updated_at: DateTime<Utc>,
}

/// The stock of at most this many products after this one, in the order of their ids.
///
/// # Errors
/// A database that cannot be read.
pub async fn list(
    database: &Database,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<KnownStock>, DbErr> {
    let levels = stock_level::after(database.read(), after, limit).await?;
    let levels = levels.into_iter().map(|level| KnownStock {
        product_id: IdKind::Product.format(level.product_id),
        available: level.available,
        damaged: level.damaged,
        updated_at: level.updated_at,
    });
    Ok(levels.collect())
}

/// Imports the file in one transaction, which locks products in the order of their ids as orders do.
///
/// # Errors
/// A file that cannot be read to its end, and a database that fails; nothing is changed then.
pub async fn import(
    database: &Database,
    clock: &Clock,
    source: impl Read + Send + 'static,
    options: ImportOptions,
    report: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<ImportReport, ImportError> {
    let records = StockRecords {
        reason: options.reason,
    };
    let mut batches = Batches::open(source, options.format, records, MAX_PRODUCTS);
    let mut import = Import {
        changes: Vec::new(),
        places: HashMap::new(),
        problems: 0,
        report,
    };
    while let Some(batch) = batches.next().await {
        import.read(batch);
        let bytes = batches.bytes();
        (import.report)(Progress::Read { bytes });
    }
    batches.finish().await?;
    let mut changes = std::mem::take(&mut import.changes);
    changes.sort_unstable_by_key(|change| change.product);
    let mut changed = 0;
    if options.dry_run {
        for changes in changes.chunks(MAX_PRODUCTS) {
            let products: Vec<Uuid> = changes.iter().map(|change| change.product).collect();
            let levels = stock_level::of_products(database.read(), &products).await?;
            changed += import.check(changes, &levels);
        }
        return Ok(import.finish(changed));
    }
    let (transaction, now) = (database.begin().await?, clock.now());
    for changes in changes.chunks(MAX_PRODUCTS) {
        let locked = stock_adjust::lock(&transaction, changes).await?;
        changed += import.check(changes, &locked);
        if import.problems == 0 {
            let changes = changes.to_vec();
            stock_adjust::write(&transaction, changes, locked, &options.actor, now).await?;
        }
    }
    if import.problems > 0 {
        transaction.rollback().await;
    } else {
        transaction.commit().await?;
    }
    Ok(import.finish(changed))
}

struct Import<'a> {
    changes: Vec<CheckedChange>,
    /// Where each product is.
    places: HashMap<Uuid, Place>,
    problems: u64,
    report: &'a mut (dyn FnMut(Progress<'_>) + Send),
}

impl Import<'_> {
    fn read(&mut self, batch: Vec<Entry<StockChangeInput>>) {
        for Entry { place, record } in batch {
            let record = record.map_err(|problems| {
                let problems = problems.into_iter().map(Problem::from);
                problems.collect::<Vec<_>>()
            });
            match record.and_then(|input| CheckedChange::new(&input)) {
                Err(problems) => problems
                    .iter()
                    .for_each(|problem| self.refuse(place, problem)),
                Ok(change) => match self.places.get(&change.product) {
                    Some(first) => {
                        let message = format!("This product is in {first} already");
                        let code = UserErrorCode::DuplicateItem;
                        self.refuse(place, &Problem::new(code, "productId", message));
                    }
                    None => {
                        self.places.insert(change.product, place);
                        self.changes.push(change);
                    }
                },
            }
        }
    }

    /// Reports what is impossible, and returns how many change the stock.
    fn check(&mut self, changes: &[CheckedChange], levels: &Locked) -> u64 {
        for (index, problem) in stock_adjust::check_stock(changes, levels) {
            let place = self.places.get(&changes[index].product).copied();
            self.refuse(place.unwrap_or_default(), &problem);
        }
        let changed = changes.iter().filter(|change| {
            let level = levels.get(&change.product);
            level.is_some_and(|level| change.added_to(level.available) != Units::default())
        });
        changed.count() as u64
    }

    fn refuse(&mut self, place: Place, problem: &Problem) {
        self.problems += 1;
        (self.report)(Progress::Problem {
            place,
            field: problem.field,
            message: &problem.message,
        });
    }

    fn finish(self, changed: u64) -> ImportReport {
        ImportReport {
            products: self.places.len() as u64,
            changed,
            problems: self.problems,
        }
    }
}

/// The lines of a file: CSV with these columns, or JSON with fields of the same names.
struct StockRecords {
    /// Of lines that have none.
    reason: String,
}

/// An entry of a JSON file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonStock {
    product_id: String,
    quantity: Option<i32>,
    change: Option<i32>,
    write_off: Option<i32>,
    reason: Option<String>,
}

impl Records for StockRecords {
    type Record = StockChangeInput;

    const COLUMNS: &'static [&'static str] =
        &["productId", "quantity", "change", "writeOff", "reason"];

    fn read_row(&self, row: &Row<'_>) -> Result<StockChangeInput, Vec<Unreadable>> {
        let mut problems = Vec::new();
        let change = StockChangeInput {
            product_id: ID(row.text("productId").unwrap_or_default().to_owned()),
            quantity: row.integer("quantity", &mut problems),
            change: row.integer("change", &mut problems),
            write_off: row.integer("writeOff", &mut problems),
            reason: row.text("reason").unwrap_or(&self.reason).to_owned(),
        };
        if problems.is_empty() {
            Ok(change)
        } else {
            Err(problems)
        }
    }

    fn read_json(&self, object: &str) -> serde_json::Result<StockChangeInput> {
        let stock: JsonStock = serde_json::from_str(object)?;
        Ok(StockChangeInput {
            product_id: ID(stock.product_id),
            quantity: stock.quantity,
            change: stock.change,
            write_off: stock.write_off,
            reason: stock.reason.unwrap_or_else(|| self.reason.clone()),
        })
    }
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        Self::new(
            UserErrorCode::InvalidItems,
            unreadable.field,
            unreadable.message,
        )
    }
}
