//! Imports vectors of products from a file, in place of those computed from texts: JSON Lines, one product each.
//!
//! ```json
//! {"id": "prd_01h455vb4pex5vsknk084sn02q", "vector": [0.013, -0.207, …]}
//! ```
//!
//! A vector has 128 numbers. Its length does not matter, since only the direction is used.

use std::io::{BufRead, Read};

use entities::search::{product, product_vector};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::Deserialize;
use uuid::Uuid;

use crate::State;
use crate::engine::{DIMENSIONS, ProductVector};
use crate::events;

/// Vectors written at a time.
const BATCH: usize = 1_000;
/// Longer lines are a mistake.
const MAX_LINE: u64 = 64 << 10;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VectorImport {
    pub imported: u64,
    /// Lines that were not used.
    pub problems: u64,
    /// Active products without an imported vector beside others that have one: their vectors are computed from texts and
    /// cannot be compared with those of a model.
    pub missing: u64,
}

/// Why an import ended early. What was imported until then stays.
#[derive(Debug, thiserror::Error)]
pub enum VectorImportError {
    #[error("the file cannot be read: {0}")]
    File(#[from] std::io::Error),
    #[error("the vectors cannot be stored: {0}")]
    Database(#[from] DbErr),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    vector: Vec<f32>,
}

impl State {
    /// Imports the lines of a file. Those with a problem are told with their numbers, and left out. The index follows within
    /// seconds.
    ///
    /// # Errors
    /// A file that cannot be read, or a database that cannot be written.
    pub async fn import_vectors(
        &self,
        mut file: impl BufRead + Send,
        mut problem: impl FnMut(u64, &str) + Send,
    ) -> Result<VectorImport, VectorImportError> {
        let mut report = VectorImport::default();
        let mut batch: Vec<(u64, Uuid, ProductVector)> = Vec::new();
        let mut number = 0;
        loop {
            let mut line = String::new();
            let read = (&mut file).take(MAX_LINE).read_line(&mut line)?;
            number += 1;
            let is_end = read == 0;
            if !line.trim().is_empty() {
                match parse(&line) {
                    Ok((id, vector)) => batch.push((number, id, vector)),
                    Err(message) => {
                        problem(number, &message);
                        report.problems += 1;
                    }
                }
            }
            if batch.len() >= BATCH || is_end {
                self.write_vectors(&mut batch, &mut report, &mut problem)
                    .await?;
            }
            if is_end {
                break;
            }
        }
        let active = product::count_active(self.database.read()).await?;
        let imported = product_vector::count(self.database.read()).await?;
        report.missing = match imported {
            // All are computed from texts.
            0 => 0,
            imported => active.saturating_sub(imported),
        };
        Ok(report)
    }

    async fn write_vectors(
        &self,
        batch: &mut Vec<(u64, Uuid, ProductVector)>,
        report: &mut VectorImport,
        problem: &mut (impl FnMut(u64, &str) + Send),
    ) -> Result<(), DbErr> {
        if batch.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let ids: Vec<Uuid> = batch.iter().map(|(_, id, _)| *id).collect();
        let transaction = self.database.begin().await?;
        events::lock_products(&transaction).await?;
        let known = product::by_ids(&transaction, &ids).await?;
        let mut rows = std::collections::BTreeMap::new();
        for (line, id, vector) in batch.drain(..) {
            if known.contains_key(&id) {
                let row = product_vector::Model {
                    product_id: id,
                    vector: vector.to_bytes(),
                    imported_at: now,
                };
                rows.insert(id, row);
            } else {
                problem(line, "there is no product with this id");
                report.problems += 1;
            }
        }
        let ids: Vec<Uuid> = rows.keys().copied().collect();
        report.imported += ids.len() as u64;
        product_vector::write(&transaction, rows.into_values().collect()).await?;
        // So that the index follows.
        product::touch_all(&transaction, &ids, now).await?;
        transaction.commit().await
    }

    /// Removes all imported vectors, and returns how many there were. The index follows within seconds.
    ///
    /// # Errors
    /// A database that cannot be written.
    pub async fn clear_vectors(&self) -> Result<u64, DbErr> {
        let transaction = self.database.begin().await?;
        events::lock_products(&transaction).await?;
        let ids = product_vector::products(&transaction).await?;
        for ids in ids.chunks(10_000) {
            product::touch_all(&transaction, ids, self.clock.now()).await?;
        }
        let deleted = product_vector::delete_all(&transaction).await?;
        transaction.commit().await?;
        Ok(deleted)
    }
}

fn parse(line: &str) -> Result<(Uuid, ProductVector), String> {
    let Line { id, vector } = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let product = IdKind::Product
        .parse(&id)
        .ok_or_else(|| format!("{id:?} is not the id of a product"))?;
    let count = vector.len();
    let values: [f32; DIMENSIONS] = vector
        .try_into()
        .map_err(|_| format!("the vector has {count} numbers instead of {DIMENSIONS}"))?;
    let vector = ProductVector::normalized(values)
        .ok_or("the vector has no direction: its numbers are all zero, or too large")?;
    Ok((product, vector))
}
