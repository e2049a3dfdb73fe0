//! Measures the engine against queries whose products people have graded, and how much those still say of the catalog.

mod health;
mod preferences;

use std::collections::BTreeMap;
use std::sync::Arc;

use entities::search::product;
use parking_lot::Mutex;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use crate::State;
use crate::engine::{Direction, EngineError, Filters, Matching, Preference, SearchQuery, Sort};
use crate::judged_queries::{BEST, JudgedQueries, JudgedQuery};
use crate::ranked_search::RankedSearch;
use crate::ranking::Ranker;
use crate::rules::ranking_quality::{RESULTS, ndcg, reciprocal_rank};

pub use self::health::Health;
pub use self::preferences::{Personalization, TasteResult};

/// The kind of queries that are a product's title.
const EXACT_TITLE: &str = "exact title";

/// How good searches are.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    #[serde(flatten)]
    pub quality: Quality,
    /// The NDCG@10 from which on a query passes.
    pub query_ndcg: f64,
    /// Of the queries that nobody has tuned searches for; null without any.
    pub held_out: Option<Quality>,
    /// Of all others; null without any.
    pub tuned: Option<Quality>,
    /// By what is difficult about the queries.
    pub kinds: BTreeMap<String, Quality>,
    /// In the order of the file.
    pub results: Vec<QueryResult>,
    /// With preferences; null without tastes in the file.
    pub personalization: Option<Personalization>,
    /// What the ranking of the first results does; null if they are in the engine's order.
    pub ranking: Option<RankingEffect>,
    pub health: Health,
}

/// What the ranking does to the results.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankingEffect {
    /// The mean NDCG@10 in the engine's order, and ranked.
    pub ndcg: f64,
    pub ranked_ndcg: f64,
    /// Exact titles whose product is further down when ranked: there should be none.
    pub lowered_titles: Vec<String>,
}

/// The quality of a number of queries.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    pub queries: usize,
    /// The mean NDCG@10.
    pub ndcg: f64,
    /// The mean reciprocal rank of the first relevant result.
    pub mrr: f64,
    pub passed: usize,
    /// The share that passed.
    pub pass_rate: f64,
}

/// What was found for a query.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryResult {
    pub query: String,
    pub kind: String,
    pub held_out: bool,
    pub ndcg: f64,
    pub reciprocal_rank: f64,
    pub passed: bool,
    pub products: Vec<FoundProduct>,
}

