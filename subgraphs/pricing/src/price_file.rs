//! Reads changes of prices from a file, one at a time: CSV with the columns of [`COLUMNS`], or JSON with the fields of
//! `PriceChangeInput`, as an array or one object after another.

mod csv_file;
mod json_file;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use resolvers::user_error::UserErrorCode;

use crate::price_set_input::{PriceChangeInput, Problem};

/// The columns of a CSV file, in any order; only `productId` is required. The last five are an adjustment.
pub const COLUMNS: [&str; 12] = [
    "productId",
    "baseUsd",
    "compareAtUsd",
    "reason",
    "ifVersion",
    "effectiveAt",
    "replaceScheduled",
    "kind",
    "percent",
    "amountUsd",
    "validFrom",
    "validTo",
];

/// How a file of prices is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    Csv,
    Json,
}

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("the file has the column {0:?}: the columns are {columns}", columns = COLUMNS.join(", "))]
    UnknownColumn(String),
    #[error("the file has no column productId: its first line must name the columns")]
    NoProducts,
    #[error("the file has the column {0:?} twice")]
    ColumnTwice(String),
    #[error("the file is not CSV: {0}")]
    Csv(csv::Error),
    #[error("the file is not JSON: {0}")]
    Json(serde_json::Error),
}

/// A change in a file.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where it is, or ends if it has several lines; from 1.
    pub line: u64,
    pub change: Result<PriceChangeInput, Vec<Problem>>,
}

/// Reads all changes until `each` returns false. Those without a reason get this one. `bytes` follows how much was
/// read.
pub(crate) fn read(
    source: impl Read,
    format: FileFormat,
    reason: &str,
    bytes: Arc<AtomicU64>,
    each: impl FnMut(Entry) -> bool,
) -> Result<(), FileError> {
    let lines = Rc::new(Cell::new(1));
    let source = Counted {
        source: BufReader::new(source),
        lines: lines.clone(),
        bytes,
    };
    match format {
        FileFormat::Csv => csv_file::read(source, reason, each),
        FileFormat::Json => json_file::read(source, &lines, reason, each),
    }
}

/// Counts what is read.
struct Counted<R> {
    source: BufReader<R>,
    /// The line that is being read.
    lines: Rc<Cell<u64>>,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        let lines = buffer[..count]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        self.lines.set(self.lines.get() + lines as u64);
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn unreadable(field: &str, message: impl Into<String>) -> Problem {
    let path: Vec<&str> = Some(field)
        .filter(|field| !field.is_empty())
        .into_iter()
        .collect();
    Problem::new(UserErrorCode::InvalidItems, &path, message)
}
