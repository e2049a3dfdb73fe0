//! One page of the products that match: filters them, counts facets, and keeps the first ones beyond a position.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use tantivy::DocId;
use tantivy::columnar::Column;
use uuid::Uuid;

use super::columns::SegmentColumns;
use super::facets::{Counts, Excluded, SegmentCounts, Values};
use super::similarity::Personal;
use crate::engine::relevance::POPULARITY_SHARE;
use crate::engine::{Direction, Facets, Hit, Position, SearchQuery, Sort, rank};

/// The place of a result in the direction of the query: higher is earlier.
type Place = (u64, u128);

/// A result of the page. Places differ, so the rest has no effect on the order.
type PageEntry = (Place, Scored);

/// The bits of a score, and those of the similarity with the preference.
type Scored = (u32, Option<u32>);

/// What a query finds in one segment or several.
#[derive(Default)]
pub(super) struct Found {
    page: Vec<PageEntry>,
    total: u64,
    best: f32,
    counts: Counts,
}

/// Collects what a query finds in one segment.
pub(super) struct SegmentPage<'a> {
    query: &'a SearchQuery,
    columns: Arc<SegmentColumns>,
    /// Whether a category is among the chosen ones, by its number; `None` allows all.
    categories: Option<Vec<bool>>,
    brands: Option<Vec<bool>>,
    beyond: Option<Place>,
    counts: Option<SegmentCounts>,
    page: BinaryHeap<Reverse<PageEntry>>,
    personal: Option<Personal>,
    total: u64,
    best: f32,
}

impl SegmentColumns {
    fn values(&self, product: DocId) -> Values {
        let number = |column: &Option<Column<u64>>| column.as_ref()?.first(product);
        Values {
            category: number(&self.category),
            brand: number(&self.brand),
            price: self.price.first(product).unwrap_or(0),
            rating: self.rating.first(product),
        }
    }

    fn id(&self, product: DocId) -> u128 {
        let half = |column: &Column<u64>| u128::from(column.first(product).unwrap_or(0));
        half(&self.id_high) << 64 | half(&self.id_low)
    }

    fn is_in_stock(&self, product: DocId) -> bool {
        self.available.first(product).is_some_and(|units| units > 0)
    }

    /// The decimal logarithm of popularity.
    fn popularity(&self, product: DocId) -> f32 {
        let thousandths = self.popularity.first(product).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "at most 20,000")]
        let thousandths = thousandths as f32;
        thousandths / 1_000.0
    }

    fn rank(&self, sort: Sort, product: DocId, score: f32) -> u64 {
        match sort {
            Sort::Relevance => rank::relevance(score),
            Sort::PriceAscending => rank::price_ascending(self.price.first(product).unwrap_or(0)),
            Sort::PriceDescending => rank::price_descending(self.price.first(product).unwrap_or(0)),
            Sort::Newest => rank::ordered(self.created.first(product).unwrap_or(i64::MIN)),
            Sort::Rating => rank::rating(
                self.rating.first(product),
                self.reviews.first(product).unwrap_or(0),
            ),
        }
    }
}

impl<'a> SegmentPage<'a> {
    pub(super) fn new(query: &'a SearchQuery, columns: Arc<SegmentColumns>) -> Self {
        let beyond = query.beyond;
        let counts = query.facets.as_ref();
        Self {
            categories: columns.categories.chosen(&query.filters.categories),
            brands: columns.brands.chosen(&query.filters.brands),
            beyond: beyond.map(|beyond| place(query.direction, beyond.rank, beyond.id.as_u128())),
            counts: counts.map(|request| SegmentCounts::new(request, &columns)),
            page: BinaryHeap::new(),
            personal: Personal::of(query),
            total: 0,
            best: 0.0,
            query,
            columns,
        }
    }

