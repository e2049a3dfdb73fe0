//! Schedules the deals of a file: a line for each customer and deal. A file that was interrupted can be scheduled again,
//! since a customer gets the same deal once.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use chrono::{DateTime as Time, SecondsFormat, Utc};
use platform::clock::Clock;
use platform::database::Database;
use platform::record_file::{Batches, Entry, Records, Row, Unreadable};
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use sea_orm::DbErr;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::deal_schedule::{DealText, NewDeal, Scheduled, plan, schedule};
use crate::rules::deal::{self as rules, DealProblem, Priority, Texts};

pub use platform::record_file::{FileError, FileFormat, Progress};

/// Deals of one transaction.
const BATCH: usize = 1_000;

/// What became of a file's deals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DealReport {
    pub deals: u64,
    pub scheduled: Scheduled,
    pub problems: u64,
}

/// What to do with a file's deals.
#[derive(Clone, Copy, Debug)]
pub enum DealRun<'a> {
    /// Only check them.
    Check,
    /// Find out what would become of them. Memory grows with the file: it is what the database remembers otherwise.
    DryRun(&'a Database),
    Schedule(&'a Database),
}

/// Why a file was not scheduled to its end.
#[derive(Debug, thiserror::Error)]
pub enum DealFileError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the notifications database failed: {0}")]
    Database(#[from] DbErr),
}

/// A line as it is written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DealLine {
    customer_id: String,
    title: String,
    body: String,
    #[serde(default)]
    deep_link: Option<String>,
    #[serde(default)]
    image_url: Option<String>,
    #[serde(default)]
    window_start: Option<String>,
    window_end: String,
    #[serde(default)]
    priority: Option<String>,
}

/// Schedules the deals, in batches, or does not, as the run says. Lines with problems are left out.
pub async fn schedule_file(
    run: DealRun<'_>,
    clock: &Clock,
    source: impl Read + Send + 'static,
    format: FileFormat,
    tell: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<DealReport, DealFileError> {
    let now = clock.now();
    let mut batches = Batches::open(source, format, DealRecords, BATCH);
    let mut report = DealReport::default();
    let mut seen = HashSet::new();
    while let Some(batch) = batches.next().await {
        let mut deals = Vec::with_capacity(batch.len());
        for Entry { place, record } in batch {
            match record.and_then(|deal| deal.check(now)) {
                Ok(deal) => deals.push(deal),
                Err(problems) => report.problems += Unreadable::report(&problems, place, tell),
            }
        }
        report.deals += deals.len() as u64;
        report.scheduled += match run {
            DealRun::Check => Scheduled::default(),
            DealRun::DryRun(database) => plan(database.read(), deals, &mut seen, now).await?.counts,
            DealRun::Schedule(database) => {
                let transaction = database.begin().await?;
                let counts = schedule(&transaction, deals, now).await?.counts;
                transaction.commit().await?;
                counts.count();
                counts
            }
        };
        let bytes = batches.bytes();
        tell(Progress::Read { bytes });
    }
    batches.finish().await?;
    Ok(report)
}

struct DealRecords;

impl Records for DealRecords {
    type Record = DealLine;

    const COLUMNS: &'static [&'static str] = &[
        "customerId",
        "title",
        "body",
        "deepLink",
        "imageUrl",
        "windowStart",
        "windowEnd",
        "priority",
    ];

    fn read_row(&self, row: &Row<'_>) -> Result<DealLine, Vec<Unreadable>> {
        let text = |name| row.text(name).map(str::to_owned);
        Ok(DealLine {
            customer_id: text("customerId").unwrap_or_default(),
            title: text("title").unwrap_or_default(),
            body: text("body").unwrap_or_default(),
            deep_link: text("deepLink"),
            image_url: text("imageUrl"),
            window_start: text("windowStart"),
            window_end: text("windowEnd").unwrap_or_default(),
            priority: text("priority"),
        })
    }

    fn read_json(&self, object: &str) -> serde_json::Result<DealLine> {
        serde_json::from_str(object)
    }
}

impl DealLine {
    fn check(self, now: Time<Utc>) -> Result<NewDeal, Vec<Unreadable>> {
        let mut problems = Vec::new();
        let customer = IdKind::Customer.parse(&self.customer_id);
        if customer.is_none() {
            let message = format!("{:?} is no customer's id", self.customer_id);
            problems.push(unreadable("customerId", message));
        }
        let start = self.window_start.as_deref();
        let start = start.and_then(|text| time("windowStart", text, &mut problems));
        let end = time("windowEnd", &self.window_end, &mut problems);
        let priority = match self
            .priority
            .as_deref()
            .map(str::to_ascii_uppercase)
            .as_deref()
        {
            None | Some("NORMAL") => Priority::Normal,
            Some("HIGH") => Priority::High,
            Some(other) => {
                let message = format!("{other:?} is neither NORMAL nor HIGH");
                problems.push(unreadable("priority", message));
                Priority::Normal
            }
        };
        let texts = Texts {
            title: &self.title,
            body: &self.body,
            deep_link: self.deep_link.as_deref(),
            image_url: self.image_url.as_deref(),
        };
        let add = |problem: DealProblem| unreadable(problem.field, problem.message);
        problems.extend(rules::check_texts(texts).into_iter().map(add));
        let deal_id = end.map(|end| self.id(start, end));
        let window = end.map(|end| rules::window(start, end, now));
        let period = window.and_then(|window| rules::check_window(window, now));
        problems.extend(period.map(add));
        match (customer, window, deal_id) {
            (Some(customer_id), Some(window), Some(deal_id)) if problems.is_empty() => {
                Ok(NewDeal {
                    deal_id,
                    customer_id,
                    window,
                    priority,
                    text: Arc::new(DealText {
                        title: self.title,
                        body: self.body,
                        deep_link: self.deep_link,
                        image_url: self.image_url,
                    }),
                })
            }
            _ => Err(problems),
        }
    }

    /// The same for the same deal, whoever gets it, however its times are written.
    fn id(&self, start: Option<Time<Utc>>, end: Time<Utc>) -> Uuid {
        let time = |at: Time<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let (start, end) = (start.map(time), time(end));
        let mut hash = Sha256::new();
        for part in [
            Some(&self.title),
            Some(&self.body),
            self.deep_link.as_ref(),
            self.image_url.as_ref(),
            start.as_ref(),
            Some(&end),
        ] {
            let part = part.map_or("", |part| part);
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

fn unreadable(field: &'static str, message: String) -> Unreadable {
    Unreadable { field, message }
}

fn time(field: &'static str, text: &str, problems: &mut Vec<Unreadable>) -> Option<Time<Utc>> {
    let time = DateTime::read(text);
    if time.is_none() {
        let message = format!("{text:?} is not a time, such as 2025-11-28T00:00:00Z");
        problems.push(unreadable(field, message));
    }
    time.map(|time| time.0)
}
