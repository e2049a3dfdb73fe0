//! The terms of a segment, and the products that have them.

use std::sync::Arc;

use tantivy::postings::TermInfo;
use tantivy::query::{BitSetDocSet, DfaWrapper};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{
    BitSet, DocId, DocSet, InvertedIndexReader, SegmentReader, TERMINATED, TantivyError, Term,
};

use super::fields::Fields;
use crate::engine::relevance::Match;
use crate::rules::parsed_query::QueryWord;

/// The terms of a segment, by field.
pub(super) struct Terms {
    fields: Fields,
    title: Arc<InvertedIndexReader>,
    brand: Arc<InvertedIndexReader>,
    category: Arc<InvertedIndexReader>,
    description: Arc<InvertedIndexReader>,
    title_words: Arc<InvertedIndexReader>,
}

/// Products that have a term, or a list of products.
pub(super) enum Products {
    WithTerm(Arc<InvertedIndexReader>, TermInfo),
    These(BitSet),
}

/// Products with how well they match, in any order.
pub(super) type Found = Vec<(Match, Products)>;

impl Terms {
    pub(super) fn open(segment: &SegmentReader, fields: &Fields) -> tantivy::Result<Self> {
        Ok(Self {
            fields: *fields,
            title: segment.inverted_index(fields.title)?,
            brand: segment.inverted_index(fields.brand)?,
            category: segment.inverted_index(fields.category)?,
            description: segment.inverted_index(fields.description)?,
            title_words: segment.inverted_index(fields.title_words)?,
        })
    }

    /// The products that match a word, as well as they do: some of them several times. `size` is that of the segment.
    pub(super) fn matches(
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

    /// The products whose titles have a word.
    pub(super) fn suggested(&self, word: &QueryWord, is_last: bool) -> tantivy::Result<Found> {
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
    pub(super) fn each(self, mut visit: impl FnMut(DocId)) -> tantivy::Result<()> {
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
