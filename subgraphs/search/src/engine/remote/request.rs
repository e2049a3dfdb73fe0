//! The request for one page of results.

use serde_json::{Value, json};

use super::generation::Generation;
use super::{documents, facets, text_query};
use crate::engine::{Direction, FacetRequest, Filters, Position, SearchQuery, Sort, rank};

/// The parts of a search that are the same on every state of the index.
#[derive(Clone, Debug)]
pub(super) struct PageRequest {
    pub query: Value,
    pub rest: Value,
}

impl PageRequest {
    pub(super) fn new(query: &SearchQuery, index: &Generation) -> Self {
        let filters = filters(&query.filters);
        let all: Vec<_> = filters.iter().map(|(_, filter)| filter.clone()).collect();
        let mut always = stock(&query.filters);
        let mut rest = json!({
            "size": query.limit,
            "sort": sort(query.sort, query.direction),
            "track_total_hits": true,
            // Without the id, too: it is one of the sort values, and stored fields take longer to read.
            "stored_fields": "_none_",
            "_source": false,
        });
        let mut aggregations = json!({});
        if let Some(request) = &query.facets {
            // What is counted ignores the filter by the same attribute, so filters come after the counting.
            rest["post_filter"] = every(all.clone());
            aggregations = facets::request(request, &filters);
        } else {
            always.extend(all.clone());
        }
        if let Some(beyond) = &query.beyond {
            rest["search_after"] = search_after(beyond);
        }
        match best_score(query) {
            BestScore::First => {}
            BestScore::Tracked => rest["track_scores"] = json!(true),
            BestScore::Counted if query.limit == 0 => {}
            BestScore::Counted => {
                aggregations["best"] = json!({
                    "filter": every(all),
                    "aggs": { "hit": { "top_hits": { "size": 1, "_source": false } } },
                });
            }
        }
        rest["aggs"] = aggregations;
        let text = text_query::search(&query.text, query.matching, index);
        let query = match always.is_empty() {
            true => text,
            false => json!({ "bool": { "must": [text], "filter": always } }),
        };
        Self { query, rest }
    }

    /// With the vectors of the hits.
    pub(super) fn with_vectors(mut self) -> Self {
        if let Some(rest) = self.rest.as_object_mut() {
            // They are read from the source.
            rest.remove("stored_fields");
        }
        self.rest["fields"] = json!(["vector"]);
        self
    }

    /// Counts the facets of a query without a text, and nothing else. The cluster keeps such an answer for other searches
    /// on the same state of the index.
    pub(super) fn counts(query: &SearchQuery, request: &FacetRequest) -> Self {
        let rest = json!({
            "size": 0,
            "track_total_hits": false,
            "aggs": facets::request(request, &filters(&query.filters)),
        });
        let query = match stock(&query.filters) {
            stock if stock.is_empty() => json!({ "match_all": {} }),
            stock => every(stock),
        };
        Self { query, rest }
    }

    /// The body, on this state of the index, which is kept for that long from now on.
    pub(super) fn body(&self, snapshot: Option<(&str, &str)>) -> Value {
        let mut body = self.rest.clone();
        body["query"] = self.query.clone();
        if let Some((id, kept)) = snapshot {
            body["pit"] = json!({ "id": id, "keep_alive": kept });
        }
        body
    }
}

/// Where an answer has the highest score of all results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BestScore {
    /// In its first hit.
    First,
    /// Beside its hits, because scores are tracked. In the order of scores, that one is of the hits beyond the position.
    Tracked,
    /// In an aggregation.
    Counted,
}

pub(super) fn best_score(query: &SearchQuery) -> BestScore {
    match (query.sort, query.direction, query.beyond) {
        (Sort::Relevance, Direction::Forward, None) => BestScore::First,
        (Sort::Relevance, ..) => BestScore::Counted,
        _ => BestScore::Tracked,
    }
}

