//! Rebuilds the index from the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entities::search::product;
use sea_orm::DbErr;

use crate::State;
use crate::engine::{EngineError, Rebuild};
use crate::index_changes::Changes;

/// Products read and indexed at a time.
pub(crate) const BATCH_SIZE: u64 = 1_000;

/// Why the index was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum ReindexError {
    #[error("the products cannot be read: {0}")]
    Database(#[from] DbErr),
    #[error("the search index cannot be built: {0}")]
    Engine(#[from] EngineError),
}

impl State {
    /// Builds a new index of all active products while searches continue, then swaps it in. It contains what changed
    /// meanwhile. Returns how many products were added.
    pub async fn reindex(&self) -> Result<u64, ReindexError> {
        self.reindex_with_progress(&mut |_| {}).await
    }

    /// The same; `progress` is told how many are added so far.
    pub async fn reindex_with_progress(
        &self,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, ReindexError> {
        let started = self.clock.now();
        let fresh = self.engine.begin_rebuild().await?;
        self.fill(fresh, started, progress).await
    }

    async fn fill(
        &self,
        mut fresh: Box<dyn Rebuild>,
        started: DateTime<Utc>,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, ReindexError> {
        let mut indexed = 0;
        let mut after = None;
        let mut recent = HashMap::new();
        loop {
            let products = product::active_after(self.database.read(), after, BATCH_SIZE).await?;
            let Some(last) = products.last() else { break };
            after = Some(last.id);
            indexed += products.len() as u64;
            let found_again = products
                .iter()
                .filter(|row| Changes::is_found_again(row, started));
            recent.extend(found_again.map(|row| (row.id, row.updated_at)));
            fresh.add(self.documents(products).await?).await?;
            progress(indexed);
        }
        let mut changes = Changes::since(started, recent);
        while let Some(documents) = changes.next(self).await? {
            fresh.replace(documents).await?;
        }
        fresh.publish().await?;
        tracing::info!(products = indexed, "search index built");
        Ok(indexed)
    }

    /// Rebuilds the index if there is none that this version can search, or if its number of products differs from the
    /// database's active ones. Returns whether it did.
    pub async fn open_index(&self) -> Result<bool, ReindexError> {
        self.engine.clean_up().await?;
        let built_at = self.engine.built_at().await?;
        let status = self.engine.status().await?;
        match (status.products, status.problem) {
            (Some(products), _) => {
                if products == product::count_active(self.database.read()).await? {
                    return Ok(false);
                }
            }
            (None, Some(problem)) => {
                tracing::warn!(problem, "the search index is damaged and is built anew");
            }
            (None, None) => {}
        }
        let started = self.clock.now();
        let fresh = self.engine.begin_rebuild().await?;
        if self.engine.built_at().await? != built_at {
            // Another process has built it meanwhile.
            return Ok(false);
        }
        self.fill(fresh, started, &mut |_| {}).await?;
        Ok(true)
    }
}
