//! Reads the legacy preferences of customers from a file: CSV, or JSON, with the columns of the former system.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use entities::notifications::{erased_customer, legacy_preference};
use platform::database::Database;
use platform::record_file::{Batches, Entry, Records, Row, Unreadable};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::{Deserialize, de};
use uuid::Uuid;

pub use platform::record_file::{FileError, FileFormat, Progress};

/// Rows of one transaction.
const BATCH: usize = 10_000;

/// What a file contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegacyReport {
    pub customers: u64,
    /// Lines of customers who were erased, which are left out.
    pub erased: u64,
    /// What is wrong with lines that were left out.
    pub problems: u64,
}

/// What to do with a file.
#[derive(Clone, Copy, Debug)]
pub enum LegacyRun<'a> {
    /// Only check it.
    Check(&'a Database),
    Load(&'a Database),
}

/// Why a file was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LegacyFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the notifications database failed: {0}")]
    Database(#[from] DbErr),
}

/// Loads the file, in batches, or only checks it. Loading a file again replaces what it says. Customers who were erased are
/// left out.
pub async fn load(
    run: LegacyRun<'_>,
    source: impl Read + Send + 'static,
    format: FileFormat,
    tell: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<LegacyReport, LegacyFileError> {
    let mut batches = Batches::open(source, format, LegacyRecords, BATCH);
    let mut report = LegacyReport::default();
    while let Some(batch) = batches.next().await {
        // A statement may not contain a customer twice; the last line counts.
        let mut rows = HashMap::with_capacity(batch.len());
        let mut lines = Vec::with_capacity(batch.len());
        for Entry { place, record } in batch {
            match record {
                Ok(row) => {
                    lines.push(row.customer_id);
                    rows.insert(row.customer_id, row);
                }
                Err(problems) => report.problems += Unreadable::report(&problems, place, tell),
            }
        }
        let customers: Vec<Uuid> = rows.keys().copied().collect();
        let erased = match run {
            LegacyRun::Check(database) => {
                erased_customer::of_customers(database.read(), &customers).await?
            }
            LegacyRun::Load(database) => {
                let transaction = database.begin().await?;
                let erased = erased_customer::of_customers(&transaction, &customers).await?;
                rows.retain(|customer, _| !erased.contains(customer));
                legacy_preference::upsert(&transaction, rows.into_values().collect()).await?;
                transaction.commit().await?;
                erased
            }
        };
        report.add(&lines, &erased);
        let bytes = batches.bytes();
        tell(Progress::Read { bytes });
    }
    batches.finish().await?;
    Ok(report)
}

impl LegacyReport {
    /// Adds lines by their customers.
    fn add(&mut self, lines: &[Uuid], erased: &HashSet<Uuid>) {
        let left_out = lines.iter().filter(|line| erased.contains(*line)).count();
        self.erased += left_out as u64;
        self.customers += (lines.len() - left_out) as u64;
    }
}

struct LegacyRecords;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonCustomer {
    id: String,
    email_notifications: bool,
    sms_notifications: bool,
}

impl Records for LegacyRecords {
    type Record = legacy_preference::Model;

    const COLUMNS: &'static [&'static str] = &["id", "email_notifications", "sms_notifications"];

    fn read_row(&self, row: &Row<'_>) -> Result<legacy_preference::Model, Vec<Unreadable>> {
        let mut problems = Vec::new();
        let text = row.text("id").unwrap_or_default();
        let customer = customer_id(text);
        if customer.is_none() {
            problems.push(Unreadable {
                field: "id",
                message: unknown(text),
            });
        }
        let email = flag(row, "email_notifications", &mut problems);
        let sms = flag(row, "sms_notifications", &mut problems);
        match (customer, email, sms) {
            (Some(customer_id), Some(email_notifications), Some(sms_notifications)) => {
                Ok(legacy_preference::Model {
                    customer_id,
                    email_notifications,
                    sms_notifications,
                })
            }
            _ => Err(problems),
        }
    }

    fn read_json(&self, object: &str) -> serde_json::Result<legacy_preference::Model> {
        let customer: JsonCustomer = serde_json::from_str(object)?;
        let customer_id =
            customer_id(&customer.id).ok_or_else(|| de::Error::custom(unknown(&customer.id)))?;
        Ok(legacy_preference::Model {
            customer_id,
            email_notifications: customer.email_notifications,
            sms_notifications: customer.sms_notifications,
        })
    }
}

/// The former system's ids are UUIDs.
fn customer_id(text: &str) -> Option<Uuid> {
    IdKind::Customer
        .parse(text)
        .or_else(|| Uuid::try_parse(text).ok())
}

fn unknown(id: &str) -> String {
    format!("{id:?} is no customer's id, usr_… or a UUID")
}

/// True and false as databases export them.
fn flag(row: &Row<'_>, field: &'static str, problems: &mut Vec<Unreadable>) -> Option<bool> {
    let text = row.text(field).unwrap_or_default();
    match text {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => {
            problems.push(Unreadable {
                field,
                message: format!("{text:?} is neither true nor false"),
            });
            None
        }
    }
}
