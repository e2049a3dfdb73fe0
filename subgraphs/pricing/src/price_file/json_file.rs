//! Reads price changes from JSON: an array, or one object after another.

use std::cell::Cell;
use std::io::Read;

use async_graphql::{ID, MaybeUndefined};
use resolvers::scalars::DateTime;
use rust_decimal::Decimal;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Entry, FileError, unreadable};
use crate::price_set_input::{PriceAdjustmentInput, PriceChangeInput};

/// Reads all changes until `each` returns false; `lines` is the line that is being read.
pub(super) fn read(
    mut source: impl Read,
    lines: &Cell<u64>,
    reason: &str,
    mut each: impl FnMut(Entry) -> bool,
) -> Result<(), FileError> {
    let mut each = |raw: &RawValue| {
        let change = serde_json::from_str::<JsonChange>(raw.get());
        let change = change.map(|change| change.input(reason));
        each(Entry {
            line: lines.get(),
            // The position in the entry says nothing about the file.
            change: change.map_err(|error| {
                let message = error.to_string();
                let end = message.rfind(" at line ").unwrap_or(message.len());
                vec![unreadable("", &message[..end])]
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
        f.write_str("an array of price changes")
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

/// An entry of a JSON file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonChange {
    product_id: String,
    base_usd: Option<Exact>,
    #[serde(default)]
    compare_at_usd: MaybeUndefined<Exact>,
    #[serde(default)]
    adjustments: MaybeUndefined<Vec<JsonAdjustment>>,
    reason: Option<String>,
    if_version: Option<i32>,
    effective_at: Option<Moment>,
    #[serde(default)]
    replace_scheduled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonAdjustment {
    kind: String,
    percent: Option<Exact>,
    amount_usd: Option<Exact>,
    valid_from: Option<Moment>,
    valid_to: Option<Moment>,
}

/// A decimal as a number or a string, digit by digit.
struct Exact(Decimal);

impl<'de> Deserialize<'de> for Exact {
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

/// A time as in RFC 3339, and nothing else that reads as one.
struct Moment(DateTime);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::read(&text).map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is not a time, such as 2025-11-28T00:00:00Z"
            ))
        })
    }
}

impl JsonChange {
    fn input(self, reason: &str) -> PriceChangeInput {
        let adjustments = self.adjustments.map_value(|adjustments| {
            let adjustments = adjustments
                .into_iter()
                .map(|adjustment| PriceAdjustmentInput {
                    kind: adjustment.kind,
                    percent: adjustment.percent.map(|exact| exact.0),
                    amount_usd: adjustment.amount_usd.map(|exact| exact.0),
                    valid_from: adjustment.valid_from.map(|moment| moment.0),
                    valid_to: adjustment.valid_to.map(|moment| moment.0),
                });
            adjustments.collect()
        });
        PriceChangeInput {
            product_id: ID(self.product_id),
            base_usd: self.base_usd.map(|exact| exact.0),
            compare_at_usd: self.compare_at_usd.map_value(|exact| exact.0),
            adjustments,
            reason: self.reason.unwrap_or_else(|| reason.to_owned()),
            if_version: self.if_version,
            effective_at: self.effective_at.map(|moment| moment.0),
            replace_scheduled: self.replace_scheduled,
        }
    }
}
