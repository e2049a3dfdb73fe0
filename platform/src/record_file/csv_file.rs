//! Reads records from CSV, a line for each.

use std::io::{self, Read};

use rust_decimal::Decimal;

use super::{Entry, FileError, NUL, Place, Records, Unreadable};

/// A cell that removes what there is: an empty one leaves it.
pub const REMOVE: &str = "-";

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

/// Reads all records until `each` returns false.
pub(super) fn read<R: Records>(
    source: impl Read,
    records: &R,
    mut each: impl FnMut(Entry<R::Record>) -> bool,
) -> Result<(), FileError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(WithoutReturns(source.chain(&b"\n"[..])));
    let positions = positions(R::COLUMNS, reader.headers().map_err(FileError::Csv)?)?;
    let mut line_record = csv::StringRecord::new();
    loop {
        let record = match reader.read_record(&mut line_record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let row = Row {
                    record: &line_record,
                    columns: R::COLUMNS,
                    positions: &positions,
                };
                let refused = row.with_nul();
                if refused.is_empty() {
                    records.read_row(&row)
                } else {
                    Err(refused)
                }
            }
            Err(error) => match error.kind() {
                csv::ErrorKind::UnequalLengths {
                    expected_len, len, ..
                } => Err(Unreadable::whole(format!(
                    "The line has {len} cells instead of {expected_len}"
                ))),
                csv::ErrorKind::Utf8 { .. } => Err(Unreadable::whole("The line is not UTF-8")),
                _ => return Err(FileError::Csv(error)),
            },
        };
        // A record's own position is before the blank lines in front of it. It always ends with its line.
        let line = reader.position().line().saturating_sub(1);
        let place = Place::of_line(line);
        if !each(Entry { place, record }) {
            return Ok(());
        }
    }
}

/// Where each of the columns is.
fn positions(
    columns: &'static [&'static str],
    header: &csv::StringRecord,
) -> Result<Vec<Option<usize>>, FileError> {
    let mut positions = vec![None; columns.len()];
    for (position, name) in header.iter().enumerate() {
        // Spreadsheets begin a file with a byte order mark.
        let name = name.trim_start_matches('\u{feff}').trim();
        let known = columns.iter().position(|column| *column == name);
        let known = known.ok_or_else(|| FileError::UnknownColumn {
            name: name.to_owned(),
            columns: columns.join(", "),
        })?;
        if positions[known].replace(position).is_some() {
            return Err(FileError::ColumnTwice(name.to_owned()));
        }
    }
    match (positions.first(), columns.first()) {
        (Some(None), Some(required)) => Err(FileError::MissingColumn(required)),
        _ => Ok(positions),
    }
}

/// A line of a CSV file.
#[derive(Debug)]
pub struct Row<'a> {
    record: &'a csv::StringRecord,
    columns: &'static [&'static str],
    positions: &'a [Option<usize>],
}

impl Row<'_> {
    /// A cell's text; `None` for an empty one, and for a column that the file does not have.
    pub fn text(&self, name: &str) -> Option<&str> {
        let column = self.columns.iter().position(|column| *column == name)?;
        let cell = self.record.get(self.positions[column]?)?;
        (!cell.is_empty()).then_some(cell)
    }

    /// Cells that databases refuse to store.
    fn with_nul(&self) -> Vec<Unreadable> {
        let cells = self.columns.iter().zip(self.positions);
        cells
            .filter(|(_, position)| {
                let cell = position.and_then(|position| self.record.get(position));
                cell.is_some_and(|cell| cell.contains('\0'))
            })
            .map(|(&field, _)| Unreadable {
                field,
                message: NUL.to_owned(),
            })
            .collect()
    }

    /// A cell's value; `expected` says what it should be.
    pub fn parsed<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
        expected: &str,
        problems: &mut Vec<Unreadable>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(text);
        if parsed.is_none() {
            problems.push(Unreadable {
                field: name,
                message: format!("{text:?} is not {expected}"),
            });
        }
        parsed
    }

    pub fn decimal(&self, name: &'static str, problems: &mut Vec<Unreadable>) -> Option<Decimal> {
        let parse = |text: &str| Decimal::from_str_exact(text).ok();
        self.parsed(name, parse, "a decimal number, such as 19.99", problems)
    }

    pub fn integer(&self, name: &'static str, problems: &mut Vec<Unreadable>) -> Option<i32> {
        let parse = |text: &str| text.parse().ok();
        self.parsed(name, parse, "a whole number", problems)
    }

    pub fn flag(&self, name: &'static str, problems: &mut Vec<Unreadable>) -> Option<bool> {
        let parse = |text: &str| text.parse().ok();
        self.parsed(name, parse, "true or false", problems)
    }
}
