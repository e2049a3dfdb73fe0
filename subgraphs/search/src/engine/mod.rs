//! What a search engine is asked and answers. Products in it are found by their texts and facts;
//! what is shown of them comes from the database.

pub mod embedded;

use std::time::Duration;

use async_trait::async_trait;
use entities::search::product;
use resolvers::ApiError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::rules::price_range::UsdRange;

/// An engine that did not answer within this time is down, for the customer who waits.
const DEADLINE: Duration = Duration::from_millis(750);

/// Lower bounds of the price facet's buckets, in US cents.
pub const PRICE_BUCKETS: [i64; 7] = [0, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];
/// Lower bounds of the rating facet's buckets, which have no upper ones.
pub const RATING_BUCKETS: [u8; 4] = [4, 3, 2, 1];
/// Buckets of a facet at most: the fullest ones.
pub const MAX_BUCKETS: usize = 100;

/// The order of results. Equal ones are ordered by id, so the order is always the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sort {
    Relevance,
    PriceAscending,
    PriceDescending,
    Newest,
    /// Best rated first, then most reviewed.
    Rating,
}

/// What every result must meet. An empty list lets all pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// Names of categories, in any case.
    pub categories: Vec<String>,
    /// Names of brands, in any case.
    pub brands: Vec<String>,
    pub price: UsdRange,
    pub in_stock: Option<bool>,
    pub min_rating: Option<f64>,
}

/// A place in the order of results: what a cursor carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    #[serde(rename = "s")]
    pub sort: Sort,
    /// By what it is sorted, as a number that is higher for what comes earlier.
    #[serde(rename = "r")]
    pub rank: u64,
    #[serde(rename = "i")]
    pub id: Uuid,
}

/// A page of results.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// Blank matches everything.
    pub text: String,
    pub filters: Filters,
    pub sort: Sort,
    /// Results at most.
    pub limit: usize,
    /// Results behind this place only.
    pub after: Option<Position>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub position: Position,
    /// From 0 to 1: relevance as a share of the most relevant result's.
    pub score: f32,
}

/// How many results have each value of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    pub name: &'static str,
    pub buckets: Vec<Bucket>,
}

/// Filtering by the value gives as many results as the count says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub value: String,
    pub count: u64,
}

#[derive(Clone, Debug)]
pub struct SearchHits {
    pub hits: Vec<Hit>,
    /// Results on all pages.
    pub total: u64,
    /// Counted over the results on all pages.
    pub facets: Vec<Facet>,
}

/// Why an engine gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("there is no index yet")]
    NoIndex,
    #[error("the engine did not answer in time")]
    TimedOut,
    #[error("the index cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    #[error("the engine failed: {0}")]
    Engine(#[from] tantivy::TantivyError),
    #[error("the engine stopped in the middle of its work")]
    Stopped,
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        tracing::error!(%error, "the search engine did not answer");
        Self::unavailable("Search is not available at the moment")
    }
}

/// An index of products. Searches go on while another index is built.
#[async_trait]
pub trait SearchEngine: std::fmt::Debug + Send + Sync {
    async fn search(&self, query: SearchQuery) -> Result<SearchHits, EngineError>;

    /// Products whose titles have all of these words, the last of which may be unfinished; those
    /// whose title begins so first, then the popular ones. A blank prefix gives the popular ones.
    async fn suggest(&self, prefix: String, limit: usize) -> Result<Vec<Uuid>, EngineError>;

    /// How many products the index holds; `None` when there is none that this version can search.
    async fn size(&self) -> Result<Option<u64>, EngineError>;

    /// Starts a fresh index beside the one that is searched. Builds take turns.
    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError>;
}

/// A fresh index on its way. Dropped before [`Rebuild::publish`], it leaves nothing behind.
#[async_trait]
pub trait Rebuild: Send {
    async fn add(&mut self, products: Vec<product::Model>) -> Result<(), EngineError>;

    /// Puts the fresh index in place of the old one, at once.
    async fn publish(self: Box<Self>) -> Result<(), EngineError>;
}

/// The answer of an engine, or an error before the customer loses patience.
pub(crate) async fn with_timeout<T>(
    answer: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::time::timeout(DEADLINE, answer)
        .await
        .unwrap_or(Err(EngineError::TimedOut))
}