pub(super) fn every(filters: Vec<Value>) -> Value {
    json!({ "bool": { "filter": filters } })
}

/// The filters by attributes that have facets.
fn filters(filters: &Filters) -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    for (facet, field, values) in [
        (facets::CATEGORY, "category_key", &filters.categories),
        (facets::BRAND, "brand_key", &filters.brands),
    ] {
        if !values.is_empty() {
            let values: Vec<_> = values.iter().map(|value| value.to_lowercase()).collect();
            all.push((facet, json!({ "terms": { field: values } })));
        }
    }
    let price = filters.price;
    if price.min.is_some() || price.max.is_some() {
        let mut range = json!({});
        for (bound, value) in [("gte", price.min), ("lte", price.max)] {
            if let Some(value) = value {
                range[bound] = json!(value);
            }
        }
        all.push((facets::PRICE, json!({ "range": { "price": range } })));
    }
    if let Some(min) = filters.min_rating {
        all.push((
            facets::RATING,
            json!({ "range": { "rating": { "gte": min } } }),
        ));
    }
    all
}

fn stock(filters: &Filters) -> Vec<Value> {
    let bound = match filters.in_stock {
        None => return Vec::new(),
        Some(true) => json!({ "gt": 0 }),
        Some(false) => json!({ "lte": 0 }),
    };
    vec![json!({ "range": { "available": bound } })]
}

fn sort(sort: Sort, direction: Direction) -> Value {
    let (field, order) = match sort {
        Sort::Relevance => ("_score", "desc"),
        Sort::PriceAscending => ("price", "asc"),
        Sort::PriceDescending => ("price", "desc"),
        Sort::Newest => ("created", "desc"),
        Sort::Rating => ("rating_rank", "desc"),
    };
    let turned = |order| match (direction, order) {
        (Direction::Forward, order) => order,
        (Direction::Backward, "asc") => "desc",
        (Direction::Backward, _) => "asc",
    };
    json!([
        { field: { "order": turned(order) } },
        { documents::ID: { "order": turned("asc") } },
    ])
}

/// The values that a position stands for.
fn search_after(position: &Position) -> Value {
    let id = documents::key(position.id);
    json!([sort_value(position.sort, position.rank), id])
}

/// The inverse of [`rank`].
fn sort_value(sort: Sort, rank: u64) -> Value {
    let number = |rank: u64| (rank ^ (1 << 63)).cast_signed();
    match sort {
        Sort::Relevance => json!(score(rank)),
        Sort::PriceAscending => json!(number(!rank)),
        Sort::PriceDescending | Sort::Newest => json!(number(rank)),
        Sort::Rating => json!(rank),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "ranks by relevance have 32 bits"
)]
fn score(rank: u64) -> f32 {
    f32::from_bits(rank as u32)
}

/// The rank of a hit with this sort value.
pub(super) fn rank_of(sort: Sort, value: &Value) -> Option<u64> {
    Some(match sort {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cluster's scores are floats"
        )]
        Sort::Relevance => rank::relevance(value.as_f64()? as f32),
        Sort::PriceAscending => rank::price_ascending(value.as_i64()?),
        Sort::PriceDescending => rank::price_descending(value.as_i64()?),
        Sort::Newest => rank::ordered(value.as_i64()?),
        Sort::Rating => value.as_u64()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_rank_stands_for_the_value_that_the_cluster_sorts_by(
            number in -1_000_000_i64..i64::MAX / 2,
            score in 0.0_f32..1e6,
        ) {
            for sort in [Sort::PriceAscending, Sort::PriceDescending, Sort::Newest] {
                let rank = rank_of(sort, &json!(number)).unwrap();
                prop_assert_eq!(sort_value(sort, rank), json!(number));
            }
            let rank = rank_of(Sort::Relevance, &json!(score)).unwrap();
            prop_assert_eq!(rank_of(Sort::Relevance, &sort_value(Sort::Relevance, rank)), Some(rank));
        }
    }
}