/// A result.
#[derive(Clone, Debug, Serialize)]
pub struct FoundProduct {
    pub id: String,
    pub title: String,
    /// Null without one.
    pub grade: Option<u8>,
}

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    #[error("the search database failed: {0}")]
    Database(#[from] DbErr),
    #[error("a search failed: {0}")]
    Engine(#[from] EngineError),
    #[error("results are not ranked: the flag search_reranking is off")]
    NotRanked,
}

/// Searches for every judged query: in the engine's order, or ranked, as customers see results.
///
/// # Errors
/// A database or an engine that fails, or results that are to be ranked and are not.
pub async fn evaluate(
    state: &State,
    judged: &JudgedQueries,
    is_ranked: bool,
) -> Result<Evaluation, EvaluationError> {
    let in_order = State {
        ranker: Ranker::none(),
        ..state.clone()
    };
    let state = if is_ranked {
        if !state.ranker.is_on(None).await {
            return Err(EvaluationError::NotRanked);
        }
        let now = state.clock.now();
        state
            .ranker
            .popularity
            .refresh(&state.database, now)
            .await?;
        state
    } else {
        &in_order
    };
    let results = results(state, judged).await?;
    let ranking = match is_ranked {
        true => Some(RankingEffect::new(
            &self::results(&in_order, judged).await?,
            &results,
        )),
        false => None,
    };
    let mut kinds: BTreeMap<String, Vec<&QueryResult>> = BTreeMap::new();
    for result in &results {
        kinds.entry(result.kind.clone()).or_default().push(result);
    }
    let kinds = kinds.into_iter();
    let (held_out, tuned) = results.iter().partition(|result| result.held_out);
    Ok(Evaluation {
        quality: Quality::new(&results.iter().collect::<Vec<_>>()),
        query_ndcg: judged.target.query_ndcg,
        held_out: Quality::of_any(held_out),
        tuned: Quality::of_any(tuned),
        kinds: kinds
            .map(|(kind, results)| (kind, Quality::new(&results)))
            .collect(),
        health: health::health(state, judged, &results).await?,
        personalization: preferences::personalization(state, judged).await?,
        ranking,
        results,
    })
}

/// What is found for every query, in the order of the file.
async fn results(
    state: &State,
    judged: &JudgedQueries,
) -> Result<Vec<QueryResult>, EvaluationError> {
    let mut results = Vec::with_capacity(judged.queries.len());
    for query in &judged.queries {
        let found = search(state, query, None).await?;
        results.push(QueryResult::new(query, found, judged.target.query_ndcg));
    }
    Ok(results)
}

/// The first results of a query, in their order.
async fn search(
    state: &State,
    query: &JudgedQuery,
    preference: Option<Preference>,
) -> Result<Vec<Arc<product::Model>>, EvaluationError> {
    let search = RankedSearch {
        state,
        customer: None,
        query: SearchQuery {
            text: query.query.clone(),
            matching: Matching::Most,
            filters: Filters::default(),
            sort: Sort::Relevance,
            limit: RESULTS,
            direction: Direction::Forward,
            beyond: None,
            snapshot: None,
            facets: None,
            preference,
        },
        answer: Mutex::default(),
    };
    let found = search.find(None, Direction::Forward, RESULTS).await?;
    let ids: Vec<Uuid> = found.page.hits.iter().map(|hit| hit.position.id).collect();
    let rows = product::by_ids(state.database.read(), &ids).await?;
    Ok(ids.iter().filter_map(|id| rows.get(id).cloned()).collect())
}

impl QueryResult {
    fn new(query: &JudgedQuery, found: Vec<Arc<product::Model>>, target: f64) -> Self {
        let grade = |row: &product::Model| query.grades.get(&row.id).copied();
        let grades: Vec<u8> = found.iter().map(|row| grade(row).unwrap_or(0)).collect();
        let ndcg = ndcg(&grades, query.grades.values().copied());
        Self {
            query: query.query.clone(),
            kind: query.kind.clone(),
            held_out: query.held_out,
            ndcg,
            reciprocal_rank: reciprocal_rank(&grades),
            passed: ndcg >= target,
            products: found
                .iter()
                .map(|row| FoundProduct {
                    id: IdKind::Product.format(row.id),
                    title: row.title.clone(),
                    grade: grade(row),
                })
                .collect(),
        }
    }

    /// Where what was searched for is; beyond the results if it is not among them.
    fn best(&self) -> usize {
        let mut products = self.products.iter();
        let best = products.position(|product| product.grade == Some(BEST));
        best.unwrap_or(RESULTS)
    }
}

impl RankingEffect {
    /// Of the same queries.
    fn new(in_order: &[QueryResult], ranked: &[QueryResult]) -> Self {
        let mean = |results: &[QueryResult]| mean(results.iter().map(|result| result.ndcg));
        let pairs = in_order.iter().zip(ranked);
        let lowered = pairs
            .filter(|(before, after)| before.kind == EXACT_TITLE && after.best() > before.best());
        Self {
            ndcg: mean(in_order),
            ranked_ndcg: mean(ranked),
            lowered_titles: lowered.map(|(_, after)| after.query.clone()).collect(),
        }
    }
}

impl Quality {
    /// `None` without results.
    fn of_any(results: Vec<&QueryResult>) -> Option<Self> {
        (!results.is_empty()).then(|| Self::new(&results))
    }

    fn new(results: &[&QueryResult]) -> Self {
        let count = results.len();
        let passed = results.iter().filter(|result| result.passed).count();
        Self {
            queries: count,
            ndcg: mean(results.iter().map(|result| result.ndcg)),
            mrr: mean(results.iter().map(|result| result.reciprocal_rank)),
            passed,
            pass_rate: share(passed, count),
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    let sum: f64 = values.sum();
    let count = count as f64;
    if count > 0.0 { sum / count } else { 0.0 }
}

fn share(part: usize, all: usize) -> f64 {
    let (part, all) = (part as f64, all as f64);
    if all > 0.0 { part / all } else { 0.0 }
}
