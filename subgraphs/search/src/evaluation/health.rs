//! What judged queries still say of the catalog.

use std::collections::{BTreeSet, HashMap};

use entities::search::product;
use resolvers::id::IdKind;
use serde::Serialize;
use uuid::Uuid;

use super::{EvaluationError, QueryResult, share};
use crate::State;
use crate::judged_queries::JudgedQueries;
use crate::rules::ranking_quality::RELEVANT;

/// Products read at a time.
const BATCH: usize = 1_000;

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

/// Compares the queries and their results with the catalog.
pub(super) async fn health(
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
