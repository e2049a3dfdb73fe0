//! Measures the engine against queries whose products people have graded, and how much those still say of the catalog.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use entities::search::product;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use crate::State;
use crate::engine::{
    DIMENSIONS, Direction, Document, EngineError, Filters, Preference, ProductVector, SearchQuery,
    Sort,
};
use crate::judged_queries::{BEST, JudgedQueries, JudgedQuery, Taste};
use crate::rules::ranking_quality::{RELEVANT, RESULTS, ndcg, reciprocal_rank};

/// Products read at a time.
const BATCH: usize = 1_000;

/// The kind of queries that are a product's title.
const EXACT_TITLE: &str = "exact title";

/// That of a customer with many signals.
const BOOST: f32 = 1.5;

/// How good searches are.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    #[serde(flatten)]
    pub quality: Quality,
    /// The NDCG@10 from which on a query passes.
    pub query_ndcg: f64,
    /// By what is difficult about the queries.
    pub kinds: BTreeMap<String, Quality>,
    /// In the order of the file.
    pub results: Vec<QueryResult>,
    /// With preferences; null without tastes in the file.
    pub personalization: Option<Personalization>,
    pub health: Health,
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

/// What preferences do to the results.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Personalization {
    pub queries: usize,
    /// The mean NDCG@10 without and with preferences, by the grades of those who have them.
    pub ndcg: f64,
    pub personalized_ndcg: f64,
    /// By the name of the taste.
    pub tastes: BTreeMap<String, TasteResult>,
    /// Exact titles whose product is further down with a preference than without: there should be none.
    pub lowered_titles: Vec<String>,
}

/// What one preference does to the results.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TasteResult {
    pub queries: usize,
    pub ndcg: f64,
    pub personalized_ndcg: f64,
}

/// What was found for a query.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryResult {
    pub query: String,
    pub kind: String,
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

/// What the judged queries still say of the catalog.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Since they were judged.
    pub age_days: i64,
    pub judged_products: usize,
    /// Judged products that are not for sale any more.
    pub missing_products: Vec<String>,
    /// The catalog's categories without a query that looks for one of their products.
    pub missing_categories: Vec<String>,
    /// The share of results that nobody has graded: they count as wrong.
    pub ungraded_results: f64,
}

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    #[error("the search database failed: {0}")]
    Database(#[from] DbErr),
    #[error("a search failed: {0}")]
    Engine(#[from] EngineError),
}

/// Searches for every judged query.
///
/// # Errors
/// A database or an engine that fails.
pub async fn evaluate(
    state: &State,
    judged: &JudgedQueries,
) -> Result<Evaluation, EvaluationError> {
    let mut results = Vec::with_capacity(judged.queries.len());
    for query in &judged.queries {
        let found = search(state, query, None).await?;
        results.push(QueryResult::new(query, found, judged.target.query_ndcg));
    }
    let mut kinds: BTreeMap<String, Vec<&QueryResult>> = BTreeMap::new();
    for result in &results {
        kinds.entry(result.kind.clone()).or_default().push(result);
    }
    let kinds = kinds.into_iter();
    Ok(Evaluation {
        quality: Quality::new(&results.iter().collect::<Vec<_>>()),
        query_ndcg: judged.target.query_ndcg,
        kinds: kinds
            .map(|(kind, results)| (kind, Quality::new(&results)))
            .collect(),
        health: health(state, judged, &results).await?,
        personalization: personalization(state, judged).await?,
        results,
    })
}

/// The first results of a query, in their order.
async fn search(
    state: &State,
    query: &JudgedQuery,
    preference: Option<Preference>,
) -> Result<Vec<Arc<product::Model>>, EvaluationError> {
    let found = state.engine.search(SearchQuery {
        text: query.query.clone(),
        filters: Filters::default(),
        sort: Sort::Relevance,
        limit: RESULTS,
        direction: Direction::Forward,
        beyond: None,
        snapshot: None,
        facets: None,
        preference,
    });
    let ids: Vec<Uuid> = found
        .await?
        .hits
        .iter()
        .map(|hit| hit.position.id)
        .collect();
    let rows = product::by_ids(state.database.read(), &ids).await?;
    Ok(ids.iter().filter_map(|id| rows.get(id).cloned()).collect())
}

/// What the tastes' preferences do to the results of their queries, and to those of exact titles.
async fn personalization(
    state: &State,
    judged: &JudgedQueries,
) -> Result<Option<Personalization>, EvaluationError> {
    let (mut tastes, mut lowered_titles) = (BTreeMap::new(), Vec::new());
    let (mut all, mut all_personalized) = (Vec::new(), Vec::new());
    for taste in &judged.tastes {
        let Some(preference) = preference(state, taste).await? else {
            continue;
        };
        let (mut plain, mut personalized) = (Vec::new(), Vec::new());
        for query in &taste.queries {
            plain.push(quality(state, query, None).await?.ndcg);
            let preference = Some(preference.clone());
            personalized.push(quality(state, query, preference).await?.ndcg);
        }
        let result = TasteResult {
            queries: plain.len(),
            ndcg: mean(plain.iter().copied()),
            personalized_ndcg: mean(personalized.iter().copied()),
        };
        tastes.insert(taste.name.clone(), result);
        all.append(&mut plain);
        all_personalized.append(&mut personalized);
        let queries = judged.queries.iter();
        for query in queries.filter(|query| query.kind == EXACT_TITLE) {
            let plain = quality(state, query, None).await?;
            let preference = Some(preference.clone());
            let personalized = quality(state, query, preference).await?;
            if personalized.best() > plain.best() {
                lowered_titles.push(format!("{} ({})", query.query, taste.name));
            }
        }
    }
    Ok((!tastes.is_empty()).then(|| Personalization {
        queries: all.len(),
        ndcg: mean(all.iter().copied()),
        personalized_ndcg: mean(all_personalized.iter().copied()),
        tastes,
        lowered_titles,
    }))
}

/// The preference of somebody who likes these products; `None` if none of them is known.
async fn preference(state: &State, taste: &Taste) -> Result<Option<Preference>, EvaluationError> {
    let rows = product::by_ids(state.database.read(), &taste.likes).await?;
    let mut sum = [0.0; DIMENSIONS];
    for row in rows.into_values() {
        let document = Document::new(Arc::unwrap_or_clone(row));
        let vector = document.vector.iter().flat_map(ProductVector::values);
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += value;
        }
    }
    Ok(ProductVector::normalized(sum).map(|vector| Preference {
        vector: Arc::new(vector),
        boost: BOOST,
    }))
}

