//! The interface of search engines. They find products by text and attributes; what is shown of a product comes from
//! the database. `tests/contract` checks that all engines give the same results.

mod analysis_source;
pub mod embedded;
mod relevance;
pub mod remote;
mod word_weights;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::search::product;
use resolvers::ApiError;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

pub use resolvers::connection::Direction;

pub use self::analysis_source::AnalysisSource;
pub use crate::rules::analysis::{Analysis, AnalysisError, AnalysisFiles};
pub use crate::rules::parsed_query::{Matching, ParsedQuery, QueryWord};
pub use crate::rules::price_range::UsdRange;
pub use crate::rules::product_vector::{DIMENSIONS, ProductText, ProductVector};

/// Lower bounds of the rating facet's buckets, which have no upper bounds.
pub const RATING_BUCKETS: [u8; 4] = [4, 3, 2, 1];
/// Maximum number of buckets in a facet; the largest are kept.
pub const MAX_BUCKETS: usize = 100;

/// A product as engines index it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub product: product::Model,
    /// What the product is like, for personalized results.
    pub vector: Option<ProductVector>,
}

impl Document {
    /// With the vector of the product's texts.
    pub fn new(product: product::Model) -> Self {
        let vector = ProductVector::of_product(ProductText {
            title: &product.title,
            description: &product.description,
            brand: product.brand.as_deref(),
            category: &product.category,
        });
        Self { product, vector }
    }
}

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

/// A position in the results, as stored in cursors. It consists of values, so it stays valid when the index changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    #[serde(rename = "s")]
    pub sort: Sort,
    /// The sort value as a number that is higher for earlier results; see [`rank`].
    #[serde(rename = "r")]
    pub rank: u64,
    /// Of equal ranks, the lowest id comes first.
    #[serde(rename = "i")]
    pub id: Uuid,
}

/// What [`Position::rank`] is in each order.
pub mod rank {
    use chrono::{DateTime, Utc};

    /// Of a score, which is not negative: the bit patterns of such floats sort like the floats.
    pub fn relevance(score: f32) -> u64 {
        score.max(0.0).to_bits().into()
    }

    /// Of a price in US cents, for the cheapest first.
    pub fn price_ascending(usd_minor: i64) -> u64 {
        !ordered(usd_minor)
    }

    /// Of a price in US cents, for the most expensive first.
    pub fn price_descending(usd_minor: i64) -> u64 {
        ordered(usd_minor)
    }

    /// Of when a product came into the catalog, with microseconds.
    pub fn newest(created_at: DateTime<Utc>) -> u64 {
        ordered(created_at.timestamp_micros())
    }

    /// Of a rating, with three decimals, then of the number of reviews.
    pub fn rating(rating: Option<f64>, reviews: u64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "ratings are from 1 to 5"
        )]
        let thousandths = (rating.unwrap_or(0.0).clamp(0.0, 5.0) * 1_000.0).round() as u64;
        (thousandths << 32) | reviews.min(u32::MAX.into())
    }

    /// Maps a signed number to an unsigned one with the same order.
    pub(crate) fn ordered(number: i64) -> u64 {
        number.cast_unsigned() ^ (1 << 63)
    }
}

/// What a customer likes. It only affects results sorted by relevance: the score of the text is multiplied by
/// 1 + boost × the similarity.
#[derive(Clone, Debug)]
pub struct Preference {
    pub vector: Arc<ProductVector>,
    pub boost: f32,
}

/// A page of results.
#[derive(Clone, Debug)]
pub struct SearchQuery {
    /// A blank text matches everything.
    pub text: String,
    pub matching: Matching,
    pub filters: Filters,
    pub sort: Sort,
    /// Maximum number of results.
    pub limit: usize,
    /// From `beyond`, or from this end of the results. Backward, the last result comes first.
    pub direction: Direction,
    /// Only results beyond this position, in the direction.
    pub beyond: Option<Position>,
    /// From the page that `beyond` was on.
    pub snapshot: Option<Arc<str>>,
    /// Which facets to count, if any.
    pub facets: Option<FacetRequest>,
    pub preference: Option<Preference>,
}

/// What is counted besides categories, brands and ratings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FacetRequest {
    /// Lower bounds of the price facet's buckets in US cents, ascending. A bucket ends below the next bound, the last one
    /// never.
    pub price_bounds: Vec<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub position: Position,
    /// From 0 to 1: the score relative to the best result's, on whatever page that is.
    pub score: f32,
    /// The cosine of the angle between the preference and the product, if there is a preference; negative ones are 0.
    pub similarity: Option<f32>,
}

