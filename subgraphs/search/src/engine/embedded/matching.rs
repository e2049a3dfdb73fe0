//! Finds the products of a segment that match the words of a query, and how well.
//!
//! Each word counts once, for its best match. What a match counts depends on the product and on numbers that are fixed when
//! the index is built, not on other products, so that positions in the results stay valid while the index changes.

use std::ops::Range;

use tantivy::columnar::Column;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::query::{BitSetDocSet, DfaWrapper, FuzzyTermQuery};
use tantivy::{BitSet, DocId, DocSet, SegmentReader, TERMINATED, Term};

use super::columns::SegmentColumns;
use super::fields::Fields;
use super::terms::Terms;
use crate::engine::relevance::{COVERAGE, SUGGESTED_START, TITLE_START, WHOLE_TITLE, WORTH};
use crate::engine::word_weights::WordWeights;
use crate::rules::parsed_query::{Matching, ParsedQuery, QueryWord};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Products that match enough words anywhere.
    Search(Matching),
    /// Products whose titles have all words, the last of which may be unfinished.
    Suggest,
}

/// A query prepared for all segments.
pub(super) struct Matcher<'a> {
    query: &'a ParsedQuery,
    purpose: Purpose,
    fields: &'a Fields,
    /// For each word, what it counts.
    weights: Vec<f32>,
    /// For each word, what accepts similar ones.
    similar: Vec<Option<DfaWrapper>>,
}

/// How a title as a whole relates to the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TitleMatch {
    None,
    Start,
    Whole,
}

/// The titles of a segment that start with the query, or equal it, by number.
struct Titles {
    of_product: Option<Column<u64>>,
    starting: Vec<Range<u64>>,
    equal: Option<u64>,
}

/// The products of a segment that match.
pub(super) struct Matches<'a> {
    matcher: &'a Matcher<'a>,
    /// For each word, the best match of each product.
    best: Vec<Vec<u8>>,
    /// Products that match any word.
    any: BitSet,
    titles: Titles,
    title_lengths: FieldNormReader,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(
        query: &'a ParsedQuery,
        purpose: Purpose,
        fields: &'a Fields,
        weights: &WordWeights,
    ) -> tantivy::Result<Self> {
        let similar = |word: &QueryWord| {
            let wanted = word.typos > 0 && matches!(purpose, Purpose::Search(_));
            let term = Term::from_field_text(fields.title, &word.stem);
            let similar = || FuzzyTermQuery::new(term, word.typos, true).automaton();
            wanted.then(similar).transpose()
        };
        let words = query.words.iter();
        Ok(Self {
            weights: words.clone().map(|word| weights.of(&word.stem)).collect(),
            similar: words.map(similar).collect::<tantivy::Result<_>>()?,
            query,
            purpose,
            fields,
        })
    }

    /// The matches of one segment, deleted products included.
    pub(super) fn matches(
        &'a self,
        segment: &SegmentReader,
        columns: &SegmentColumns,
    ) -> tantivy::Result<Matches<'a>> {
        let size = segment.max_doc();
        let mut any = BitSet::with_max_value(size);
        let terms = Terms::open(segment, self.fields)?;
        let mut best = Vec::with_capacity(self.query.words.len());
        for (at, word) in self.query.words.iter().enumerate() {
            let mut found = match self.purpose {
                Purpose::Search(_) => terms.matches(word, self.similar[at].as_ref(), size)?,
                Purpose::Suggest => {
                    let is_last = at + 1 == self.query.words.len();
                    terms.suggested(word, is_last)?
                }
            };
            // The best match is written last.
            found.sort_by_key(|(matched, _)| *matched);
            let mut of_word = vec![0; size as usize];
            for (matched, products) in found {
                products.each(|product| {
                    of_word[product as usize] = matched as u8;
                    any.insert(product);
                })?;
            }
            best.push(of_word);
        }
        Ok(Matches {
            matcher: self,
            best,
            any,
            titles: self.titles(columns)?,
            title_lengths: segment.get_fieldnorms_reader(self.fields.title)?,
        })
    }

    fn titles(&self, columns: &SegmentColumns) -> tantivy::Result<Titles> {
        let whole = &self.query.whole;
        let mut starting = vec![columns.titles_starting_with(whole)?];
        if self.purpose == Purpose::Suggest
            && let Some(last) = self.query.words.last()
            && let Some(finished) = whole.strip_suffix(&last.stem)
        {
            // What is typed may be the start of a form with another stem.
            let unfinished = format!("{finished}{}", last.typed);
            starting.push(columns.titles_starting_with(&unfinished)?);
        }
        Ok(Titles {
            of_product: columns.title.as_ref().map(|titles| titles.ords().clone()),
            starting,
            equal: columns.title(whole)?,
        })
    }

    fn score(&self, best: impl Iterator<Item = u8>, title: TitleMatch, title_length: u32) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "queries have at most 16 words")]
        let words = self.query.words.len() as f32;
        if self.purpose == Purpose::Suggest {
            return match title {
                TitleMatch::None => 1.0,
                TitleMatch::Start | TitleMatch::Whole => 1.0 + SUGGESTED_START,
            };
        }
        let matched = best.zip(&self.weights);
        let matched: f32 = matched
            .map(|(best, weight)| WORTH[usize::from(best)] * weight)
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "lengths are approximate")]
        let coverage = (words / title_length.max(1) as f32).min(1.0);
        let title = match title {
            TitleMatch::None => 0.0,
            TitleMatch::Start => TITLE_START,
            TitleMatch::Whole => TITLE_START + WHOLE_TITLE,
        };
        matched * (1.0 + COVERAGE * coverage) + title * words
    }
}

impl Titles {
    fn of(&self, product: DocId) -> TitleMatch {
        let title = self
            .of_product
            .as_ref()
            .and_then(|column| column.first(product));
        match title {
            Some(title) if self.equal == Some(title) => TitleMatch::Whole,
            Some(title) if self.starting.iter().any(|range| range.contains(&title)) => {
                TitleMatch::Start
            }
            _ => TitleMatch::None,
        }
    }
}

impl Matches<'_> {
    /// Calls `visit` with each product that matches enough words, and its score.
    pub(super) fn each(self, segment: &SegmentReader, mut visit: impl FnMut(DocId, f32)) {
        let alive = segment.alive_bitset();
        let query = self.matcher.query;
        let required = match self.matcher.purpose {
            Purpose::Search(matching) => matching.required(query.words.len()),
            Purpose::Suggest => query.words.len(),
        };
        let mut any = BitSetDocSet::from(self.any);
        let mut product = any.doc();
        while product != TERMINATED {
            let index = product as usize;
            let best = self.best.iter().map(|of_word| of_word[index]);
            let matched = best.clone().filter(|best| *best > 0).count();
            if matched >= required && alive.is_none_or(|alive| alive.is_alive(product)) {
                let length = self.title_lengths.fieldnorm(product);
                visit(
                    product,
                    self.matcher.score(best, self.titles.of(product), length),
                );
            }
            product = any.advance();
        }
    }
}
