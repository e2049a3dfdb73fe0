//! The embedded engine: a tantivy index in a directory that any number of processes can search.

mod collector;
mod fields;
mod generation;
mod rebuild;
mod text_query;
mod update;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::search::product;
use parking_lot::RwLock;
use tantivy::query::Query;
use uuid::Uuid;

use self::collector::PageCollector;
use self::fields::Fields;
use self::generation::{Generation, NextGeneration};
use self::rebuild::EmbeddedRebuild;
use super::{EngineError, Filters, Rebuild, SearchEngine, SearchHits, SearchQuery, Sort};

/// The engine over a directory. Cheap to clone; the index is memory-mapped, not loaded.
#[derive(Clone)]
pub struct Embedded {
    directory: Arc<Path>,
    open: Arc<RwLock<Option<Arc<Generation>>>>,
}

impl Embedded {
    /// Uses a directory that may be empty or missing; then [`SearchEngine::size`] is `None`.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into().into(),
            open: Arc::default(),
        }
    }

    /// The current index, which another process may have just published.
    fn generation(&self) -> Result<Arc<Generation>, EngineError> {
        let name = generation::current(&self.directory)?.ok_or(EngineError::NoIndex)?;
        if let Some(open) = &*self.open.read()
            && open.name == name
        {
            return Ok(open.clone());
        }
        let fresh = Arc::new(Generation::open(&self.directory, name)?);
        *self.open.write() = Some(fresh.clone());
        Ok(fresh)
    }

    async fn page(
        &self,
        query: impl FnOnce(&Fields) -> Box<dyn Query> + Send + 'static,
        collector: PageCollector,
    ) -> Result<SearchHits, EngineError> {
        let engine = self.clone();
        blocking(move || {
            let generation = engine.generation()?;
            let query = query(&generation.fields);
            Ok(generation.reader.searcher().search(&*query, &collector)?)
        })
        .await
    }
}

#[async_trait]
impl SearchEngine for Embedded {
    async fn search(&self, query: SearchQuery) -> Result<SearchHits, EngineError> {
        let collector = PageCollector {
            filters: query.filters,
            sort: query.sort,
            limit: query.limit,
            after: query.after,
            facets: true,
        };
        let text = query.text;
        self.page(move |fields| text_query::search(&text, fields), collector)
            .await
    }

    async fn suggest(&self, prefix: String, limit: usize) -> Result<Vec<Uuid>, EngineError> {
        let collector = PageCollector {
            filters: Filters::default(),
            sort: Sort::Relevance,
            limit,
            after: None,
            facets: false,
        };
        let found = self
            .page(
                move |fields| text_query::suggest(&prefix, fields),
                collector,
            )
            .await?;
        Ok(found.hits.iter().map(|hit| hit.position.id).collect())
    }

    async fn size(&self) -> Result<Option<u64>, EngineError> {
        let engine = self.clone();
        blocking(move || match engine.generation() {
            Ok(generation) => Ok(Some(generation.reader.searcher().num_docs())),
            Err(error) => Err(error),
        })
        .await
        // Missing or damaged: the index is derived data, so it is rebuilt.
        .or_else(|error| match error {
            EngineError::NoIndex => Ok(None),
            EngineError::TimedOut => Err(error),
            EngineError::Io(_) | EngineError::Engine(_) | EngineError::Stopped => {
                tracing::warn!(%error, directory = %self.directory.display(), "the search index is damaged and will be rebuilt");
                Ok(None)
            }
        })
    }

    async fn built_at(&self) -> Result<Option<DateTime<Utc>>, EngineError> {
        let engine = self.clone();
        blocking(move || {
            let name = generation::current(&engine.directory)?;
            Ok(name.as_deref().and_then(generation::begun_at))
        })
        .await
    }

    async fn update(&self, products: Vec<product::Model>) -> Result<(), EngineError> {
        let engine = self.clone();
        blocking(move || {
            if generation::current(&engine.directory)?.is_none() {
                return Ok(());
            }
            // A rebuild that has begun may have read the products before they changed: they go into its index.
            let _lock = generation::lock(&engine.directory)?;
            let generation = engine.generation()?;
            update::write(&generation, &products)?;
            generation.reader.reload()?;
            Ok(())
        })
        .await
    }

    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError> {
        let directory = self.directory.clone();
        blocking(move || {
            let next = NextGeneration::create(&directory)?;
            Ok(Box::new(EmbeddedRebuild::begin(next)?) as Box<dyn Rebuild>)
        })
        .await
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Embedded").field(&self.directory).finish()
    }
}

/// Runs computation or file access on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(EngineError::Stopped))
}
