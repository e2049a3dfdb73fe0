//! "Did you mean": finds words of the index that resemble unknown ones.

use std::collections::HashMap;

use tantivy::query::FuzzyTermQuery;
use tantivy::schema::Field;
use tantivy::{Searcher, Term};

use super::generation::Generation;
use crate::rules::parsed_query::{allowed_typos, replace_words};

/// The text with each unknown word replaced by the most similar known one; `None` if nothing is to be replaced.
pub(super) fn correct(index: &Generation, text: &str) -> tantivy::Result<Option<String>> {
    let searcher = index.reader.searcher();
    let mut failure = None;
    let corrected = replace_words(text, &index.analysis, |word| {
        let similar = match is_known(&searcher, index, word) {
            Ok(false) => most_similar(&searcher, index.fields.spelling, word),
            Ok(true) => Ok(None),
            Err(error) => Err(error),
        };
        similar.unwrap_or_else(|error| {
            failure = Some(error);
            None
        })
    });
    failure.map_or(Ok(corrected), Err)
}

fn is_known(searcher: &Searcher, index: &Generation, word: &str) -> tantivy::Result<bool> {
    let Generation {
        fields, analysis, ..
    } = index;
    let stem = analysis.stem(word);
    if analysis.synonyms_at(&[&stem]).next().is_some() {
        return Ok(true);
    }
    for field in [
        fields.title,
        fields.brand,
        fields.category,
        fields.description,
    ] {
        if searcher.doc_freq(&Term::from_field_text(field, &stem))? > 0 {
            return Ok(true);
        }
    }
    Ok(searcher.doc_freq(&Term::from_field_text(fields.spelling, word))? > 0)
}

/// The word with the fewest differences; of several, the one that most products have.
fn most_similar(searcher: &Searcher, field: Field, word: &str) -> tantivy::Result<Option<String>> {
    for distance in 1..=allowed_typos(word) {
        let similar = FuzzyTermQuery::new(Term::from_field_text(field, word), distance, true);
        let mut products: HashMap<String, u64> = HashMap::new();
        for segment in searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            let mut words = index.terms().search(similar.automaton()?).into_stream()?;
            while words.advance() {
                let word = String::from_utf8_lossy(words.key()).into_owned();
                *products.entry(word).or_default() += u64::from(words.value().doc_freq);
            }
        }
        let best = products
            .into_iter()
            .max_by(|(a, frequent), (b, more)| frequent.cmp(more).then_with(|| b.cmp(a)));
        if let Some((best, _)) = best {
            return Ok(Some(best));
        }
    }
    Ok(None)
}