    /// Adds a product that matches the text with this score.
    pub(super) fn add(&mut self, product: DocId, score: f32) {
        let wanted = self.query.filters.in_stock;
        if wanted.is_some_and(|wanted| self.columns.is_in_stock(product) != wanted) {
            return;
        }
        let values = self.columns.values(product);
        let excluded = self.excluded(values);
        if let Some(counts) = &mut self.counts
            && excluded.is_counted()
        {
            counts.add(values, excluded);
        }
        if !excluded.is_none() {
            return;
        }
        self.total += 1;
        let score = score * (1.0 + POPULARITY_SHARE * self.columns.popularity(product));
        let (score, similarity) = match &self.personal {
            None => (score, None),
            Some(personal) if self.is_out_of_reach(personal, score) => return,
            Some(personal) => {
                let similarity = personal.similarity(&self.columns.vector, product);
                (personal.score(score, similarity), Some(similarity))
            }
        };
        self.best = self.best.max(score);
        let rank = self.columns.rank(self.query.sort, product, score);
        let is_full = self.page.len() >= self.query.limit;
        let (rank, _) = place(self.query.direction, rank, 0);
        let last = self.page.peek();
        if is_full && last.is_none_or(|Reverse((last, _))| rank < last.0) {
            return;
        }
        let (_, id) = place(self.query.direction, 0, self.columns.id(product));
        let place = (rank, id);
        if self.beyond.is_some_and(|beyond| place >= beyond) {
            return;
        }
        let scored = (score.to_bits(), similarity.map(f32::to_bits));
        self.page.push(Reverse((place, scored)));
        if self.page.len() > self.query.limit {
            self.page.pop();
        }
    }

    /// Whether a product with this score of its text is not on the page, and not the best, whatever its similarity: then
    /// its vector need not be read.
    fn is_out_of_reach(&self, personal: &Personal, score: f32) -> bool {
        let at_most = personal.at_most(score);
        let most_favorable = match self.query.direction {
            Direction::Forward => at_most,
            Direction::Backward => score,
        };
        let (first, _) = place(self.query.direction, rank::relevance(most_favorable), 0);
        let last = self.page.peek();
        self.page.len() >= self.query.limit
            && at_most <= self.best
            && last.is_none_or(|Reverse((last, _))| first < last.0)
    }

    fn excluded(&self, values: Values) -> Excluded {
        let among = |chosen: &Option<Vec<bool>>, number: Option<u64>| {
            let Some(chosen) = chosen else { return true };
            let number = number.and_then(|number| usize::try_from(number).ok());
            number.and_then(|number| chosen.get(number)) == Some(&true)
        };
        let rated = |min| values.rating.is_some_and(|rating| rating >= min);
        let filters = &self.query.filters;
        Excluded::by([
            (Excluded::CATEGORY, among(&self.categories, values.category)),
            (Excluded::BRAND, among(&self.brands, values.brand)),
            (Excluded::PRICE, filters.price.contains(values.price)),
            (Excluded::RATING, filters.min_rating.is_none_or(rated)),
        ])
    }

    pub(super) fn found(self) -> Found {
        let counts = self.counts.map(|counts| counts.named(&self.columns));
        Found {
            page: self
                .page
                .into_iter()
                .map(|Reverse(result)| result)
                .collect(),
            total: self.total,
            best: self.best,
            counts: counts.unwrap_or_default(),
        }
    }
}

impl Found {
    /// Together with what was found in another segment.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.page.extend(other.page);
        self.total += other.total;
        self.best = self.best.max(other.best);
        self.counts.add(other.counts);
        self
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The page in its order, and the facets.
    pub(super) fn finish(mut self, query: &SearchQuery) -> (Vec<Hit>, Option<Facets>) {
        self.page.sort_unstable_by_key(|result| Reverse(*result));
        self.page.truncate(query.limit);
        let hit = |((rank, id), (score, similarity)): PageEntry| {
            // Applied a second time, it gives the original.
            let (rank, id) = place(query.direction, rank, id);
            Hit {
                position: Position {
                    sort: query.sort,
                    rank,
                    id: Uuid::from_u128(id),
                },
                score: f32::from_bits(score) / self.best,
                similarity: similarity.map(f32::from_bits),
            }
        };
        let facets = query.facets.as_ref();
        (
            self.page.into_iter().map(hit).collect(),
            facets.map(|request| self.counts.facets(request)),
        )
    }
}

fn place(direction: Direction, rank: u64, id: u128) -> Place {
    match direction {
        Direction::Forward => (rank, !id),
        Direction::Backward => (!rank, id),
    }
}
