//! The input of `priceSet`, and its validation, which files of prices share.

#[cfg(test)]
mod tests;

use async_graphql::{ID, InputObject, MaybeUndefined};
use chrono::{DateTime as Time, Utc};
use resolvers::money::{CurrencyCode, Money, Rounding};
use resolvers::scalars::DateTime;
use resolvers::user_error::{InputError, UserErrorCode};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::price_write::{Adjustment, CompareAt, PriceChange};
use crate::rules::price::Amount;

/// Ten billion dollars: no price or adjustment is higher, so that no sum of them exceeds 64 bits in any currency.
const MAX_USD: Decimal = Decimal::from_parts(1_410_065_408, 2, 0, false, 0);
/// In percent of the base price.
const MAX_PERCENT: Decimal = Decimal::ONE_THOUSAND;
/// So that a percentage of the highest price is exact before it is rounded.
const MAX_PERCENT_DECIMALS: u32 = 6;
/// Most adjustments of one product.
const MAX_ADJUSTMENTS: usize = 20;
/// The lengths of their columns.
const MAX_KIND_CHARS: usize = 40;
const MAX_REASON_CHARS: usize = 500;

/// The prices to change.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct PriceSetInput {
    /// At most 1,000, of different products.
    pub changes: Vec<PriceChangeInput>,
}

/// A change of one product's price. What is absent stays as it is.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct PriceChangeInput {
    /// The product whose price changes.
    pub product_id: ID,
    /// The price before adjustments, in whole cents. Required for a product without a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_usd: Option<Decimal>,
    /// The price to show struck through; null removes it.
    // Absent and null are different inputs, which an idempotency key must distinguish.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub compare_at_usd: MaybeUndefined<Decimal>,
    /// In place of all adjustments that the product has; null or an empty list removes them. At most 20.
    #[serde(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub adjustments: MaybeUndefined<Vec<PriceAdjustmentInput>>,
    /// Why; it is kept in the history.
    pub reason: String,
    /// The `version` of the price that this changes: if it has another one by now, nothing is changed. 0 for a product
    /// without a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_version: Option<i32>,
    /// When it takes effect; at once by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<DateTime>,
    /// Removes the product's scheduled changes that have not taken effect, before this one is added.
    #[graphql(default)]
    pub replace_scheduled: bool,
}

/// An adjustment of the base price: a percentage of it or an amount, negative for a discount.
#[derive(Clone, Debug, Serialize, Deserialize, InputObject)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PriceAdjustmentInput {
    /// Such as `sale`, `demand` or `clearance`.
    pub kind: String,
    /// Of the base price, whatever that becomes; such as -15. At most six decimals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<Decimal>,
    /// In whole cents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_usd: Option<Decimal>,
    /// When it begins; when the change takes effect by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<DateTime>,
    /// When it ends; by default when it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<DateTime>,
}

/// What is wrong with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub code: UserErrorCode,
    pub message: String,
    /// From the change to the value: `adjustments`, `0`, `percent`.
    pub path: Vec<String>,
}

impl Problem {
    pub(crate) fn new(code: UserErrorCode, path: &[&str], message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            path: path.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// Of the change at this position of the mutation's input.
    pub(crate) fn at(self, index: usize) -> InputError {
        let start = ["input".to_owned(), "changes".to_owned(), index.to_string()];
        InputError {
            message: self.message,
            code: self.code,
            field: Some(start.into_iter().chain(self.path).collect()),
        }
    }
}

impl PriceChangeInput {
    /// When it takes effect, unless at once.
    pub(crate) fn scheduled(&self) -> Option<Time<Utc>> {
        self.effective_at.map(|at| at.0)
    }

    /// Whether it changes the price, now or later.
    pub(crate) fn sets_price(&self) -> bool {
        self.base_usd.is_some()
            || !self.compare_at_usd.is_undefined()
            || !self.adjustments.is_undefined()
    }

