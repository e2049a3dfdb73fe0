//! Visits every product that matches the words: filters, counts facets, and keeps one page.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};
use uuid::Uuid;

use super::facets::{Counts, Excluded, SegmentCounts, Values};
use super::fields;
use crate::engine::{
    Direction, FacetRequest, Filters, Hit, Position, SearchHits, SearchQuery, Sort, rank,
};

/// The weight of popularity relative to relevance: 3 % for each factor of ten, so that it decides between equal matches
/// and never beats a better one.
const POPULARITY_SHARE: f32 = 0.03;

/// Collects one page beyond a position, with everything counted over all pages.
pub(super) struct PageCollector {
    filters: Filters,
    sort: Sort,
    limit: usize,
    direction: Direction,
    beyond: Option<Place>,
    facets: Option<FacetRequest>,
}

/// The place of a result in the direction of the query: higher is earlier.
type Place = (u64, u128);

/// The result for one segment of the index.
#[derive(Default)]
pub(super) struct Found {
    page: BinaryHeap<Reverse<(Place, u32)>>,
    total: u64,
    best: f32,
    counts: Counts,
}

pub(super) struct SegmentPage {
    id: (Column<u64>, Column<u64>),
    category: Option<StrColumn>,
    brand: Option<StrColumn>,
    price: Column<i64>,
    rating: Column<f64>,
    reviews: Column<u64>,
    available: Column<u64>,
    popularity: Column<u64>,
    created: Column<i64>,
    /// Allowed values by their ordinal in the segment; `None` allows all.
    categories: Option<HashSet<u64>>,
    brands: Option<HashSet<u64>>,
    filters: Filters,
    sort: Sort,
    limit: usize,
    direction: Direction,
    beyond: Option<Place>,
    counts: Option<SegmentCounts>,
    found: Found,
}

impl PageCollector {
    pub(super) fn new(query: &SearchQuery) -> Self {
        Self {
            filters: query.filters.clone(),
            sort: query.sort,
            limit: query.limit,
            direction: query.direction,
            beyond: query
                .beyond
                .map(|beyond| place(query.direction, beyond.rank, beyond.id.as_u128())),
            facets: query.facets.clone(),
        }
    }
}

impl Collector for PageCollector {
    type Fruit = SearchHits;
    type Child = SegmentPage;

