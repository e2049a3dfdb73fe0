//! What a row refers to exists. Databases ensure it, unless it was switched off while somebody wrote.

use sea_orm::DbErr;

use super::{Inspection, Rows, Violation};
use crate::tables::foreign_key::{self, ForeignKey};

/// A row that refers to one that does not exist.
pub const ORPHAN: &str = "orphan";

/// Orphans of one foreign key that are listed.
const LISTED: u64 = 1_000;

/// Checks the foreign keys of all tables.
pub async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    let rows = Rows {
        name: "foreign keys",
        id: |key: &ForeignKey| key.table.clone(),
    };
    inspection
        .walk(
            rows,
            async |db, after: Option<ForeignKey>| {
                // One at a time: each reads a whole table.
                let keys = foreign_key::all(db).await?.into_iter();
                let next = keys.filter(|key| Some(key) > after.as_ref()).min();
                Ok(Vec::from_iter(next))
            },
            async |db, keys: &[ForeignKey]| {
                let mut found = Vec::new();
                for key in keys {
                    for id in foreign_key::orphans(db, key, LISTED).await? {
                        let columns: Vec<_> = key
                            .columns
                            .iter()
                            .map(|(column, _)| column.as_str())
                            .collect();
                        let of = format!("{}.{}", key.table, columns.join(","));
                        let expected = format!("a row of {} for {of}", key.parent);
                        found.push(Violation::new(ORPHAN, id, expected, "none"));
                    }
                }
                Ok(found)
            },
        )
        .await
}
