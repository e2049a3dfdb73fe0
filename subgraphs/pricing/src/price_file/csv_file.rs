//! Reads price changes from CSV: a line for each product, with at most one adjustment.

use std::io::{self, Read};

use async_graphql::{ID, MaybeUndefined};
use resolvers::scalars::DateTime;
use rust_decimal::Decimal;

use super::{COLUMNS, Entry, FileError, unreadable};
use crate::price_set_input::{PriceAdjustmentInput, PriceChangeInput, Problem};

/// A cell that removes what there is: an empty one keeps it.
const REMOVE: &str = "-";

/// Leaves out carriage returns, so that every line ends with one character.
struct WithoutReturns<R>(R);

impl<R: Read> Read for WithoutReturns<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.0.read(buffer)?;
            let mut kept = 0;
            for position in 0..count {
                if buffer[position] != b'\r' {
                    buffer.swap(kept, position);
                    kept += 1;
                }
            }
            if kept > 0 || count == 0 {
                return Ok(kept);
            }
        }
    }
}

/// Reads all changes until `each` returns false.
pub(super) fn read(
    source: impl Read,
    reason: &str,
    mut each: impl FnMut(Entry) -> bool,
) -> Result<(), FileError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(WithoutReturns(source.chain(&b"\n"[..])));
    let columns = columns(reader.headers().map_err(FileError::Csv)?)?;
    let mut record = csv::StringRecord::new();
    loop {
        let change = match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let row = Row {
                    record: &record,
                    columns: &columns,
                };
                row.change(reason)
            }
            Err(error) => match error.kind() {
                csv::ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => {
                    let message = format!("The line has {len} cells instead of {expected_len}");
                    Err(vec![unreadable("", message)])
                }
                csv::ErrorKind::Utf8 { .. } => Err(vec![unreadable("", "The line is not UTF-8")]),
                _ => return Err(FileError::Csv(error)),
            },
        };
        // A record's own position is before the blank lines in front of it. It always ends with its line.
        let line = reader.position().line().saturating_sub(1);
        if !each(Entry { line, change }) {
            return Ok(());
        }
    }
}

/// The position of each of [`COLUMNS`].
fn columns(header: &csv::StringRecord) -> Result<[Option<usize>; COLUMNS.len()], FileError> {
    let mut columns = [None; COLUMNS.len()];
    for (position, name) in header.iter().enumerate() {
        // Spreadsheets begin a file with a byte order mark.
        let name = name.trim_start_matches('\u{feff}').trim();
        let known = COLUMNS.iter().position(|column| *column == name);
        let known = known.ok_or_else(|| FileError::UnknownColumn(name.to_owned()))?;
        if columns[known].replace(position).is_some() {
            return Err(FileError::ColumnTwice(name.to_owned()));
        }
    }
    columns[0].map(|_| columns).ok_or(FileError::NoProducts)
}

/// A line of a CSV file.
struct Row<'a> {
    record: &'a csv::StringRecord,
    columns: &'a [Option<usize>; COLUMNS.len()],
}

impl Row<'_> {
    /// A cell's text; `None` for an empty one.
    fn text(&self, name: &str) -> Option<&str> {
        let column = COLUMNS.iter().position(|column| *column == name)?;
        let cell = self.record.get(self.columns[column]?)?;
        (!cell.is_empty()).then_some(cell)
    }

    fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        expected: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(text);
        if parsed.is_none() {
            problems.push(unreadable(name, format!("{text:?} is not {expected}")));
        }
        parsed
    }

    fn change(&self, reason: &str) -> Result<PriceChangeInput, Vec<Problem>> {
        let mut problems = Vec::new();
        let decimal = |text: &str| Decimal::from_str_exact(text).ok();
        const DECIMAL: &str = "a decimal number, such as 19.99";
        const TIME: &str = "a time, such as 2025-11-28T00:00:00Z";
        let compare_at_usd = match self.text("compareAtUsd") {
            Some(REMOVE) => MaybeUndefined::Null,
            _ => self
                .parsed("compareAtUsd", decimal, DECIMAL, &mut problems)
                .map_or(MaybeUndefined::Undefined, MaybeUndefined::Value),
        };
        let adjustment = PriceAdjustmentInput {
            kind: self.text("kind").unwrap_or_default().to_owned(),
            percent: self.parsed("percent", decimal, DECIMAL, &mut problems),
            amount_usd: self.parsed("amountUsd", decimal, DECIMAL, &mut problems),
            valid_from: self.parsed("validFrom", DateTime::read, TIME, &mut problems),
            valid_to: self.parsed("validTo", DateTime::read, TIME, &mut problems),
        };
        let of_adjustment = &COLUMNS[7..];
        let adjustments = match self.text("kind") {
            Some(REMOVE) => MaybeUndefined::Null,
            None if of_adjustment.iter().all(|name| self.text(name).is_none()) => {
                MaybeUndefined::Undefined
            }
            _ => MaybeUndefined::Value(vec![adjustment]),
        };
        let flag = |text: &str| text.parse::<bool>().ok();
        let number = |text: &str| text.parse::<i32>().ok();
        let change = PriceChangeInput {
            product_id: ID(self.text("productId").unwrap_or_default().to_owned()),
            base_usd: self.parsed("baseUsd", decimal, DECIMAL, &mut problems),
            compare_at_usd,
            adjustments,
            reason: self.text("reason").unwrap_or(reason).to_owned(),
            if_version: self.parsed("ifVersion", number, "a whole number", &mut problems),
            effective_at: self.parsed("effectiveAt", DateTime::read, TIME, &mut problems),
            replace_scheduled: self
                .parsed("replaceScheduled", flag, "true or false", &mut problems)
                .unwrap_or_default(),
        };
        if problems.is_empty() {
            Ok(change)
        } else {
            Err(problems)
        }
    }
}
