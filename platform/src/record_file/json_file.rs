//! Reads records from JSON: an array, or one object after another.

use std::cell::Cell;
use std::io::Read;

use rust_decimal::Decimal;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Entry, FileError, Records, Unreadable};

/// Reads all records until `each` returns false; `lines` is the line that is being read.
pub(super) fn read<R: Records>(
    mut source: impl Read,
    lines: &Cell<u64>,
    records: &R,
    mut each: impl FnMut(Entry<R::Record>) -> bool,
) -> Result<(), FileError> {
    let mut each = |raw: &RawValue| {
        let record = records.read_json(raw.get());
        each(Entry {
            line: lines.get(),
            // The position in the entry says nothing about the file.
            record: record.map_err(|error| {
                let message = error.to_string();
                let end = message.rfind(" at line ").unwrap_or(message.len());
                Unreadable::whole(&message[..end])
            }),
        })
    };
    let mut first = [0];
    loop {
        if source.read(&mut first)? == 0 {
            return Ok(());
        }
        if !first[0].is_ascii_whitespace() {
            break;
        }
    }
    let source = first.as_slice().chain(source);
    let mut reader = serde_json::Deserializer::from_reader(source);
    if first == *b"[" {
        let stopped = reader
            .deserialize_seq(Entries(&mut each))
            .map_err(FileError::Json)?;
        return if stopped {
            Ok(())
        } else {
            reader.end().map_err(FileError::Json)
        };
    }
    for raw in reader.into_iter::<Box<RawValue>>() {
        let raw = raw.map_err(FileError::Json)?;
        if !each(&raw) {
            break;
        }
    }
    Ok(())
}

/// Visits the entries of an array. Returns whether it was stopped.
struct Entries<F>(F);

impl<'de, F: FnMut(&RawValue) -> bool> Visitor<'de> for Entries<F> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut entries: A) -> Result<bool, A::Error> {
        while let Some(raw) = entries.next_element::<Box<RawValue>>()? {
            if !(self.0)(&raw) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A decimal as a number or a string, digit by digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExactDecimal(pub Decimal);

impl<'de> Deserialize<'de> for ExactDecimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim_matches('"');
        Decimal::from_str_exact(text).map(Self).map_err(|_| {
            de::Error::custom(format!(
                "{} is not a decimal number, such as 19.99",
                raw.get()
            ))
        })
    }
}
