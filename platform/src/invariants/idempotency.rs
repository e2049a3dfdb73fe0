//! The results under idempotency keys say what their mutations did.

use sea_orm::DbErr;

use super::{Inspection, PAGE, Rows, Violation};
use crate::database::ReadTransaction;
use crate::tables::idempotency_key::{self, Model};

/// The result stored under a key.
pub const RESULT: &str = "idempotency_result";

/// A row that a result names and that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The key's position in the page.
    pub index: usize,
    /// The row's public id.
    pub row: String,
}

/// Checks the results of all keys. `missing` finds those whose rows do not exist.
pub async fn check(
    inspection: &mut Inspection<'_>,
    missing: impl AsyncFn(&ReadTransaction, &[Model]) -> Result<Vec<Missing>, DbErr>,
) -> Result<(), DbErr> {
    let rows = Rows {
        name: "idempotency keys",
        id,
    };
    inspection
        .walk(
            rows,
            async |db, after| idempotency_key::after(db, after, PAGE).await,
            async |db, keys: &[Model]| {
                let empty = keys.iter().filter(|key| key.outcome.is_null());
                let mut found: Vec<_> = empty
                    .map(|key| Violation::new(RESULT, id(key), "a result", "none"))
                    .collect();
                for Missing { index, row } in missing(db, keys).await? {
                    let key = keys.get(index).map(id).unwrap_or_default();
                    found.push(Violation::new(RESULT, key, row, "no such row"));
                }
                Ok(found)
            },
        )
        .await
}

fn id(key: &Model) -> String {
    format!("{}/{}", key.operation, key.key)
}
