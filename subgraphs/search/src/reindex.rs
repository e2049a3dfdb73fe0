//! Builds the index anew from the database.

use entities::search::product;
use sea_orm::DbErr;

use crate::State;
use crate::engine::EngineError;

/// Products that are read and indexed at a time.
const STRETCH: u64 = 1_000;

/// Why the index stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReindexError {
    #[error("the products cannot be read: {0}")]
    Database(#[from] DbErr),
    #[error("the search index cannot be built: {0}")]
    Engine(#[from] EngineError),
}

/// Builds a fresh index of all active products beside the current one and swaps; searches go on
/// meanwhile. Says how many products it holds.
pub async fn reindex(state: &State) -> Result<u64, ReindexError> {
    let mut fresh = state.engine.begin_rebuild().await?;
    let mut indexed = 0;
    let mut after = None;
    loop {
        let products = product::active_after(state.database.read(), after, STRETCH).await?;
        let Some(last) = products.last() else { break };
        after = Some(last.id);
        indexed += products.len() as u64;
        fresh.add(products).await?;
    }
    fresh.publish().await?;
    tracing::info!(products = indexed, "the search index is built");
    Ok(indexed)
}

/// Builds the index if there is none that this version can search; says whether it did.
pub async fn ensure_index(state: &State) -> Result<bool, ReindexError> {
    if state.engine.is_ready().await? {
        return Ok(false);
    }
    reindex(state).await?;
    Ok(true)
}
