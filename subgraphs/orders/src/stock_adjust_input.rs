//! The input of `stockAdjust`, and its validation, which files of stock share.

use async_graphql::{ID, InputObject};
use entities::orders::stock_movement::MovementKind;
use resolvers::id::IdKind;
use resolvers::user_error::{InputError, UserErrorCode};
use serde::Serialize;
use uuid::Uuid;

use crate::rules::stock::{MAX_UNITS, Units};

/// The length of a reason, in characters.
const MAX_REASON: usize = 500;

/// The stock to change.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct StockAdjustInput {
    /// At most 1,000, of different products.
    pub changes: Vec<StockChangeInput>,
}

/// A change of one product's stock: to how many units, by how many, or how many damaged ones are gone.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct StockChangeInput {
    /// The product, `prd_…`.
    pub product_id: ID,
    /// How many units that can be sold were counted. Instead of `change` and `writeOff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<i32>,
    /// How many units that can be sold came in, or went if it is negative. Instead of `quantity` and `writeOff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<i32>,
    /// How many of the returned units that cannot be sold were disposed of. Instead of `quantity` and `change`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_off: Option<i32>,
    /// Why, in 1 to 500 characters; it is stored in the ledger.
    pub reason: String,
}

/// What is wrong with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub code: UserErrorCode,
    pub field: &'static str,
    pub message: String,
}

impl Problem {
    pub(crate) fn new(
        code: UserErrorCode,
        field: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            field,
            message: message.into(),
        }
    }

    /// Of the change at this position of the mutation's input.
    pub(crate) fn at(self, index: usize) -> InputError {
        let path = ["input", "changes", &index.to_string(), self.field];
        InputError::new(self.code, self.message, &path)
    }
}

/// How the stock of a product changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To this many units.
    Quantity(i32),
    /// By this many units.
    Change(i32),
    /// By this many damaged units less.
    WriteOff(i32),
}

/// A change that is valid by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckedChange {
    pub product: Uuid,
    pub target: Target,
    pub reason: String,
}

impl CheckedChange {
    pub(crate) fn new(input: &StockChangeInput) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let product = IdKind::Product.parse(&input.product_id);
        if product.is_none() {
            problems.push(Problem::new(
                UserErrorCode::InvalidId,
                "productId",
                "This is not the id of a product: expected prd_ followed by 26 characters",
            ));
        }
        let target = match (input.quantity, input.change, input.write_off) {
            (Some(quantity), None, None) if (0..=MAX_UNITS).contains(&quantity) => {
                Some(Target::Quantity(quantity))
            }
            (None, Some(change), None)
                if change != 0 && (-MAX_UNITS..=MAX_UNITS).contains(&change) =>
            {
                Some(Target::Change(change))
            }
            (None, None, Some(units)) if (1..=MAX_UNITS).contains(&units) => {
                Some(Target::WriteOff(units))
            }
            _ => None,
        };
        if target.is_none() {
            problems.push(Problem::new(
                UserErrorCode::InvalidQuantity,
                "quantity",
                format!(
                    "Give one of quantity, from 0 to {MAX_UNITS}, change, which is not 0, and writeOff, which is more than 0"
                ),
            ));
        }
        let reason = input.reason.trim();
        let is_storable = !reason.is_empty() && !reason.contains('\0');
        if !is_storable || reason.chars().count() > MAX_REASON {
            problems.push(Problem::new(
                UserErrorCode::InvalidReason,
                "reason",
                format!("The reason must have 1 to {MAX_REASON} characters, without U+0000"),
            ));
        }
        match (product, target) {
            (Some(product), Some(target)) if problems.is_empty() => Ok(Self {
                product,
                target,
                reason: reason.to_owned(),
            }),
            _ => Err(problems),
        }
    }

    /// The units it adds where this many can be sold.
    pub(crate) const fn added_to(&self, available: i32) -> Units {
        match self.target {
            Target::Quantity(quantity) => Units {
                available: quantity - available,
                damaged: 0,
            },
            Target::Change(change) => Units {
                available: change,
                damaged: 0,
            },
            Target::WriteOff(units) => Units {
                available: 0,
                damaged: -units,
            },
        }
    }

    /// What came in was received, what is gone was written off, everything else was counted.
    pub(crate) const fn kind(&self) -> MovementKind {
        match self.target {
            Target::WriteOff(_) => MovementKind::WrittenOff,
            Target::Change(1..) => MovementKind::Restocked,
            Target::Change(_) | Target::Quantity(_) => MovementKind::Corrected,
        }
    }
}
