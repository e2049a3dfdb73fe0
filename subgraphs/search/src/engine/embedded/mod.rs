//! The embedded engine: a tantivy index in a directory that any number of processes can search.

mod columns;
mod correction;
mod facets;
mod fields;
mod generation;
mod matching;
mod page;
mod rebuild;
mod run;
mod similarity;
mod terms;
mod update;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::RwLock;
use resolvers::connection::Direction;
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::generation::{Generation, NextGeneration};
use self::matching::Purpose;
use self::rebuild::EmbeddedRebuild;
use super::{
    AnalysisSource, Document, EngineError, Filters, Health, IndexStatus, Matching, Rebuild,
    SearchEngine, SearchHits, SearchQuery, Sort,
};

/// The engine over a directory. Cheap to clone; the index is memory-mapped, not loaded.
#[derive(Clone)]
pub struct Embedded {
    directory: Arc<Path>,
    open: Arc<RwLock<Option<Arc<Generation>>>>,
    analysis: AnalysisSource,
    /// Limits how many searches run at the same time, because each needs memory for every product of the index. More wait.
    slots: Arc<Semaphore>,
}

/// Searches at the same time for each processor.
const SEARCHES: usize = 2;

impl Embedded {
    /// The engine's name in the configuration.
    pub const NAME: &str = "embedded";

    /// Uses a directory that may be empty or missing; then there is no index until it is built.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into().into(),
            open: Arc::default(),
            analysis: AnalysisSource::default(),
            slots: Arc::new(Semaphore::new(
                SEARCHES * std::thread::available_parallelism().map_or(1, usize::from),
            )),
        }
    }

    /// Reads stop words, stems and synonyms from here whenever an index is built.
    #[must_use]
    pub fn with_analysis(mut self, analysis: AnalysisSource) -> Self {
        self.analysis = analysis;
        self
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

    /// Reads the current index on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Generation) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let engine = self.clone();
        let slot = self.slots.clone().acquire_owned().await;
        let slot = slot.map_err(|_| EngineError::Stopped)?;
        blocking(move || {
            let result = work(engine.generation()?.as_ref());
            drop(slot);
            result
        })
        .await
    }

    /// Changes the current index, if there is one.
    async fn write(&self, documents: Vec<Document>, deleted: Vec<Uuid>) -> Result<(), EngineError> {
        let engine = self.clone();
        blocking(move || {
            if generation::current(&engine.directory)?.is_none() {
                return Ok(());
            }
            let _lock = generation::lock(&engine.directory)?;
            let generation = engine.generation()?;
            update::write(&generation, &documents, &deleted)
        })
        .await
    }
}

#[async_trait]
impl SearchEngine for Embedded {
    async fn search(&self, query: SearchQuery) -> Result<SearchHits, EngineError> {
        let purpose = Purpose::Search(query.matching);
        self.read(move |index| run::run(index, &query, purpose))
            .await
    }

    async fn suggest(&self, prefix: String, limit: usize) -> Result<Vec<Uuid>, EngineError> {
        let query = SearchQuery {
            text: prefix,
            matching: Matching::Most,
            filters: Filters::default(),
            sort: Sort::Relevance,
            limit,
            direction: Direction::Forward,
            beyond: None,
            snapshot: None,
            facets: None,
            preference: None,
        };
        self.read(move |index| {
            let found = run::run(index, &query, Purpose::Suggest)?;
            Ok(found.hits.iter().map(|hit| hit.position.id).collect())
        })
        .await
    }

    async fn correct(&self, text: String) -> Result<Option<String>, EngineError> {
        self.read(move |index| Ok(correction::correct(index, &text)?))
            .await
    }

    async fn status(&self) -> Result<IndexStatus, EngineError> {
        let status = |health, problem, products| IndexStatus {
            engine: Self::NAME,
            health,
            problem,
            products,
            built_at: None,
            bytes: None,
        };
        let directory = self.directory.clone();
        // From disk, because what is open may be damaged there.
        let index = blocking(move || {
            let name = generation::current(&directory)?.ok_or(EngineError::NoIndex)?;
            let generation = Generation::open(&directory, name)?;
            let searcher = generation.reader.searcher();
            let bytes = searcher.space_usage()?.total().get_bytes();
            Ok(IndexStatus {
                built_at: generation::begun_at(&generation.name),
                bytes: Some(bytes),
                ..status(Health::Healthy, None, Some(searcher.num_docs()))
            })
        });
        match index.await {
            Ok(index) => Ok(index),
            Err(EngineError::NoIndex) => Ok(status(Health::Unavailable, None, None)),
            // Damaged: the index is derived data, so it is rebuilt.
            Err(
                error @ (EngineError::Io(_)
                | EngineError::Engine(_)
                | EngineError::Analysis(_)
                | EngineError::Stopped),
            ) => {
                let problem = format!("{}: {error}", self.directory.display());
                Ok(status(Health::Unavailable, Some(problem), None))
            }
            Err(error) => Err(error),
        }
    }

    async fn built_at(&self) -> Result<Option<DateTime<Utc>>, EngineError> {
        let engine = self.clone();
        blocking(move || {
            let name = generation::current(&engine.directory)?;
            Ok(name.as_deref().and_then(generation::begun_at))
        })
        .await
    }

    async fn update(&self, documents: Vec<Document>) -> Result<(), EngineError> {
        self.write(documents, Vec::new()).await
    }

    async fn delete(&self, products: Vec<Uuid>) -> Result<(), EngineError> {
        self.write(Vec::new(), products).await
    }

    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError> {
        let engine = self.clone();
        blocking(move || {
            let analysis = engine.analysis.read()?;
            let next = NextGeneration::create(&engine.directory)?;
            Ok(Box::new(EmbeddedRebuild::begin(next, analysis)?) as Box<dyn Rebuild>)
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
