//! Reads records from JSON: an array, or one object after another.

use std::cell::Cell;
use std::io::{self, Read};

use rust_decimal::Decimal;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Entry, FileError, NUL, Place, Records, Unreadable};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads all records until `each` returns false; `lines` is the line that is being read.
pub(super) fn read<R: Records>(
    mut source: impl Read,
    lines: &Cell<u64>,
    records: &R,
    mut each: impl FnMut(Entry<R::Record>) -> bool,
) -> Result<(), FileError> {
    let Some(first) = first_byte(&mut source)? else {
        return Ok(());
    };
    let first = [first];
    let is_array = first == *b"[";
    let mut entries = 0;
    let mut each = |raw: &RawValue| {
        entries += 1;
        let place = Place {
            line: lines.get(),
            entry: is_array.then_some(entries),
        };
        let record = read_record(records, raw.get());
        each(Entry { place, record })
    };
    let source = first.as_slice().chain(source);
    let mut reader = serde_json::Deserializer::from_reader(source);
    if is_array {
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

/// The first byte after white space, and after the byte order mark that some editors begin a file with. `None` if there is
/// none.
fn first_byte(source: &mut impl Read) -> Result<Option<u8>, FileError> {
    let mut next = next_byte(source)?;
    if next == Some(BYTE_ORDER_MARK[0]) {
        // No JSON begins with a part of it.
        for expected in &BYTE_ORDER_MARK[1..] {
            if next_byte(source)? != Some(*expected) {
                let error = de::Error::custom("expected value at line 1 column 1");
                return Err(FileError::Json(error));
            }
        }
        next = next_byte(source)?;
    }
    while next.is_some_and(|byte| byte.is_ascii_whitespace()) {
        next = next_byte(source)?;
    }
    Ok(next)
}

fn next_byte(source: &mut impl Read) -> io::Result<Option<u8>> {
    let mut byte = [0];
    let count = source.read(&mut byte)?;
    Ok((count > 0).then_some(byte[0]))
}

/// The record in an entry, or why there is none.
fn read_record<R: Records>(records: &R, raw: &str) -> Result<R::Record, Vec<Unreadable>> {
    if !raw.starts_with('{') {
        return Err(Unreadable::whole("This is not a JSON object"));
    }
    if has_nul(raw) {
        return Err(Unreadable::whole(NUL));
    }
    records.read_json(raw).map_err(|error| {
        let message = error.to_string();
        // The position in the entry says nothing about the file.
        let end = message.rfind(" at line ").unwrap_or(message.len());
        Unreadable::whole(in_plain_words(&message[..end]))
    })
}

/// Whether a text or a field's name contains U+0000, which JSON can only write as an escape.
fn has_nul(raw: &str) -> bool {
    // The backslash may be escaped itself.
    raw.contains("\\u0000")
        && serde_json::from_str(raw).is_ok_and(|value: Value| value_has_nul(&value))
}

fn value_has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(value_has_nul),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.contains('\0') || value_has_nul(value)),
        _ => false,
    }
}

/// Serde's message with what was expected in the words of JSON instead of the names of types.
pub(super) fn in_plain_words(message: &str) -> String {
    const EXPECTED: &str = ", expected ";
    let Some((found, expected)) = message.rsplit_once(EXPECTED) else {
        return message.to_owned();
    };
    let plain = match expected.split(' ').next().unwrap_or_default() {
        "struct" | "map" => "an object",
        "enum" | "variant" => "one of the known texts",
        "tuple" | "sequence" => "an array",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number that is not negative",
        "f32" | "f64" => "a number",
        _ => return message.to_owned(),
    };
    format!("{found}{EXPECTED}{plain}")
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
