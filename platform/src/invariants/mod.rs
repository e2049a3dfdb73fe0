//! Invariants of stored data, for whoever wants to know whether they hold: what a check walks over, and what it finds.
//!
//! A check only reads, a page at a time, and each page sees one state of the database. So it may run beside the processes
//! that write, and needs no more memory for a large shop than for a small one.

pub mod idempotency;
pub mod orphans;
pub mod outbox;
#[cfg(test)]
mod tests;
pub mod timeline;

use std::fmt::Display;

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use serde::Serialize;

use crate::database::{ReadOnly, ReadTransaction};

/// Rows that are checked at a time, each with what belongs to it.
pub const PAGE: u64 = 200;

/// A row that this version cannot read.
pub const UNREADABLE: &str = "unreadable_row";

/// The kinds of violations of the tables that all databases have.
pub const KINDS: &[&str] = &[
    UNREADABLE,
    outbox::SEQUENCE,
    timeline::EVENT,
    idempotency::RESULT,
    orphans::ORPHAN,
];

/// The page that has a section for each kind of violation.
const DOCUMENT: &str = "docs/invariants.md";

/// Something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What should hold: `stock_level`, ….
    pub kind: &'static str,
    /// The public id of what it is about.
    pub id: String,
    pub expected: String,
    pub found: String,
    /// The section of the documentation that says what to do.
    pub page: String,
}

impl Violation {
    pub fn new(
        kind: &'static str,
        id: impl Into<String>,
        expected: impl Display,
        found: impl Display,
    ) -> Self {
        Self {
            kind,
            id: id.into(),
            expected: expected.to_string(),
            found: found.to_string(),
            page: format!("{DOCUMENT}#{kind}"),
        }
    }
}

impl Display for Violation {
    /// One line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            kind,
            id,
            expected,
            found,
            page,
        } = self;
        write!(
            f,
            "{kind} {id}: expected {expected}, found {found}; see {page}"
        )
    }
}

/// What a check reports while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many more of these rows were checked.
    Checked(&'static str, u64),
    Violated(Violation),
}

/// A check of one domain's database.
pub struct Inspection<'a> {
    database: &'a ReadOnly,
    now: DateTime<Utc>,
    report: &'a mut dyn FnMut(Progress),
}

impl<'a> Inspection<'a> {
    pub fn new(
        database: &'a ReadOnly,
        now: DateTime<Utc>,
        report: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self {
            database,
            now,
            report,
        }
    }

    /// The time of the check.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Walks over rows by their keys. `next` reads a page of keys after one, and `check` checks it; both see the same state
    /// of the database. Where a page has a row that cannot be read, its rows are checked one by one.
    pub async fn walk<K: Clone>(
        &mut self,
        rows: Rows<K>,
        next: impl AsyncFn(&ReadTransaction, Option<K>) -> Result<Vec<K>, DbErr>,
        check: impl AsyncFn(&ReadTransaction, &[K]) -> Result<Vec<Violation>, DbErr>,
    ) -> Result<(), DbErr> {
        let mut last = None;
        loop {
            let transaction = self.database.begin().await?;
            let keys = next(&transaction, last.take()).await?;
            last = keys.last().cloned();
            if last.is_none() {
                transaction.end().await;
                return Ok(());
            }
            match check(&transaction, &keys).await {
                Ok(found) => {
                    transaction.end().await;
                    self.add(found);
                }
                Err(error) if is_unreadable(&error) => {
                    transaction.end().await;
                    for key in &keys {
                        let found = self.check_alone(&rows, key, &check).await?;
                        self.add(found);
                    }
                }
                Err(error) => return Err(error),
            }
            let checked = u64::try_from(keys.len()).unwrap_or(u64::MAX);
            (self.report)(Progress::Checked(rows.name, checked));
        }
    }

    async fn check_alone<K>(
        &self,
        rows: &Rows<K>,
        key: &K,
        check: impl AsyncFn(&ReadTransaction, &[K]) -> Result<Vec<Violation>, DbErr>,
    ) -> Result<Vec<Violation>, DbErr>
    where
        K: Clone,
    {
        let transaction = self.database.begin().await?;
        let checked = check(&transaction, std::slice::from_ref(key)).await;
        transaction.end().await;
        match checked {
            Err(error) if is_unreadable(&error) => Ok(vec![Violation::new(
                UNREADABLE,
                (rows.id)(key),
                "values that this version knows",
                error,
            )]),
            checked => checked,
        }
    }

    /// Reports violations.
    pub fn add(&mut self, found: Vec<Violation>) {
        for violation in found {
            (self.report)(Progress::Violated(violation));
        }
    }
}

impl std::fmt::Debug for Inspection<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// Checks the tables that all databases have, for a domain without invariants of its own.
pub async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    outbox::check(inspection).await?;
    // Their results name no rows.
    idempotency::check(inspection, async |_, _| Ok(Vec::new())).await?;
    orphans::check(inspection).await
}

/// What a walk goes over.
#[derive(Clone, Copy, Debug)]
pub struct Rows<K> {
    /// In the plural, for the progress display: `orders`.
    pub name: &'static str,
    /// The public id of a row.
    pub id: fn(&K) -> String,
}

/// Whether a row has a value that its entity does not know.
fn is_unreadable(error: &DbErr) -> bool {
    match error {
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => true,
        DbErr::Query(RuntimeErr::SqlxError(error)) => matches!(
            **error,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
        ),
        _ => false,
    }
}
