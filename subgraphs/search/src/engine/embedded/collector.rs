//! Visits every product that matches the words: filters, counts facets, and keeps one page.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};
use uuid::Uuid;

use super::fields;
use crate::engine::{
    Bucket, Facet, Filters, Hit, MAX_BUCKETS, PRICE_BUCKETS, Position, RATING_BUCKETS, SearchHits,
    Sort,
};

/// The weight of popularity relative to relevance: 3 % for each factor of ten, so that it decides between equal matches
/// and never beats a better one.
const POPULARITY_SHARE: f32 = 0.03;

/// Collects one page after a position, with everything counted over all pages.
pub(super) struct PageCollector {
    pub filters: Filters,
    pub sort: Sort,
    pub limit: usize,
    pub after: Option<Position>,
    /// Whether the facets are needed.
    pub facets: bool,
}

/// The position of a result: higher is earlier. Ids are reversed, so that the lowest comes first.
type Place = (u64, Reverse<u128>);

/// The result for one segment of the index.
#[derive(Default)]
pub(super) struct Found {
    page: BinaryHeap<Reverse<(Place, u32)>>,
    total: u64,
    best: f32,
    categories: HashMap<String, u64>,
    brands: HashMap<String, u64>,
    prices: [u64; PRICE_BUCKETS.len()],
    ratings: [u64; RATING_BUCKETS.len()],
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
    after: Option<Place>,
    facets: bool,
    category_counts: Vec<u64>,
    brand_counts: Vec<u64>,
    found: Found,
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
        let values = |column: &Option<StrColumn>| {
            column
                .as_ref()
                .map_or(0, |column| column.dictionary().num_terms())
        };
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
            after: self
                .after
                .map(|after| (after.rank, Reverse(after.id.as_u128()))),
            facets: self.facets,
            category_counts: vec![0; values(&category)],
            brand_counts: vec![0; values(&brand)],
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
            for (into, from) in [
                (&mut all.categories, segment.categories),
                (&mut all.brands, segment.brands),
            ] {
                for (value, count) in from {
                    *into.entry(value).or_default() += count;
                }
            }
            add(&mut all.prices, &segment.prices);
            add(&mut all.ratings, &segment.ratings);
        }
        page.sort_unstable_by_key(|result| Reverse(*result));
        page.truncate(self.limit);
        let hits = page
            .into_iter()
            .map(|((rank, Reverse(id)), score)| Hit {
                position: Position {
                    sort: self.sort,
                    rank,
                    id: Uuid::from_u128(id),
                },
                score: f32::from_bits(score) / all.best,
            })
            .collect();
        let facets = if self.facets {
            vec![
                by_count("category", all.categories),
                by_count("brand", all.brands),
                prices(all.prices),
                ratings(all.ratings),
            ]
        } else {
            Vec::new()
        };
        Ok(SearchHits {
            hits,
            total: all.total,
            facets,
        })
    }
}

impl SegmentCollector for SegmentPage {
    type Fruit = tantivy::Result<Found>;

    fn collect(&mut self, doc: DocId, score: Score) {
        let category = number(self.category.as_ref(), doc);
        let brand = number(self.brand.as_ref(), doc);
        let price = self.price.first(doc).unwrap_or(0);
        let rating = self.rating.first(doc);
        if !self.passes(doc, category, brand, price, rating) {
            return;
        }
        self.found.total += 1;
        if self.facets {
            for (counts, value) in [
                (&mut self.category_counts, category),
                (&mut self.brand_counts, brand),
            ] {
                if let Some(count) =
                    value.and_then(|value| counts.get_mut(usize::try_from(value).ok()?))
                {
                    *count += 1;
                }
            }
            let bucket = PRICE_BUCKETS.partition_point(|&from| from <= price);
            self.found.prices[bucket.saturating_sub(1)] += 1;
            for (count, from) in self.found.ratings.iter_mut().zip(RATING_BUCKETS) {
                *count += u64::from(rating.is_some_and(|rating| rating >= f64::from(from)));
            }
        }

        let score = score * (1.0 + POPULARITY_SHARE * self.popularity(doc));
        self.found.best = self.found.best.max(score);
        let rank = self.rank(doc, score, price, rating);
        let page = &mut self.found.page;
        let full = page.len() >= self.limit;
        if full && page.peek().is_none_or(|Reverse(last)| rank < last.0.0) {
            return;
        }
        let place = (rank, Reverse(self.id(doc)));
        if self.after.is_some_and(|after| place >= after) {
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
        found.categories = named(self.category.as_ref(), &self.category_counts)?;
        found.brands = named(self.brand.as_ref(), &self.brand_counts)?;
        Ok(found)
    }
}

impl SegmentPage {
    fn passes(
        &self,
        doc: DocId,
        category: Option<u64>,
        brand: Option<u64>,
        price: i64,
        rating: Option<f64>,
    ) -> bool {
        let among = |allowed: &Option<HashSet<u64>>, value: Option<u64>| {
            allowed
                .as_ref()
                .is_none_or(|allowed| value.is_some_and(|value| allowed.contains(&value)))
        };
        let filters = &self.filters;
        among(&self.categories, category)
            && among(&self.brands, brand)
            && filters.price.contains(price)
            && filters
                .min_rating
                .is_none_or(|min| rating.is_some_and(|rating| rating >= min))
            && filters.in_stock.is_none_or(|wanted| {
                let in_stock = self
                    .available
                    .first(doc)
                    .is_some_and(|quantity| quantity > 0);
                in_stock == wanted
            })
    }