    /// What it changes, or everything that is wrong with it.
    pub(crate) fn check(&self, now: Time<Utc>) -> Result<PriceChange, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut kept = |problem: Problem| problems.push(problem);
        let reason = self.reason.trim();
        let is_storable = !reason.is_empty() && !reason.contains('\0');
        if !is_storable || reason.chars().count() > MAX_REASON_CHARS {
            kept(Problem::new(
                UserErrorCode::InvalidReason,
                &["reason"],
                format!("The reason must have 1 to {MAX_REASON_CHARS} characters, without U+0000"),
            ));
        }
        if !self.sets_price() && !self.replace_scheduled {
            kept(Problem::new(
                UserErrorCode::InvalidPrice,
                &["baseUsd"],
                "The change sets nothing: give baseUsd, compareAtUsd, adjustments or replaceScheduled",
            ));
        }
        if self.scheduled().is_some_and(|at| at <= now) {
            kept(Problem::new(
                UserErrorCode::InvalidPeriod,
                &["effectiveAt"],
                "This time is in the past: leave effectiveAt out for a change at once",
            ));
        }
        let mut price = |name: &str, usd: Decimal| match cents(usd, Decimal::ZERO) {
            Ok(minor) => minor,
            Err(message) => {
                kept(Problem::new(UserErrorCode::InvalidPrice, &[name], message));
                0
            }
        };
        let base_usd_minor = self.base_usd.map(|usd| price("baseUsd", usd));
        let compare_at = match self.compare_at_usd {
            MaybeUndefined::Undefined => CompareAt::Keep,
            MaybeUndefined::Null => CompareAt::Remove,
            MaybeUndefined::Value(usd) => CompareAt::UsdMinor(price("compareAtUsd", usd)),
        };
        let adjustments = match &self.adjustments {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(Vec::new()),
            MaybeUndefined::Value(given) => {
                let starts = self.scheduled().unwrap_or(now);
                Some(adjustments(given, starts, &mut problems))
            }
        };
        if problems.is_empty() {
            Ok(PriceChange {
                base_usd_minor,
                compare_at,
                adjustments,
            })
        } else {
            Err(problems)
        }
    }
}

fn adjustments(
    given: &[PriceAdjustmentInput],
    starts: Time<Utc>,
    problems: &mut Vec<Problem>,
) -> Vec<Adjustment> {
    if given.len() > MAX_ADJUSTMENTS {
        problems.push(Problem::new(
            UserErrorCode::InvalidAdjustment,
            &["adjustments"],
            format!("A product can have {MAX_ADJUSTMENTS} adjustments at most"),
        ));
        return Vec::new();
    }
    let mut checked = Vec::with_capacity(given.len());
    for (index, adjustment) in given.iter().enumerate() {
        match adjustment.check(starts) {
            Ok(adjustment) => checked.push(adjustment),
            Err((code, field, message)) => {
                let path = ["adjustments", &index.to_string(), field];
                problems.push(Problem::new(code, &path, message));
            }
        }
    }
    checked
}

impl PriceAdjustmentInput {
    fn check(&self, starts: Time<Utc>) -> Result<Adjustment, (UserErrorCode, &str, String)> {
        let refuse =
            |field, message: String| Err((UserErrorCode::InvalidAdjustment, field, message));
        let kind = self.kind.trim();
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if kind.is_empty() || kind.len() > MAX_KIND_CHARS || !kind.chars().all(is_word) {
            let message = format!(
                "The kind must be a word of at most {MAX_KIND_CHARS} lowercase letters, digits and underscores, such as sale"
            );
            return refuse("kind", message);
        }
        let amount = match (self.percent, self.amount_usd) {
            (Some(percent), None)
                if percent.abs() <= MAX_PERCENT
                    && percent.normalize().scale() <= MAX_PERCENT_DECIMALS =>
            {
                Amount::Percent(percent)
            }
            (Some(_), None) => {
                let message = format!(
                    "The percentage must be from -{MAX_PERCENT} to {MAX_PERCENT}, with at most {MAX_PERCENT_DECIMALS} decimals"
                );
                return refuse("percent", message);
            }
            (None, Some(usd)) => match cents(usd, -MAX_USD) {
                Ok(minor) => Amount::UsdMinor(minor),
                Err(message) => return refuse("amountUsd", message),
            },
            (None, None) | (Some(_), Some(_)) => {
                return refuse("percent", "Give either percent or amountUsd".to_owned());
            }
        };
        let from = self.valid_from.map(|from| from.0);
        let until = self.valid_to.map(|until| until.0);
        if until.is_some_and(|until| until <= from.unwrap_or(starts).max(starts)) {
            let message = "It must end after it begins, and after the change takes effect";
            return Err((UserErrorCode::InvalidPeriod, "validTo", message.to_owned()));
        }
        Ok(Adjustment {
            kind: kind.to_owned(),
            amount,
            from,
            until,
        })
    }
}

/// US cents, exactly.
fn cents(usd: Decimal, least: Decimal) -> Result<i64, String> {
    let money = Money::from_decimal(usd, CurrencyCode::Usd, Rounding::Down);
    match money {
        Some(money) if money.decimal() == usd && (least..=MAX_USD).contains(&usd) => {
            Ok(money.minor)
        }
        _ => Err(format!(
            "The amount must be US dollars in whole cents, from {least} to {MAX_USD}"
        )),
    }
}
