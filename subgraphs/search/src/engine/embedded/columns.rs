//! The columns of a segment, and the names that they refer to by number. They are opened once for each segment.

use std::collections::HashMap;
use std::io;
use std::ops::{Bound, Range};
use std::sync::Arc;

use parking_lot::Mutex;
use tantivy::columnar::{Column, StrColumn};
use tantivy::index::SegmentId;
use tantivy::{Searcher, SegmentReader};

use super::fields;

/// The names of one column.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_number: Vec<Arc<str>>,
    /// By the name in lower case.
    numbers: HashMap<String, Vec<u64>>,
}

/// What a segment knows of its products besides their words.
pub(super) struct SegmentColumns {
    pub categories: Names,
    pub brands: Names,
    pub id_high: Column<u64>,
    pub id_low: Column<u64>,
    /// By number, if a product has one.
    pub category: Option<Column<u64>>,
    pub brand: Option<Column<u64>>,
    pub price: Column<i64>,
    pub rating: Column<f64>,
    pub reviews: Column<u64>,
    pub available: Column<u64>,
    pub popularity: Column<u64>,
    pub created: Column<i64>,
    /// Packed, several numbers for each product.
    pub vector: Column<u64>,
    /// The titles as stems, by number in their alphabetical order.
    pub title: Option<StrColumn>,
}

/// The columns of the segments that are searched.
#[derive(Default)]
pub(super) struct ColumnCache(Mutex<HashMap<SegmentId, Arc<SegmentColumns>>>);

impl ColumnCache {
    pub(super) fn of(&self, segment: &SegmentReader) -> tantivy::Result<Arc<SegmentColumns>> {
        let id = segment.segment_id();
        if let Some(columns) = self.0.lock().get(&id) {
            return Ok(columns.clone());
        }
        let columns = Arc::new(SegmentColumns::open(segment)?);
        self.0.lock().insert(id, columns.clone());
        Ok(columns)
    }

    /// Forgets segments that are no longer part of the index.
    pub(super) fn retain(&self, searcher: &Searcher) {
        let segments = searcher.segment_readers();
        let is_current =
            |id: &SegmentId| segments.iter().any(|segment| segment.segment_id() == *id);
        self.0.lock().retain(|id, _| is_current(id));
    }
}

impl SegmentColumns {
    fn open(segment: &SegmentReader) -> tantivy::Result<Self> {
        let columns = segment.fast_fields();
        let (category, brand) = (columns.str(fields::CATEGORY)?, columns.str(fields::BRAND)?);
        let numbers = |column: Option<StrColumn>| column.map(|column| column.ords().clone());
        Ok(Self {
            categories: Names::read(category.as_ref())?,
            brands: Names::read(brand.as_ref())?,
            category: numbers(category),
            brand: numbers(brand),
            id_high: columns.u64(fields::ID_HIGH)?,
            id_low: columns.u64(fields::ID_LOW)?,
            price: columns.i64(fields::PRICE)?,
            rating: columns.f64(fields::RATING)?,
            reviews: columns.u64(fields::REVIEWS)?,
            available: columns.u64(fields::AVAILABLE)?,
            popularity: columns.u64(fields::POPULARITY)?,
            created: columns.i64(fields::CREATED)?,
            vector: columns.u64(fields::VECTOR)?,
            title: columns.str(fields::WHOLE_TITLE)?,
        })
    }

    /// The numbers of the titles that start with this text.
    pub(super) fn titles_starting_with(&self, text: &str) -> io::Result<Range<u64>> {
        let Some(titles) = &self.title else {
            return Ok(0..0);
        };
        // No text contains this byte, so it sorts after every continuation.
        let end = [text.as_bytes(), &[0xFF]].concat();
        let bounds = (Bound::Included(text.as_bytes()), Bound::Excluded(&end[..]));
        let (from, to) = titles.dictionary().term_bounds_to_ord(bounds.0, bounds.1)?;
        let all = titles.dictionary().num_terms() as u64;
        let from = match from {
            Bound::Included(from) => from,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let to = match to {
            Bound::Included(last) => last + 1,
            Bound::Excluded(to) => to,
            Bound::Unbounded => all,
        };
        Ok(from..to.min(all))
    }

    /// The number of this title, if a product has it.
    pub(super) fn title(&self, text: &str) -> io::Result<Option<u64>> {
        match &self.title {
            Some(titles) => titles.dictionary().term_ord(text),
            None => Ok(None),
        }
    }
}

impl Names {
    fn read(column: Option<&StrColumn>) -> tantivy::Result<Self> {
        let mut names = Self::default();
        let Some(column) = column else {
            return Ok(names);
        };
        let mut stream = column.dictionary().stream()?;
        while stream.advance() {
            let name = String::from_utf8_lossy(stream.key());
            let number = names.by_number.len() as u64;
            names
                .numbers
                .entry(name.to_lowercase())
                .or_default()
                .push(number);
            names.by_number.push(name.into());
        }
        Ok(names)
    }

    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// For each number whether it is one of these names, in upper or lower case; `None` if no names are given.
    pub(super) fn chosen(&self, names: &[String]) -> Option<Vec<bool>> {
        if names.is_empty() {
            return None;
        }
        let mut chosen = vec![false; self.len()];
        let numbers = names
            .iter()
            .filter_map(|name| self.numbers.get(&name.to_lowercase()));
        for number in numbers
            .flatten()
            .filter_map(|number| usize::try_from(*number).ok())
        {
            chosen[number] = true;
        }
        Some(chosen)
    }

    /// The names whose numbers have a count.
    pub(super) fn counted(&self, counts: &[u64]) -> HashMap<Arc<str>, u64> {
        let named = self.by_number.iter().cloned().zip(counts.iter().copied());
        named.filter(|(_, count)| *count > 0).collect()
    }
}
