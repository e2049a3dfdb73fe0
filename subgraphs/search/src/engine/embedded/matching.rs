//! Finds the products of a segment that match the words of a query, and how well.
//!
//! Each word counts once, for its best match. What a match counts depends on the product and on numbers that are fixed when
//! the index is built, not on other products, so that positions in the results stay valid while the index changes.

use std::ops::Range;
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::TermInfo;
use tantivy::query::{BitSetDocSet, DfaWrapper, FuzzyTermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{
    BitSet, DocId, DocSet, InvertedIndexReader, SegmentReader, TERMINATED, TantivyError, Term,
};

use super::columns::SegmentColumns;
use super::fields::Fields;
use crate::engine::relevance::{COVERAGE, Match, SUGGESTED_START, TITLE_START, WHOLE_TITLE, WORTH};
use crate::engine::word_weights::WordWeights;
use crate::rules::parsed_query::{ParsedQuery, QueryWord};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Products that match most words anywhere.
    Search,
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
            let wanted = word.typos > 0 && purpose == Purpose::Search;
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
                Purpose::Search => terms.matches(word, self.similar[at].as_ref(), size)?,
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
            Purpose::Search => query.required,
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

/// The terms of a segment, by field.
struct Terms {
    fields: Fields,
    title: Arc<InvertedIndexReader>,
    brand: Arc<InvertedIndexReader>,
    category: Arc<InvertedIndexReader>,
    description: Arc<InvertedIndexReader>,
    title_words: Arc<InvertedIndexReader>,
}

/// Products that have a term, or a list of products.
enum Products {
    WithTerm(Arc<InvertedIndexReader>, TermInfo),
    These(BitSet),
}

type Found = Vec<(Match, Products)>;

impl Terms {
    fn open(segment: &SegmentReader, fields: &Fields) -> tantivy::Result<Self> {
        Ok(Self {
            fields: *fields,
            title: segment.inverted_index(fields.title)?,
            brand: segment.inverted_index(fields.brand)?,
            category: segment.inverted_index(fields.category)?,
            description: segment.inverted_index(fields.description)?,
            title_words: segment.inverted_index(fields.title_words)?,
        })
    }

    fn matches(
        &self,
        word: &QueryWord,
        similar: Option<&DfaWrapper>,
        size: u32,
    ) -> tantivy::Result<Found> {
        let mut found = Vec::new();
        let Fields {
            title,
            brand,
            category,
            description,
            ..
        } = self.fields;
        let mut add = |matched, index: &Arc<InvertedIndexReader>, field, stem: &str| {
            let products = postings(index, field, stem)?;
            found.extend(products.map(|products| (matched, products)));
            Ok::<_, TantivyError>(())
        };
        add(Match::Title, &self.title, title, &word.stem)?;
        add(Match::Brand, &self.brand, brand, &word.stem)?;
        add(Match::Category, &self.category, category, &word.stem)?;
        add(
            Match::Description,
            &self.description,
            description,
            &word.stem,
        )?;
        for joined in &word.joined {
            add(Match::Joined, &self.title, title, joined)?;
            add(Match::Brand, &self.brand, brand, joined)?;
        }
        for synonym in &word.synonyms {
            if let [synonym] = &synonym[..] {
                add(Match::SynonymInTitle, &self.title, title, synonym)?;
                add(Match::SynonymInCategory, &self.category, category, synonym)?;
                let (index, field) = (&self.description, description);
                add(Match::SynonymInDescription, index, field, synonym)?;
            }
        }
        for phrase in word.synonyms.iter().filter(|synonym| synonym.len() > 1) {
            found.push((Match::Phrase, self.with_all(phrase, size)?));
        }
        let begins = starting_with(&self.title_words, &word.typed)?;
        found.extend(begins.into_iter().map(|products| (Match::Prefix, products)));
        if let Some(similar) = similar {
            for (index, one, two) in [
                (&self.title, Match::TitleTypo, Match::TitleTypos),
                (&self.brand, Match::BrandTypo, Match::BrandTypos),
                (&self.category, Match::CategoryTypo, Match::CategoryTypos),
            ] {
                found.extend(resembling(index, similar, &word.stem, one, two)?);
            }
        }
        Ok(found)
    }

    fn suggested(&self, word: &QueryWord, is_last: bool) -> tantivy::Result<Found> {
        let exact = postings(&self.title, self.fields.title, &word.stem)?;
        let mut found: Found = exact
            .into_iter()
            .map(|exact| (Match::Title, exact))
            .collect();
        if is_last {
            let begins = starting_with(&self.title_words, &word.typed)?;
            found.extend(begins.into_iter().map(|products| (Match::Prefix, products)));
        }
        Ok(found)
    }

    /// Products that have each of these stems in title, brand or category.
    fn with_all(&self, stems: &[String], size: u32) -> tantivy::Result<Products> {
        let mut all: Option<BitSet> = None;
        for stem in stems {
            let mut having = BitSet::with_max_value(size);
            for (index, field) in [
                (&self.title, self.fields.title),
                (&self.brand, self.fields.brand),
                (&self.category, self.fields.category),
            ] {
                if let Some(products) = postings(index, field, stem)? {
                    products.each(|product| {
                        if all.as_ref().is_none_or(|all| all.contains(product)) {
                            having.insert(product);
                        }
                    })?;
                }
            }
            all = Some(having);
        }
        Ok(Products::These(
            all.unwrap_or_else(|| BitSet::with_max_value(size)),
        ))
    }
}

impl Products {
    fn each(self, mut visit: impl FnMut(DocId)) -> tantivy::Result<()> {
        match self {
            Self::WithTerm(index, term) => {
                let mut blocks =
                    index.read_block_postings_from_terminfo(&term, IndexRecordOption::Basic)?;
                while !blocks.docs().is_empty() {
                    blocks.docs().iter().copied().for_each(&mut visit);
                    blocks.advance();
                }
            }
            Self::These(products) => {
                let mut products = BitSetDocSet::from(products);
                while products.doc() != TERMINATED {
                    visit(products.doc());
                    products.advance();
                }
            }
        }
        Ok(())
    }
}

fn postings(
    index: &Arc<InvertedIndexReader>,
    field: Field,
    text: &str,
) -> tantivy::Result<Option<Products>> {
    let term = index.get_term_info(&Term::from_field_text(field, text))?;
    Ok(term.map(|term| Products::WithTerm(index.clone(), term)))
}

/// Products with a term that starts with the text.
fn starting_with(index: &Arc<InvertedIndexReader>, text: &str) -> tantivy::Result<Vec<Products>> {
    let mut found = Vec::new();
    // No text contains this byte, so it sorts after every continuation.
    let end = [text.as_bytes(), &[0xFF]].concat();
    let range = index.terms().range().ge(text.as_bytes()).lt(end);
    let mut terms = range.into_stream()?;
    while terms.advance() {
        found.push(Products::WithTerm(index.clone(), terms.value().clone()));
    }
    Ok(found)
}

/// Products with a term that differs from the stem by one letter, or by two.
fn resembling(
    index: &Arc<InvertedIndexReader>,
    similar: &DfaWrapper,
    stem: &str,
    one: Match,
    two: Match,
) -> tantivy::Result<Found> {
    let mut found = Vec::new();
    let mut terms = index.terms().search(similar).into_stream()?;
    while terms.advance() {
        let text = String::from_utf8_lossy(terms.key());
        let matched = match strsim::osa_distance(&text, stem) {
            0 => continue,
            1 => one,
            _ => two,
        };
        found.push((
            matched,
            Products::WithTerm(index.clone(), terms.value().clone()),
        ));
    }
    Ok(found)
}
