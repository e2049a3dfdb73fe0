//! Counts how many results have each value of each attribute. A product that only one attribute's filter excludes counts
//! for the values of that attribute, since customers choose among them.

use std::collections::HashMap;
use std::sync::Arc;

use super::columns::SegmentColumns;
use crate::engine::{Bucket, FacetRequest, Facets, MAX_BUCKETS, RATING_BUCKETS};

/// A set of the filters that exclude a product, one bit for each attribute that has a facet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excluded(u8);

impl Excluded {
    pub(super) const CATEGORY: u8 = 1;
    pub(super) const BRAND: u8 = 2;
    pub(super) const PRICE: u8 = 4;
    pub(super) const RATING: u8 = 8;

    /// By those filters that are not passed.
    pub(super) fn by(filters: [(u8, bool); 4]) -> Self {
        let excluded = filters.into_iter().filter(|(_, passed)| !passed);
        Self(excluded.fold(0, |all, (filter, _)| all | filter))
    }

    /// Whether no filter excludes the product.
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether it counts for any facet.
    pub(super) fn is_counted(self) -> bool {
        self.0.count_ones() <= 1
    }

    fn counts_for(self, attribute: u8) -> bool {
        self.0 & !attribute == 0
    }
}

/// The values of a product that facets count; categories and brands by their numbers in the segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values {
    pub category: Option<u64>,
    pub brand: Option<u64>,
    pub price: i64,
    pub rating: Option<f64>,
}

/// The counts of one segment of the index.
pub(super) struct SegmentCounts {
    bounds: Vec<i64>,
    categories: Vec<u64>,
    brands: Vec<u64>,
    prices: Vec<u64>,
    ratings: [u64; RATING_BUCKETS.len()],
}

/// The counts of several segments.
#[derive(Default)]
pub(super) struct Counts {
    categories: HashMap<Arc<str>, u64>,
    brands: HashMap<Arc<str>, u64>,
    prices: Vec<u64>,
    ratings: [u64; RATING_BUCKETS.len()],
}

impl SegmentCounts {
    pub(super) fn new(request: &FacetRequest, columns: &SegmentColumns) -> Self {
        Self {
            categories: vec![0; columns.categories.len()],
            brands: vec![0; columns.brands.len()],
            prices: vec![0; request.price_bounds.len()],
            ratings: Default::default(),
            bounds: request.price_bounds.clone(),
        }
    }

    pub(super) fn add(&mut self, values: Values, excluded: Excluded) {
        let increment = |counts: &mut [u64], value: Option<u64>| {
            let value = value.and_then(|value| usize::try_from(value).ok());
            if let Some(count) = value.and_then(|value| counts.get_mut(value)) {
                *count += 1;
            }
        };
        if excluded.counts_for(Excluded::CATEGORY) {
            increment(&mut self.categories, values.category);
        }
        if excluded.counts_for(Excluded::BRAND) {
            increment(&mut self.brands, values.brand);
        }
        if excluded.counts_for(Excluded::PRICE) {
            let bucket = self.bounds.partition_point(|&from| from <= values.price);
            if let Some(bucket) = bucket.checked_sub(1) {
                self.prices[bucket] += 1;
            }
        }
        if excluded.counts_for(Excluded::RATING)
            && let Some(rating) = values.rating
        {
            for (count, from) in self.ratings.iter_mut().zip(RATING_BUCKETS) {
                *count += u64::from(rating >= f64::from(from));
            }
        }
    }

    /// With the names of the values.
    pub(super) fn named(self, columns: &SegmentColumns) -> Counts {
        Counts {
            categories: columns.categories.counted(&self.categories),
            brands: columns.brands.counted(&self.brands),
            prices: self.prices,
            ratings: self.ratings,
        }
    }
}

impl Counts {
    pub(super) fn add(&mut self, segment: Self) {
        for (into, from) in [
            (&mut self.categories, segment.categories),
            (&mut self.brands, segment.brands),
        ] {
            for (value, count) in from {
                *into.entry(value).or_default() += count;
            }
        }
        self.prices.resize(segment.prices.len(), 0);
        let counts = self.prices.iter_mut().chain(&mut self.ratings);
        let more = segment.prices.iter().chain(&segment.ratings);
        for (count, more) in counts.zip(more) {
            *count += more;
        }
    }

    pub(super) fn facets(mut self, request: &FacetRequest) -> Facets {
        self.prices.resize(request.price_bounds.len(), 0);
        Facets {
            categories: by_count(self.categories),
            brands: by_count(self.brands),
            prices: self.prices,
            ratings: self.ratings,
        }
    }
}

fn by_count(counts: HashMap<Arc<str>, u64>) -> Vec<Bucket> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    counts.truncate(MAX_BUCKETS);
    let bucket = |(value, count): (Arc<str>, u64)| Bucket {
        value: value.as_ref().to_owned(),
        count,
    };
    counts.into_iter().map(bucket).collect()
}
