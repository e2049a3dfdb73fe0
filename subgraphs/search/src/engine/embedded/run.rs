//! Runs a query over the segments of the index, large ones in parallel.

use tantivy::SegmentReader;

use super::generation::Generation;
use super::matching::{Matcher, Purpose};
use super::page::{Found, SegmentPage};
use crate::engine::{EngineError, SearchHits, SearchQuery};
use crate::rules::parsed_query::ParsedQuery;

/// Segments with fewer products are searched one after another, because a thread costs more.
const PARALLEL: u32 = 50_000;

/// The results of a query.
pub(super) fn run(
    index: &Generation,
    query: &SearchQuery,
    purpose: Purpose,
) -> Result<SearchHits, EngineError> {
    let searcher = index.reader.searcher();
    let parsed = ParsedQuery::new(&query.text, &index.analysis);
    let matcher = Matcher::new(&parsed, purpose, &index.fields, &index.weights)?;
    let matches_all = match purpose {
        Purpose::Search(_) => query.text.trim().is_empty(),
        Purpose::Suggest => parsed.words.is_empty(),
    };
    let search = |segment: &SegmentReader| -> Result<Found, EngineError> {
        let columns = index.columns.of(segment)?;
        let mut page = SegmentPage::new(query, columns.clone());
        if matches_all {
            segment
                .doc_ids_alive()
                .for_each(|product| page.add(product, 1.0));
        } else if !parsed.words.is_empty() {
            matcher
                .matches(segment, &columns)?
                .each(segment, |product, score| page.add(product, score));
        }
        Ok(page.found())
    };
    let (large, small): (Vec<_>, Vec<_>) = searcher
        .segment_readers()
        .iter()
        .partition(|segment| segment.max_doc() >= PARALLEL);
    let found = std::thread::scope(|threads| {
        // This thread searches the first of the large segments and the small ones.
        let (here, elsewhere) = large.split_at(large.len().min(1));
        let elsewhere = elsewhere
            .iter()
            .map(|segment| threads.spawn(|| search(segment)));
        let elsewhere: Vec<_> = elsewhere.collect();
        let mut found = Found::default();
        for segment in here.iter().chain(&small) {
            found = found.and(search(segment)?);
        }
        for thread in elsewhere {
            found = found.and(thread.join().map_err(|_| EngineError::Stopped)??);
        }
        Ok::<_, EngineError>(found)
    })?;
    let total = found.total();
    let (hits, facets) = found.finish(query);
    Ok(SearchHits {
        hits,
        total,
        facets,
        snapshot: None,
        analysis: index.analysis.clone(),
    })
}
