//! The GraphQL types `Facet` and `FacetBucket`.

use async_graphql::SimpleObject;

use crate::engine::{self, Bucket, RATING_BUCKETS};
use crate::rules::price_range::PriceBucket;

/// The distribution of the results over an attribute's values, counted over all pages. The filter by this attribute does
/// not affect it, so customers see what choosing another value would find.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Facet {
    /// The attribute: `category`, `brand`, `price` or `rating`.
    pub name: &'static str,
    /// The attribute's values that have results, at most 100.
    pub buckets: Vec<FacetBucket>,
}

/// A value of an attribute, with the number of results that have it.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct FacetBucket {
    /// A category, a brand, a range of base prices in `filters.currency` ("25.00-49.99", "1000.00-"), or a lowest rating
    /// ("4" is 4 and better).
    pub value: String,
    /// How many results there would be with this value as the filter by this attribute.
    pub count: i32,
}

impl Facet {
    /// All facets, in the order in which they are shown.
    pub(crate) fn all(counts: engine::Facets, prices: &[PriceBucket]) -> Vec<Self> {
        let values =
            |buckets: Vec<Bucket>| buckets.into_iter().map(|b| (b.value, b.count)).collect();
        let prices = prices.iter().map(ToString::to_string).zip(counts.prices);
        let ratings = RATING_BUCKETS.map(|from| from.to_string());
        vec![
            Self::of("category", values(counts.categories)),
            Self::of("brand", values(counts.brands)),
            Self::of("price", prices.collect()),
            Self::of("rating", ratings.into_iter().zip(counts.ratings).collect()),
        ]
    }

    fn of(name: &'static str, counts: Vec<(String, u64)>) -> Self {
        let found = counts.into_iter().filter(|(_, count)| *count > 0);
        let buckets = found.map(|(value, count)| FacetBucket {
            value,
            count: i32::try_from(count).unwrap_or(i32::MAX),
        });
        Self {
            name,
            buckets: buckets.collect(),
        }
    }
}
