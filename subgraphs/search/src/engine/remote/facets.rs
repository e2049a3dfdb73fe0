//! Counts by attribute, as aggregations. Each ignores the filter by its own attribute.

use serde_json::{Value, json};

use super::request::every;
use crate::engine::{Bucket, EngineError, FacetRequest, Facets, MAX_BUCKETS, RATING_BUCKETS};

pub(super) const CATEGORY: &str = "category";
pub(super) const BRAND: &str = "brand";
pub(super) const PRICE: &str = "price";
pub(super) const RATING: &str = "rating";

/// The aggregations, given the filters by attribute.
pub(super) fn request(request: &FacetRequest, filters: &[(&'static str, Value)]) -> Value {
    let names = |field: &str| {
        json!({ "terms": {
            "field": field,
            "size": MAX_BUCKETS,
            "order": [{ "_count": "desc" }, { "_key": "asc" }],
        }})
    };
    let ends = request.price_bounds.iter().skip(1).map(Some).chain([None]);
    let prices = request
        .price_bounds
        .iter()
        .zip(ends)
        .enumerate()
        .map(|(number, (from, to))| {
            let mut range = json!({ "key": number.to_string(), "from": from });
            if let Some(to) = to {
                range["to"] = json!(to);
            }
            range
        });
    let prices: Vec<_> = prices.collect();
    let ratings = RATING_BUCKETS.map(|from| json!({ "key": from.to_string(), "from": from }));
    let mut facets = vec![
        (CATEGORY, names("category_name")),
        (BRAND, names("brand_name")),
        (
            RATING,
            json!({ "range": { "field": "rating", "ranges": ratings, "keyed": true } }),
        ),
    ];
    if !prices.is_empty() {
        facets.push((
            PRICE,
            json!({ "range": { "field": "price", "ranges": prices, "keyed": true } }),
        ));
    }
    let mut aggregations = json!({});
    for (facet, counted) in facets {
        let others = filters.iter().filter(|(attribute, _)| *attribute != facet);
        let others: Vec<_> = others.map(|(_, filter)| filter.clone()).collect();
        aggregations[facet] = match others.is_empty() {
            // A filter that everything passes takes as long as the counting.
            true => counted,
            false => json!({ "filter": every(others), "aggs": { "values": counted } }),
        };
    }
    aggregations
}

/// The counts in an answer.
pub(super) fn read(answer: &Value, request: &FacetRequest) -> Result<Facets, EngineError> {
    let buckets = |facet: &str| {
        let counted = &answer["aggregations"][facet];
        let filtered = counted.get("values");
        &filtered.unwrap_or(counted)["buckets"]
    };
    let named = |facet: &str| -> Option<Vec<Bucket>> {
        let buckets = buckets(facet).as_array()?.iter().map(|bucket| {
            Some(Bucket {
                value: bucket["key"].as_str()?.to_owned(),
                count: bucket["doc_count"].as_u64()?,
            })
        });
        buckets.collect()
    };
    let counts = || {
        let prices = 0..request.price_bounds.len();
        let prices = prices.map(|number| buckets(PRICE)[number.to_string()]["doc_count"].as_u64());
        let mut ratings = [0; RATING_BUCKETS.len()];
        for (count, from) in ratings.iter_mut().zip(RATING_BUCKETS) {
            *count = buckets(RATING)[from.to_string()]["doc_count"].as_u64()?;
        }
        Some(Facets {
            categories: named(CATEGORY)?,
            brands: named(BRAND)?,
            prices: prices.collect::<Option<_>>()?,
            ratings,
        })
    };
    counts().ok_or_else(|| EngineError::Unreadable("the facets".to_owned()))
}
