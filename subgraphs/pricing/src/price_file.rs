//! Changes of prices in a file: CSV with the columns of [`PriceRecords`], a line for each product with at most one
//! adjustment, or JSON with the fields of `PriceChangeInput`.

#[cfg(test)]
mod tests;

use async_graphql::{ID, MaybeUndefined};
use platform::record_file::{ExactDecimal, REMOVE, Records, Row, Unreadable};
use resolvers::scalars::DateTime;
use resolvers::user_error::UserErrorCode;
use serde::de;
use serde::{Deserialize, Deserializer};

use crate::price_set_input::{PriceAdjustmentInput, PriceChangeInput, Problem};

const TIME: &str = "a time, such as 2025-11-28T00:00:00Z";

/// The changes of a file.
#[derive(Clone, Debug)]
pub(crate) struct PriceRecords {
    /// Of changes that have none.
    pub reason: String,
}

impl Records for PriceRecords {
    type Record = PriceChangeInput;

    /// The last five are an adjustment.
    const COLUMNS: &'static [&'static str] = &[
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

    fn read_row(&self, row: &Row<'_>) -> Result<PriceChangeInput, Vec<Unreadable>> {
        let mut problems = Vec::new();
        let compare_at_usd = match row.text("compareAtUsd") {
            Some(REMOVE) => MaybeUndefined::Null,
            _ => row
                .decimal("compareAtUsd", &mut problems)
                .map_or(MaybeUndefined::Undefined, MaybeUndefined::Value),
        };
        let adjustment = PriceAdjustmentInput {
            kind: row.text("kind").unwrap_or_default().to_owned(),
            percent: row.decimal("percent", &mut problems),
            amount_usd: row.decimal("amountUsd", &mut problems),
            valid_from: row.parsed("validFrom", DateTime::read, TIME, &mut problems),
            valid_to: row.parsed("validTo", DateTime::read, TIME, &mut problems),
        };
        let of_adjustment = &Self::COLUMNS[7..];
        let adjustments = match row.text("kind") {
            Some(REMOVE) => MaybeUndefined::Null,
            None if of_adjustment.iter().all(|name| row.text(name).is_none()) => {
                MaybeUndefined::Undefined
            }
            _ => MaybeUndefined::Value(vec![adjustment]),
        };
        let change = PriceChangeInput {
            product_id: ID(row.text("productId").unwrap_or_default().to_owned()),
            base_usd: row.decimal("baseUsd", &mut problems),
            compare_at_usd,
            adjustments,
            reason: row.text("reason").unwrap_or(&self.reason).to_owned(),
            if_version: row.integer("ifVersion", &mut problems),
            effective_at: row.parsed("effectiveAt", DateTime::read, TIME, &mut problems),
            replace_scheduled: row
                .flag("replaceScheduled", &mut problems)
                .unwrap_or_default(),
        };
        if problems.is_empty() {
            Ok(change)
        } else {
            Err(problems)
        }
    }

    fn read_json(&self, object: &str) -> serde_json::Result<PriceChangeInput> {
        let change: JsonChange = serde_json::from_str(object)?;
        Ok(change.input(&self.reason))
    }
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        let field = unreadable.field;
        let path: Vec<&str> = Some(field)
            .filter(|field| !field.is_empty())
            .into_iter()
            .collect();
        Self::new(UserErrorCode::InvalidItems, &path, unreadable.message)
    }
}

/// An entry of a JSON file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonChange {
    product_id: String,
    base_usd: Option<ExactDecimal>,
    #[serde(default)]
    compare_at_usd: MaybeUndefined<ExactDecimal>,
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
    percent: Option<ExactDecimal>,
    amount_usd: Option<ExactDecimal>,
    valid_from: Option<Moment>,
    valid_to: Option<Moment>,
}

/// A time as in RFC 3339, and nothing else that reads as one.
struct Moment(DateTime);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = DateTime::read(&text).map(Self);
        moment.ok_or_else(|| de::Error::custom(format!("{text:?} is not {TIME}")))
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
