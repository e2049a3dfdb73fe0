//! Reads results.

use serde_json::Value;
use uuid::Uuid;

use super::facets;
use super::generation::Generation;
use super::request::{BestScore, best_score, rank_of};
use crate::engine::{
    EngineError, Hit, Position, Preference, ProductVector, SearchHits, SearchQuery,
};

/// The field of a hit that a script has computed.
pub(super) const SIMILARITY: &str = "similarity";

/// The page in an answer.
pub(super) fn read(
    answer: &Value,
    query: &SearchQuery,
    index: &Generation,
) -> Result<SearchHits, EngineError> {
    let hits = answer["hits"]["hits"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let best = match best_score(query) {
        BestScore::First => hits.first().and_then(score),
        BestScore::Tracked => float(&answer["hits"]["max_score"]),
        BestScore::Counted => score(&answer["aggregations"]["best"]["hit"]["hits"]["hits"][0]),
    };
    let hits = hits.iter().map(|hit| read_hit(hit, query, best));
    let hits = hits.collect::<Option<_>>().ok_or_else(unreadable)?;
    let facets = query
        .facets
        .as_ref()
        .map(|request| facets::read(answer, request));
    Ok(SearchHits {
        hits,
        total: total(answer)?,
        facets: facets.transpose()?,
        snapshot: None,
        analysis: index.analysis.clone(),
    })
}

/// The ids of the products in an answer.
pub(super) fn ids(answer: &Value) -> Result<Vec<Uuid>, EngineError> {
    let hits = answer["hits"]["hits"].as_array().into_iter().flatten();
    hits.map(id).collect::<Option<_>>().ok_or_else(unreadable)
}

pub(super) fn total(answer: &Value) -> Result<u64, EngineError> {
    answer["hits"]["total"]["value"]
        .as_u64()
        .ok_or_else(unreadable)
}

pub(super) fn score(hit: &Value) -> Option<f32> {
    float(&hit["_score"])
}

fn float(value: &Value) -> Option<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cluster's scores and similarities are floats"
    )]
    value.as_f64().map(|value| value as f32)
}

/// A hit's vector; an answer has it only if it was asked for.
fn vector(hit: &Value) -> Option<ProductVector> {
    let values = hit["fields"]["vector"].as_array()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "vectors are written as floats"
    )]
    let values = values
        .iter()
        .map(|value| value.as_f64().map(|value| value as f32));
    let values: Vec<f32> = values.collect::<Option<_>>()?;
    ProductVector::normalized(values.try_into().ok()?)
}

/// The similarity of a hit with a preference, by its vector.
pub(super) fn similarity_by_vector(hit: &Value, preference: &Preference) -> f32 {
    vector(hit).map_or(0.0, |vector| preference.vector.similarity(&vector))
}

/// The product, which is the second of the sort values.
pub(super) fn id(hit: &Value) -> Option<Uuid> {
    Uuid::try_parse(hit["sort"][1].as_str()?).ok()
}

fn read_hit(hit: &Value, query: &SearchQuery, best: Option<f32>) -> Option<Hit> {
    let similarity = query.preference.as_ref().map(|preference| {
        let computed = float(&hit["fields"][SIMILARITY][0]);
        computed.unwrap_or_else(|| similarity_by_vector(hit, preference))
    });
    let position = Position {
        sort: query.sort,
        rank: rank_of(query.sort, &hit["sort"][0])?,
        id: id(hit)?,
    };
    Some(Hit {
        position,
        score: relative(score(hit)?, best),
        similarity,
    })
}

/// A score relative to the best one.
pub(super) fn relative(score: f32, best: Option<f32>) -> f32 {
    match best {
        Some(best) if best > 0.0 => (score / best).min(1.0),
        _ => 1.0,
    }
}

pub(super) fn unreadable() -> EngineError {
    EngineError::Unreadable("the results".to_owned())
}