/// How many results have each value of each attribute, counted over all pages and ignoring the filter by that attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// The largest buckets first, equal ones by value; at most [`MAX_BUCKETS`].
    pub categories: Vec<Bucket>,
    /// Like `categories`.
    pub brands: Vec<Bucket>,
    /// One count for each of [`FacetRequest::price_bounds`].
    pub prices: Vec<u64>,
    /// One count for each of [`RATING_BUCKETS`].
    pub ratings: [u64; RATING_BUCKETS.len()],
}

/// Filtering by the value instead of others of its attribute gives exactly `count` results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub value: String,
    pub count: u64,
}

#[derive(Clone, Debug)]
pub struct SearchHits {
    /// In the direction of the query.
    pub hits: Vec<Hit>,
    /// The number of results on all pages.
    pub total: u64,
    /// If they were requested.
    pub facets: Option<Facets>,
    /// Identifies the state of the index, for the following pages; `None` if the engine does not need it.
    pub snapshot: Option<Arc<str>>,
    /// How the index compares words, by which the results can be explained.
    pub analysis: Arc<Analysis>,
}

/// Whether an engine can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Healthy,
    /// It serves searches, but something is wrong: the index is not written, or has fewer copies than it should.
    Degraded,
    /// It does not serve searches.
    Unavailable,
}

/// The engine's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexStatus {
    /// The engine's name in the configuration.
    pub engine: &'static str,
    pub health: Health,
    /// What is wrong, apart from a missing index.
    pub problem: Option<String>,
    /// How many products it contains; `None` if there is none that this version can search.
    pub products: Option<u64>,
    /// When its build began. Later changes of products may be missing from it.
    pub built_at: Option<DateTime<Utc>>,
    /// Its size on disk.
    pub bytes: Option<u64>,
}

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("there is no index yet")]
    NoIndex,
    #[error("the engine did not answer in time")]
    TimedOut,
    #[error("the engine cannot be reached: {0}")]
    Unreachable(String),
    #[error("the index cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    #[error("the engine failed: {0}")]
    Engine(#[from] tantivy::TantivyError),
    #[error("the words of the index cannot be read: {0}")]
    Analysis(#[from] AnalysisError),
    #[error("{file} cannot be read: {problem}")]
    AnalysisFile { file: PathBuf, problem: String },
    #[error("the engine stopped unexpectedly")]
    Stopped,
    #[error("the engine refused with {status} {kind}: {reason}")]
    Refused {
        status: u16,
        kind: String,
        reason: String,
    },
    #[error("the engine cannot serve the index: {0}")]
    Unavailable(String),
    #[error("the engine is busy: {0}")]
    Busy(String),
    #[error("the index takes no changes: {0}")]
    ReadOnly(String),
    #[error("the engine rejected product {product}: {reason}")]
    Rejected { product: Uuid, reason: String },
    #[error("the engine's answer cannot be read: {0}")]
    Unreadable(String),
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

    /// "Did you mean": the text with each word that no product has replaced by the most similar one that a title, a
    /// brand or a category has. `None` if there is nothing to replace.
    async fn correct(&self, text: String) -> Result<Option<String>, EngineError>;

    /// The state of the index. Damage and unavailability are states; errors are for what is not known.
    async fn status(&self) -> Result<IndexStatus, EngineError>;

    /// When the build of the current index began, as in [`IndexStatus::built_at`]. Cheap: asked once a second.
    async fn built_at(&self) -> Result<Option<DateTime<Utc>>, EngineError>;

    /// Replaces these products in the current index, and removes those that are not active. Without an index nothing
    /// happens: a rebuild will read them. What was updated is found by searches that begin later.
    async fn update(&self, documents: Vec<Document>) -> Result<(), EngineError>;

    /// Removes these products from the current index.
    async fn delete(&self, products: Vec<Uuid>) -> Result<(), EngineError>;

    /// Starts a new index in parallel with the current one. Builders wait for each other.
    async fn begin_rebuild(&self) -> Result<Box<dyn Rebuild>, EngineError>;

    /// Removes what builders left unfinished, unless somebody is building.
    async fn clean_up(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// An index under construction. Dropping it without [`Rebuild::publish`] leaves nothing behind.
#[async_trait]
pub trait Rebuild: Send {
    /// Adds products that were not added before. Those that are not active are left out.
    async fn add(&mut self, documents: Vec<Document>) -> Result<(), EngineError>;

    /// Replaces products that have changed since they were added, or adds them, and removes those that are not active.
    async fn replace(&mut self, documents: Vec<Document>) -> Result<(), EngineError>;

    /// Atomically replaces the current index with this one.
    async fn publish(self: Box<Self>) -> Result<(), EngineError>;
}

/// Until when an engine may answer: the same moment for everything that one field asks of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The engine's answer, or an error at the deadline.
    pub(crate) async fn limit<T>(
        self,
        answer: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        tokio::time::timeout_at(self.0, answer)
            .await
            .unwrap_or(Err(EngineError::TimedOut))
    }
}
