//! Builds an index in parallel with the serving one.

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinSet;

use super::bulk::{Bulk, Operation, Rejected};
use super::client::Call;
use super::generation::{Meta, WordCounts};
use super::indices::Found;
use super::{Inner, Remote, documents};
use crate::engine::word_weights::WordWeights;
use crate::engine::{Document, EngineError, Rebuild};
use crate::rules::analysis::Analysis;

/// How long after an update of this program the indexes of its predecessor are kept, since its processes may still
/// be running.
const PREDECESSORS_KEPT: TimeDelta = TimeDelta::days(1);

/// An index under construction. Given up, it is removed by the next build or clean-up, since this needs a request.
pub(super) struct RemoteRebuild {
    engine: Remote,
    index: String,
    meta: Meta,
    analysis: Analysis,
    counts: WordCounts,
    /// The write of what was added last, while the next products are prepared. It ends with the build.
    writing: JoinSet<Result<(), EngineError>>,
    _builder: OwnedMutexGuard<()>,
}

impl RemoteRebuild {
    /// Creates the index, waiting for other builders.
    pub(super) async fn begin(engine: Remote) -> Result<Self, EngineError> {
        let Inner {
            client,
            names,
            lease,
            builders,
            script,
            analysis: source,
            ..
        } = &*engine.0;
        let source = source.clone();
        let files = tokio::task::spawn_blocking(move || source.read());
        let files = files.await.unwrap_or(Err(EngineError::Stopped))?;
        let analysis = Analysis::parse(&files)?;
        let builder = builders.clone().lock_owned().await;
        lease.take(client).await?;
        remove_leftovers(&engine.0).await?;
        // The cluster may take scripts now.
        script.forget();
        let index = names.next();
        let meta = Meta {
            analysis: files,
            weights: WordWeights::default(),
        };
        names.create(client, &index, &meta).await?;
        Ok(Self {
            engine: engine.clone(),
            index,
            meta,
            analysis,
            counts: WordCounts::default(),
            writing: JoinSet::new(),
            _builder: builder,
        })
    }

    /// Begins to write to this index, after what was written before.
    async fn write(&mut self, operations: Vec<Operation>) -> Result<(), EngineError> {
        self.written().await?;
        self.writing.spawn(write(self.engine.clone(), operations));
        Ok(())
    }

    /// Waits for what is being written.
    async fn written(&mut self) -> Result<(), EngineError> {
        while let Some(written) = self.writing.join_next().await {
            written.unwrap_or(Err(EngineError::Stopped))?;
        }
        Ok(())
    }
}

/// Writes to the index under construction alone.
async fn write(engine: Remote, operations: Vec<Operation>) -> Result<(), EngineError> {
    let Inner {
        client,
        names,
        lease,
        ..
    } = &*engine.0;
    lease.renew(client).await?;
    let rejected = Bulk::new(client, &names.building).write(operations).await?;
    match rejected.into_iter().next() {
        None => Ok(()),
        Some(Rejected { product, reason }) => Err(EngineError::Rejected { product, reason }),
    }
}

#[async_trait]
impl Rebuild for RemoteRebuild {
    async fn add(&mut self, documents: Vec<Document>) -> Result<(), EngineError> {
        let mut operations = Vec::with_capacity(documents.len());
        for document in documents.iter().filter(|document| document.product.active) {
            self.counts.add(document, &self.analysis);
            operations.push(documents::addition(document, &self.analysis));
        }
        self.write(operations).await
    }

    async fn replace(&mut self, documents: Vec<Document>) -> Result<(), EngineError> {
        let replacement = |document| documents::replacement(document, &self.analysis);
        let operations = documents.iter().map(replacement).collect();
        self.write(operations).await?;
        self.written().await
    }

    async fn publish(mut self: Box<Self>) -> Result<(), EngineError> {
        self.written().await?;
        let Self {
            engine,
            index,
            meta,
            counts,
            _builder,
            ..
        } = *self;
        let Inner {
            client,
            names,
            lease,
            serving,
            snapshots,
            rejections,
            ..
        } = &*engine.0;
        lease.renew(client).await?;
        let meta = Meta {
            weights: counts.weights(),
            ..meta
        };
        let mapping = Call::put("mapping", format!("/{index}/_mapping"), meta.mapping());
        client.answer(mapping).await?;
        let refresh = Call::command("refresh", format!("/{index}/_refresh"));
        client.answer(refresh).await?;
        let before = names.swap(client, &index).await?;
        serving.forget();
        snapshots.forget();
        rejections.clear();
        // The index serves: what follows is tidying, which the next build or clean-up repeats if it fails.
        let tidy = async {
            if let Some(before) = before {
                names.remove(client, &before.name).await?;
            }
            lease.release(client).await
        };
        if let Err(error) = tidy.await {
            tracing::warn!(%error, "the previous search index was not removed yet");
        }
        Ok(())
    }
}

/// Removes indexes that a builder left unfinished, unless somebody is building.
pub(super) async fn clean_up(inner: &Inner) -> Result<(), EngineError> {
    let Ok(_builder) = inner.builders.try_lock() else {
        return Ok(());
    };
    if leftovers(inner).await?.is_empty() || !inner.lease.try_take(&inner.client).await? {
        return Ok(());
    }
    remove_leftovers(inner).await?;
    inner.lease.release(&inner.client).await
}

/// Indexes that nobody needs. Only the holder of the lease knows that none of them is being built.
async fn leftovers(inner: &Inner) -> Result<Vec<String>, EngineError> {
    let Inner {
        client,
        names,
        lease,
        ..
    } = inner;
    let all = names.all(client).await?;
    let serving = all.iter().find(|index| index.has(&names.serving));
    let built_at = serving.and_then(|index| names.begun_at(&index.name));
    let is_settled = built_at.is_some_and(|at| lease.now() - at > PREDECESSORS_KEPT);
    let is_leftover = |index: &&Found| match names.is_current_layout(&index.name) {
        true => !index.has(&names.serving),
        false => is_settled && names.begun_at(&index.name) < built_at,
    };
    Ok(all
        .iter()
        .filter(is_leftover)
        .map(|index| index.name.clone())
        .collect())
}

async fn remove_leftovers(inner: &Inner) -> Result<(), EngineError> {
    for index in leftovers(inner).await? {
        inner.names.remove(&inner.client, &index).await?;
        tracing::info!(
            index,
            "removed a search index that was not finished or is no longer used"
        );
    }
    Ok(())
}
