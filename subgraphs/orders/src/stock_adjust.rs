//! `stockAdjust`: the warehouse received products, counted others than the ledger says, or disposed of damaged ones. All
//! changes, or none.

use std::collections::HashSet;

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entities::orders::stock_level;
use platform::database::DatabaseTransaction;
use resolvers::id::IdKind;
use resolvers::user_error::{InputError, UserErrorCode};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rules::stock::{Impossible, MAX_UNITS};
use crate::stock::Stock;
use crate::stock_adjust_input::{CheckedChange, Problem, StockAdjustInput};
use crate::stock_write::{self, Cause, Locked, MAX_PRODUCTS, Movement};

/// What `stockAdjust` changed.
#[derive(Debug, Default, SimpleObject)]
pub(crate) struct StockAdjustPayload {
    /// The stock of the products as it is now, in the order of the input.
    pub stock: Vec<Stock>,
    /// If there are any, nothing has changed.
    pub user_errors: Vec<InputError>,
}

/// The result stored under an idempotency key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub products: Vec<Uuid>,
}

/// All errors that the input has by itself, or its changes.
pub(crate) fn check(input: &StockAdjustInput) -> Result<Vec<CheckedChange>, Vec<InputError>> {
    let count = input.changes.len();
    if count == 0 || count > MAX_PRODUCTS {
        return Err(vec![InputError::new(
            UserErrorCode::InvalidItems,
            format!("There must be 1 to {MAX_PRODUCTS} changes"),
            &["input", "changes"],
        )]);
    }
    let (mut checked, mut errors) = (Vec::with_capacity(count), Vec::new());
    let mut products = HashSet::new();
    for (index, change) in input.changes.iter().enumerate() {
        match CheckedChange::new(change) {
            Ok(change) if !products.insert(change.product) => {
                let message = "This product is named twice";
                let problem = Problem::new(UserErrorCode::DuplicateItem, "productId", message);
                errors.push(problem.at(index));
            }
            Ok(change) => checked.push(change),
            Err(problems) => errors.extend(problems.into_iter().map(|problem| problem.at(index))),
        }
    }
    if errors.is_empty() {
        Ok(checked)
    } else {
        Err(errors)
    }
}

/// What is wrong with changes beside the stock that there is, by their position.
pub(crate) fn check_stock(changes: &[CheckedChange], levels: &Locked) -> Vec<(usize, Problem)> {
    let problems = changes.iter().enumerate().filter_map(|(index, change)| {
        let Some(level) = levels.get(&change.product) else {
            let message = "The catalog does not have this product, or has not announced it yet";
            let problem = Problem::new(UserErrorCode::UnknownProduct, "productId", message);
            return Some((index, problem));
        };
        let added = change.added_to(level.available);
        let available = i64::from(level.available) + i64::from(added.available);
        let (field, message) = if available < 0 {
            (
                "change",
                format!("There are only {} units", level.available),
            )
        } else if available > i64::from(MAX_UNITS) {
            let message = format!("A product can have at most {MAX_UNITS} units");
            ("change", message)
        } else if level.damaged + added.damaged < 0 {
            let message = format!("There are only {} damaged units", level.damaged);
            ("writeOff", message)
        } else {
            return None;
        };
        let problem = Problem::new(UserErrorCode::InvalidQuantity, field, message);
        Some((index, problem))
    });
    problems.collect()
}

/// Writes changes without errors, of different products whose levels are locked.
pub(crate) async fn write(
    transaction: &DatabaseTransaction,
    changes: Vec<CheckedChange>,
    locked: Locked,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let adjustment = format!("adj_{}", Uuid::now_v7().simple());
    let movements = changes.into_iter().map(|change| {
        let available = locked
            .get(&change.product)
            .map_or(0, |level| level.available);
        let product = IdKind::Product.format(change.product);
        Movement {
            product: change.product,
            units: change.added_to(available),
            kind: change.kind(),
            reference: format!("{adjustment}:{product}"),
            order_item: None,
            reason: Some(change.reason),
        }
    });
    let movements = movements.collect();
    let cause = Cause {
        actor,
        aggregate: &adjustment,
        now,
    };
    match stock_write::apply(transaction, locked, movements, &cause).await? {
        Ok(()) => Ok(()),
        Err(Impossible::Short(_) | Impossible::TooMany(_)) => {
            Err(DbErr::Custom("an unchecked change of stock".to_owned()))
        }
    }
}

/// The levels of these changes' products, locked.
pub(crate) async fn lock(
    transaction: &DatabaseTransaction,
    changes: &[CheckedChange],
) -> Result<Locked, DbErr> {
    let products: Vec<Uuid> = changes.iter().map(|change| change.product).collect();
    stock_level::lock(transaction, &products).await
}
