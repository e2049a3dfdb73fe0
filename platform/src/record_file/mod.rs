//! Reads records from a file, one at a time: CSV whose first line names the columns, or JSON, as an array or one object
//! after another. Memory does not grow with the file.

mod csv_file;
mod json_file;
mod place;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use csv_file::{REMOVE, Row};
pub use json_file::ExactDecimal;
pub use place::Place;

/// How a file of records is written.
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
    #[error("the file has the column {name:?}: the columns are {columns}")]
    UnknownColumn { name: String, columns: String },
    #[error("the file has no column {0}: its first line must name the columns")]
    MissingColumn(&'static str),
    #[error("the file has the column {0:?} twice")]
    ColumnTwice(String),
    #[error("the file is not CSV: {0}")]
    Csv(csv::Error),
    #[error("the file is not JSON: {0}")]
    Json(serde_json::Error),
    #[error("reading the file stopped unexpectedly")]
    Stopped,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Empty if it is the whole record.
    pub field: &'static str,
    pub message: String,
}

/// The records of one kind of file.
pub trait Records: Send + 'static {
    type Record: Send + 'static;

    /// The columns of a CSV file, in any order; the first is required.
    const COLUMNS: &'static [&'static str];

    /// The record in a line of CSV, or everything that is wrong with it.
    fn read_row(&self, row: &Row<'_>) -> Result<Self::Record, Vec<Unreadable>>;

    /// The record in a JSON object.
    fn read_json(&self, object: &str) -> serde_json::Result<Self::Record>;
}

/// A record in a file.
#[derive(Debug)]
pub struct Entry<T> {
    pub place: Place,
    pub record: Result<T, Vec<Unreadable>>,
}

/// What an import reports while it runs.
#[derive(Debug)]
pub enum Progress<'a> {
    /// What is wrong with a record; `field` is empty if it is the whole record.
    Problem {
        place: Place,
        field: &'a str,
        message: &'a str,
    },
    /// How much of the file was read.
    Read { bytes: u64 },
}

/// What is wrong with a text that databases refuse.
const NUL: &str = "A text must not contain the character U+0000";

/// Batches that are read ahead.
const READ_AHEAD: usize = 2;

/// A file that is read on another thread.
#[derive(Debug)]
pub struct Batches<T> {
    batches: mpsc::Receiver<Vec<Entry<T>>>,
    reading: JoinHandle<Result<(), FileError>>,
    bytes: Arc<AtomicU64>,
}

impl<T: Send + 'static> Batches<T> {
    /// Starts to read the file in batches of this size.
    pub fn open<R: Records<Record = T>>(
        source: impl Read + Send + 'static,
        format: FileFormat,
        records: R,
        size: usize,
    ) -> Self {
        let bytes = Arc::new(AtomicU64::new(0));
        let (sender, batches) = mpsc::channel(READ_AHEAD);
        let counted = bytes.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut batch = Vec::new();
            read(source, format, &records, counted, |entry| {
                batch.push(entry);
                batch.len() < size || sender.blocking_send(std::mem::take(&mut batch)).is_ok()
            })?;
            // A receiver that is gone has failed, which it reports itself.
            let _ = sender.blocking_send(batch);
            Ok(())
        });
        Self {
            batches,
            reading,
            bytes,
        }
    }

    /// The next batch; `None` at the end of the file, or where it cannot be read on.
    pub async fn next(&mut self) -> Option<Vec<Entry<T>>> {
        self.batches.recv().await
    }

    /// How much of the file was read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the file was read to its end.
    ///
    /// # Errors
    /// Why it was not.
    pub async fn finish(self) -> Result<(), FileError> {
        self.reading.await.map_err(|_| FileError::Stopped)?
    }
}

/// Reads all records until `each` returns false. `bytes` follows how much was read.
///
/// # Errors
/// A file that cannot be read on.
pub fn read<R: Records>(
    source: impl Read,
    format: FileFormat,
    records: &R,
    bytes: Arc<AtomicU64>,
    each: impl FnMut(Entry<R::Record>) -> bool,
) -> Result<(), FileError> {
    let lines = Rc::new(Cell::new(1));
    let source = Counted {
        source: BufReader::new(source),
        lines: lines.clone(),
        bytes,
    };
    match format {
        FileFormat::Csv => csv_file::read(source, records, each),
        FileFormat::Json => json_file::read(source, &lines, records, each),
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

impl Unreadable {
    /// Reports everything that is wrong with a record, and returns how much that is.
    pub fn report(problems: &[Self], place: Place, progress: &mut dyn FnMut(Progress<'_>)) -> u64 {
        for Self { field, message } in problems {
            progress(Progress::Problem {
                place,
                field,
                message,
            });
        }
        problems.len() as u64
    }

    /// The whole record.
    fn whole(message: impl Into<String>) -> Vec<Self> {
        vec![Self {
            field: "",
            message: message.into(),
        }]
    }
}
