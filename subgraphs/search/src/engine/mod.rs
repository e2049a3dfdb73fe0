//! The interface of search engines. They find products by text and attributes; what is shown of a product comes from
//! the database.

pub mod embedded;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::search::product;
use resolvers::ApiError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::rules::price_range::UsdRange;
pub use crate::rules::product_vector::{DIMENSIONS, ProductText, ProductVector};

/// A search that takes longer counts as unavailable, because a customer is waiting.
const DEADLINE: Duration = Duration::from_millis(750);

/// Lower bounds of the price facet's buckets, in US cents.
pub const PRICE_BUCKETS: [i64; 7] = [0, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];
/// Lower bounds of the rating facet's buckets, which have no upper bounds.
pub const RATING_BUCKETS: [u8; 4] = [4, 3, 2, 1];
/// Maximum number of buckets in a facet; the largest are kept.
pub const MAX_BUCKETS: usize = 100;

/// The order of results. Ties are broken by id, so the order is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sort {
    Relevance,
    PriceAscending,
    PriceDescending,
    Newest,
    /// Best rated first, then most reviewed.
    Rating,
}

/// What every result must match. Empty lists do not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filters {
    /// Category names, case-insensitive.
    pub categories: Vec<String>,
    /// Brand names, case-insensitive.
    pub brands: Vec<String>,
    pub price: UsdRange,
    pub in_stock: Option<bool>,
    pub min_rating: Option<f64>,
}

/// A position in the results, as stored in cursors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    #[serde(rename = "s")]
    pub sort: Sort,
    /// The sort value as a number that is higher for earlier results.
    #[serde(rename = "r")]
    pub rank: u64,
    #[serde(rename = "i")]
    pub id: Uuid,
}

/// A page of results.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// A blank text matches everything.
    pub text: String,
    pub filters: Filters,
    pub sort: Sort,
    /// Maximum number of results.
    pub limit: usize,
    /// Only results after this position.
    pub after: Option<Position>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub position: Position,
    /// From 0 to 1: relevance relative to the most relevant result.
    pub score: f32,
}

/// How many results have each value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    pub name: &'static str,
    pub buckets: Vec<Bucket>,
}

/// Filtering by the value gives exactly `count` results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub value: String,
    pub count: u64,
}

#[derive(Clone, Debug)]
pub struct SearchHits {
    pub hits: Vec<Hit>,
    /// The number of results on all pages.
    pub total: u64,
    /// Counted over the results on all pages.
    pub facets: Vec<Facet>,
}

/// Why a search failed.
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
    #[error("the engine stopped unexpectedly")]
    Stopped,
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        tracing::error!(%error, "the search engine did not answer");
        Self::unavailable("Search is not available at the moment")
    }
}

/// An index of products. Searches continue while a new index is built.
#[async_trait]
pub trait SearchEngine: std::fmt::Debug + Send + Sync {
    async fn search(&self, query: SearchQuery) -> Result<SearchHits, EngineError>;

    /// Products whose titles contain all of these words, the last of which may be unfinished. Titles that start with
    /// the text come first, then popular ones. A blank prefix returns the popular ones.
    async fn suggest(&self, prefix: String, limit: usize) -> Result<Vec<Uuid>, EngineError>;

    /// How many products the index contains; `None` if there is none that this version can search.
    async fn size(&self) -> Result<Option<u64>, EngineError>;

    /// When the index was built; `None` if there is none. Later changes of products may be missing from it.
    async fn built_at(&self) -> Result<Option<DateTime<Utc>>, EngineError>;

    /// Replaces these products in the current index, and removes those that are not active. Without an index nothing
    /// happens: a rebuild will read them.
    async fn update(&self, products: Vec<product::Model>) -> Result<(), EngineError>;

    /// Starts a new index in parallel with the current one. Builders wait for each other.
    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError>;
}

/// An index under construction. Dropping it without [`Rebuild::publish`] leaves nothing behind.
#[async_trait]
pub trait Rebuild: Send {
    async fn add(&mut self, products: Vec<product::Model>) -> Result<(), EngineError>;

    /// Atomically replaces the current index with this one.
    async fn publish(self: Box<Self>) -> Result<(), EngineError>;
}

/// The engine's answer, or an error after the deadline.
pub(crate) async fn with_timeout<T>(
    answer: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::time::timeout(DEADLINE, answer)
        .await
        .unwrap_or(Err(EngineError::TimedOut))
}