    /// The decimal logarithm of popularity.
    fn popularity(&self, doc: DocId) -> f32 {
        let popularity = self.popularity.first(doc).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "only its logarithm matters")]
        let popularity = popularity as f32;
        (1.0 + popularity).log10()
    }

    fn rank(&self, doc: DocId, score: f32, price: i64, rating: Option<f64>) -> u64 {
        match self.sort {
            // The bit patterns of positive floats sort like the floats.
            Sort::Relevance => score.max(0.0).to_bits().into(),
            Sort::PriceAscending => u64::MAX - ordered(price),
            Sort::PriceDescending => ordered(price),
            Sort::Newest => ordered(self.created.first(doc).unwrap_or(i64::MIN)),
            Sort::Rating => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "ratings are from 1 to 5"
                )]
                let thousandths = (rating.unwrap_or(0.0).clamp(0.0, 5.0) * 1_000.0) as u64;
                let reviews = self.reviews.first(doc).unwrap_or(0);
                (thousandths << 32) | reviews.min(u32::MAX.into())
            }
        }
    }

    fn id(&self, doc: DocId) -> u128 {
        let half = |column: &Column<u64>| u128::from(column.first(doc).unwrap_or(0));
        half(&self.id.0) << 64 | half(&self.id.1)
    }
}

/// Maps a signed number to an unsigned one with the same order.
fn ordered(number: i64) -> u64 {
    number.cast_unsigned() ^ (1 << 63)
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

/// Counts by value, where there are any.
fn named(column: Option<&StrColumn>, counts: &[u64]) -> tantivy::Result<HashMap<String, u64>> {
    let mut named = HashMap::new();
    if let Some(column) = column {
        for (number, &count) in (0_u64..).zip(counts).filter(|(_, count)| **count > 0) {
            let mut value = String::new();
            column.ord_to_str(number, &mut value)?;
            named.insert(value, count);
        }
    }
    Ok(named)
}

fn add<const N: usize>(into: &mut [u64; N], from: &[u64; N]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into += from;
    }
}

/// The largest buckets first, equal ones by name.
fn by_count(name: &'static str, counts: HashMap<String, u64>) -> Facet {
    let mut buckets: Vec<_> = counts
        .into_iter()
        .map(|(value, count)| Bucket { value, count })
        .collect();
    buckets.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    buckets.truncate(MAX_BUCKETS);
    Facet { name, buckets }
}

/// `25.00-49.99`, `1000.00-`: in US dollars, inclusive.
fn prices(counts: [u64; PRICE_BUCKETS.len()]) -> Facet {
    let dollars = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    let buckets = PRICE_BUCKETS
        .iter()
        .enumerate()
        .map(|(position, &from)| {
            let to = PRICE_BUCKETS
                .get(position + 1)
                .map(|next| dollars(next - 1));
            format!("{}-{}", dollars(from), to.unwrap_or_default())
        })
        .zip(counts);
    Facet {
        name: "price",
        buckets: filled(buckets),
    }
}

/// `4`: rated 4 and better.
fn ratings(counts: [u64; RATING_BUCKETS.len()]) -> Facet {
    Facet {
        name: "rating",
        buckets: filled(
            RATING_BUCKETS
                .map(|from| from.to_string())
                .into_iter()
                .zip(counts),
        ),
    }
}

fn filled(buckets: impl Iterator<Item = (String, u64)>) -> Vec<Bucket> {
    buckets
        .filter(|(_, count)| *count > 0)
        .map(|(value, count)| Bucket { value, count })
        .collect()
}