async fn quality(
    state: &State,
    query: &JudgedQuery,
    preference: Option<Preference>,
) -> Result<QueryResult, EvaluationError> {
    let found = search(state, query, preference).await?;
    Ok(QueryResult::new(query, found, 0.0))
}

impl QueryResult {
    fn new(query: &JudgedQuery, found: Vec<Arc<product::Model>>, target: f64) -> Self {
        let grade = |row: &product::Model| query.grades.get(&row.id).copied();
        let grades: Vec<u8> = found.iter().map(|row| grade(row).unwrap_or(0)).collect();
        let ndcg = ndcg(&grades, query.grades.values().copied());
        Self {
            query: query.query.clone(),
            kind: query.kind.clone(),
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
}

impl QueryResult {
    /// Where what was searched for is; beyond the results if it is not among them.
    fn best(&self) -> usize {
        let mut products = self.products.iter();
        let best = products.position(|product| product.grade == Some(BEST));
        best.unwrap_or(RESULTS)
    }
}

impl Quality {
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

async fn health(
    state: &State,
    judged: &JudgedQueries,
    results: &[QueryResult],
) -> Result<Health, EvaluationError> {
    let db = state.database.read();
    let ids: Vec<Uuid> = judged.products().into_iter().collect();
    let mut known = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(BATCH) {
        let rows = product::by_ids(db, ids).await?;
        let sold = rows.into_iter().filter(|(_, row)| row.active);
        known.extend(sold.map(|(id, row)| (id, row.category.clone())));
    }
    let queries = judged.queries.iter();
    let grades = queries.flat_map(|query| &query.grades);
    let covered: BTreeSet<&String> = grades
        .filter(|(_, grade)| **grade >= RELEVANT)
        .filter_map(|(id, _)| known.get(id))
        .collect();
    let categories = product::categories(db).await?;
    let mut missing_products: Vec<String> = ids
        .iter()
        .filter(|id| !known.contains_key(id))
        .map(|id| IdKind::Product.format(*id))
        .collect();
    missing_products.sort_unstable();
    let found = results.iter().flat_map(|result| &result.products);
    let (mut count, mut ungraded) = (0, 0);
    for product in found {
        count += 1;
        ungraded += usize::from(product.grade.is_none());
    }
    Ok(Health {
        age_days: (state.clock.now().date_naive() - judged.judged_at).num_days(),
        judged_products: ids.len(),
        missing_products,
        missing_categories: categories
            .into_iter()
            .filter(|category| !covered.contains(category))
            .collect(),
        ungraded_results: share(ungraded, count),
    })
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
