//! What preferences do to the results.

use std::collections::BTreeMap;
use std::sync::Arc;

use entities::search::product;
use serde::Serialize;

use super::{EXACT_TITLE, EvaluationError, QueryResult, mean, search};
use crate::State;
use crate::engine::{DIMENSIONS, Document, Preference, ProductVector};
use crate::judged_queries::{JudgedQueries, JudgedQuery, Taste};

/// That of a customer with many signals.
const BOOST: f32 = 1.5;

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

/// What the tastes' preferences do to the results of their queries, and to those of exact titles.
pub(super) async fn personalization(
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