    fn for_segment(
        &self,
        _: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<SegmentPage> {
        let columns = reader.fast_fields();
        let category = columns.str(fields::CATEGORY)?;
        let brand = columns.str(fields::BRAND)?;
        let counts = |request| SegmentCounts::new(request, category.as_ref(), brand.as_ref());
        Ok(SegmentPage {
            id: (columns.u64(fields::ID_HIGH)?, columns.u64(fields::ID_LOW)?),
            price: columns.i64(fields::PRICE)?,
            rating: columns.f64(fields::RATING)?,
            reviews: columns.u64(fields::REVIEWS)?,
            available: columns.u64(fields::AVAILABLE)?,
            popularity: columns.u64(fields::POPULARITY)?,
            created: columns.i64(fields::CREATED)?,
            categories: numbers_of(category.as_ref(), &self.filters.categories)?,
            brands: numbers_of(brand.as_ref(), &self.filters.brands)?,
            filters: self.filters.clone(),
            sort: self.sort,
            limit: self.limit,
            direction: self.direction,
            beyond: self.beyond,
            counts: self.facets.as_ref().map(counts),
            category,
            brand,
            found: Found::default(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, segments: Vec<tantivy::Result<Found>>) -> tantivy::Result<SearchHits> {
        let mut all = Found::default();
        let mut page = Vec::new();
        for segment in segments {
            let segment = segment?;
            page.extend(segment.page.into_iter().map(|Reverse(result)| result));
            all.total += segment.total;
            all.best = all.best.max(segment.best);
            all.counts.add(segment.counts);
        }
        page.sort_unstable_by_key(|result| Reverse(*result));
        page.truncate(self.limit);
        let hits = page
            .into_iter()
            .map(|(place, score)| Hit {
                position: self.position(place),
                score: f32::from_bits(score) / all.best,
                similarity: None,
            })
            .collect();
        Ok(SearchHits {
            hits,
            total: all.total,
            facets: self.facets.as_ref().map(|facets| all.counts.facets(facets)),
            snapshot: None,
        })
    }
}

impl PageCollector {
    fn position(&self, (rank, id): Place) -> Position {
        // Applied twice, it changes nothing.
        let (rank, id) = match self.direction {
            Direction::Forward => (rank, !id),
            Direction::Backward => (!rank, id),
        };
        Position {
            sort: self.sort,
            rank,
            id: Uuid::from_u128(id),
        }
    }
}

fn place(direction: Direction, rank: u64, id: u128) -> Place {
    match direction {
        Direction::Forward => (rank, !id),
        Direction::Backward => (!rank, id),
    }
}

impl SegmentCollector for SegmentPage {
    type Fruit = tantivy::Result<Found>;

    fn collect(&mut self, doc: DocId, score: Score) {
        let values = Values {
            category: number(self.category.as_ref(), doc),
            brand: number(self.brand.as_ref(), doc),
            price: self.price.first(doc).unwrap_or(0),
            rating: self.rating.first(doc),
        };
        let excluded = self.excluded(values);
        if !excluded.is_counted() || !self.is_in_stock_as_wanted(doc) {
            return;
        }
        if let Some(counts) = &mut self.counts {
            counts.add(values, excluded);
        }
        if !excluded.is_none() {
            return;
        }
        self.found.total += 1;
        let score = score * (1.0 + POPULARITY_SHARE * self.popularity(doc));
        self.found.best = self.found.best.max(score);
        let rank = self.rank(doc, score, values);
        let page = &self.found.page;
        if page.len() >= self.limit
            && page
                .peek()
                .is_none_or(|Reverse((last, _))| place(self.direction, rank, 0).0 < last.0)
        {
            return;
        }
        let place = place(self.direction, rank, self.id(doc));
        if self.beyond.is_some_and(|beyond| place >= beyond) {
            return;
        }
        let page = &mut self.found.page;
        page.push(Reverse((place, score.to_bits())));
        if page.len() > self.limit {
            page.pop();
        }
    }

    fn harvest(self) -> tantivy::Result<Found> {
        let mut found = self.found;
        if let Some(counts) = self.counts {
            found.counts = counts.named(self.category.as_ref(), self.brand.as_ref())?;
        }
        Ok(found)
    }
}

impl SegmentPage {
    fn excluded(&self, values: Values) -> Excluded {
        let among = |allowed: &Option<HashSet<u64>>, value: Option<u64>| {
            allowed
                .as_ref()
                .is_none_or(|allowed| value.is_some_and(|value| allowed.contains(&value)))
        };
        let rated = |min| values.rating.is_some_and(|rating| rating >= min);
        Excluded::by([
            (Excluded::CATEGORY, among(&self.categories, values.category)),
            (Excluded::BRAND, among(&self.brands, values.brand)),
            (Excluded::PRICE, self.filters.price.contains(values.price)),
            (Excluded::RATING, self.filters.min_rating.is_none_or(rated)),
        ])
    }

    fn is_in_stock_as_wanted(&self, doc: DocId) -> bool {
        self.filters.in_stock.is_none_or(|wanted| {
            let available = self.available.first(doc);
            available.is_some_and(|quantity| quantity > 0) == wanted
        })
    }

    /// The decimal logarithm of popularity.
    fn popularity(&self, doc: DocId) -> f32 {
        let popularity = self.popularity.first(doc).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "only its logarithm matters")]
        let popularity = popularity as f32;
        (1.0 + popularity).log10()
    }

    fn rank(&self, doc: DocId, score: f32, values: Values) -> u64 {
        match self.sort {
            Sort::Relevance => rank::relevance(score),
            Sort::PriceAscending => rank::price_ascending(values.price),
            Sort::PriceDescending => rank::price_descending(values.price),
            Sort::Newest => rank::ordered(self.created.first(doc).unwrap_or(i64::MIN)),
            Sort::Rating => rank::rating(values.rating, self.reviews.first(doc).unwrap_or(0)),
        }
    }

    fn id(&self, doc: DocId) -> u128 {
        let half = |column: &Column<u64>| u128::from(column.first(doc).unwrap_or(0));
        half(&self.id.0) << 64 | half(&self.id.1)
    }
}

fn number(column: Option<&StrColumn>, doc: DocId) -> Option<u64> {
    column.and_then(|column| column.ords().first(doc))
}

/// The segment's ordinals of these values, ignoring case.
fn numbers_of(
    column: Option<&StrColumn>,
    wanted: &[String],
) -> tantivy::Result<Option<HashSet<u64>>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let wanted: HashSet<_> = wanted.iter().map(|value| value.to_lowercase()).collect();
    let mut numbers = HashSet::new();
    if let Some(column) = column {
        let mut value = String::new();
        for number in 0..column.dictionary().num_terms() as u64 {
            column.ord_to_str(number, &mut value)?;
            if wanted.contains(&value.to_lowercase()) {
                numbers.insert(number);
            }
        }
    }
    Ok(Some(numbers))
}
