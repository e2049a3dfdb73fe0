//! Turns a customer's words into a query over the index, weighted by where each word matches.
//!
//! Each word counts once, for its best match. A match scores at least its field's weight, and more the rarer the word;
//! so a word as typed always beats a fuzzy match, whatever the index contains.

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery,
    FuzzyTermQuery, Occur, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::fields::Fields;
use crate::rules::text::{Word, allowed_typos, normalized, query_words};

const TITLE: f32 = 4.0;
const BRAND: f32 = 3.0;
const CATEGORY: f32 = 2.0;
const DESCRIPTION: f32 = 1.0;
/// The word is a prefix of a word in the title.
const TITLE_PREFIX: f32 = 2.0;
/// A fuzzy match: weighted below a match in the description.
const TYPO: f32 = 0.9;
const TYPOS: f32 = 0.6;
/// The fraction of that for a fuzzy match in title, brand and category.
const TYPO_PLACES: [f32; 3] = [1.0, 0.8, 0.6];
/// The title equals the query; per word.
const WHOLE_TITLE: f32 = 10.0;
/// The title equals the query except for typos; per word.
const WHOLE_TITLE_TYPO: f32 = 1.0;
/// The title starts with the query; per word.
const WHOLE_TITLE_PREFIX: f32 = 2.0;
/// A suggested title starts with the typed text.
const BEGINS_SO: f32 = 10.0;

/// Products that match most of the words: all of two, three quarters of more.
pub(super) fn search(text: &str, fields: &Fields) -> Box<dyn Query> {
    if text.trim().is_empty() {
        return Box::new(AllQuery);
    }
    let words = query_words(text);
    if words.is_empty() {
        return Box::new(EmptyQuery);
    }
    let required = match words.len() {
        few @ ..=2 => few,
        many => many * 3 / 4,
    };
    let clauses = words
        .iter()
        .map(|word| (Occur::Should, any_place(word, fields)))
        .collect();
    let met = BooleanQuery::with_minimum_required_clauses(clauses, required);
    let whole = whole_title(text, words.len(), fields);
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, Box::new(met))];
    clauses.extend(whole.into_iter().map(|query| (Occur::Should, query)));
    Box::new(BooleanQuery::new(clauses))
}

/// Products whose titles contain all the words, the last of which may be a prefix.
pub(super) fn suggest(prefix: &str, fields: &Fields) -> Box<dyn Query> {
    let words = query_words(prefix);
    let Some((last, finished)) = words.split_last() else {
        return Box::new(AllQuery);
    };
    let title = |word: &Word| term(fields.title, &word.singular);
    let unfinished = BooleanQuery::union(vec![
        title(last),
        starts_with(fields.title, &last.typed, 1.0),
    ]);
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = vec![(Occur::Must, Box::new(unfinished))];
    clauses.extend(finished.iter().map(|word| (Occur::Must, title(word))));
    // Word scores do not matter here: titles that start with the text come first, then popular ones.
    let met = ConstScoreQuery::new(Box::new(BooleanQuery::new(clauses)), 1.0);
    let begins = DisjunctionMaxQuery::new(vec![
        starts_with(fields.whole_title, &normalized(prefix), BEGINS_SO),
        starts_with(fields.whole_title, &typed(finished, last), BEGINS_SO),
    ]);
    Box::new(BooleanQuery::new(vec![
        (Occur::Must, Box::new(met) as Box<dyn Query>),
        (Occur::Should, Box::new(begins)),
    ]))
}

fn any_place(word: &Word, fields: &Fields) -> Box<dyn Query> {
    let exact = [
        (fields.title, TITLE),
        (fields.brand, BRAND),
        (fields.category, CATEGORY),
        (fields.description, DESCRIPTION),
    ];
    let mut places: Vec<Box<dyn Query>> = exact
        .into_iter()
        .map(|(field, weight)| worth_at_least(term(field, &word.singular), weight))
        .collect();
    places.push(starts_with(fields.title, &word.typed, TITLE_PREFIX));
    let typos = allowed_typos(&word.singular);
    for (distance, worth) in [(1, TYPO), (2, TYPOS)] {
        if distance > typos {
            continue;
        }
        for (field, share) in [fields.title, fields.brand, fields.category]
            .into_iter()
            .zip(TYPO_PLACES)
        {
            let term = Term::from_field_text(field, &word.singular);
            let fuzzy = FuzzyTermQuery::new(term, distance, true);
            places.push(Box::new(ConstScoreQuery::new(
                Box::new(fuzzy),
                worth * share,
            )));
        }
    }
    Box::new(DisjunctionMaxQuery::new(places))
}

fn whole_title(text: &str, words: usize, fields: &Fields) -> Vec<Box<dyn Query>> {
    #[expect(clippy::cast_precision_loss, reason = "queries have at most 16 words")]
    let words = words as f32;
    let text = normalized(text);
    let mut queries = vec![
        Box::new(ConstScoreQuery::new(
            term(fields.whole_title, &text),
            WHOLE_TITLE * words,
        )) as Box<dyn Query>,
        starts_with(fields.whole_title, &text, WHOLE_TITLE_PREFIX * words),
    ];
    let typos = allowed_typos(&text);
    if typos > 0 {
        let term = Term::from_field_text(fields.whole_title, &text);
        let fuzzy = FuzzyTermQuery::new(term, typos, true);
        queries.push(Box::new(ConstScoreQuery::new(
            Box::new(fuzzy),
            WHOLE_TITLE_TYPO * words,
        )));
    }
    queries
}

/// The start of a title that continues the unfinished word.
fn typed(finished: &[Word], last: &Word) -> String {
    let mut text = String::new();
    for word in finished {
        text.push_str(&word.singular);
        text.push(' ');
    }
    text.push_str(&last.typed);
    text
}

fn term(field: Field, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(
        Term::from_field_text(field, text),
        IndexRecordOption::WithFreqs,
    ))
}

fn starts_with(field: Field, text: &str, worth: f32) -> Box<dyn Query> {
    let prefix = FuzzyTermQuery::new_prefix(Term::from_field_text(field, text), 0, true);
    Box::new(ConstScoreQuery::new(Box::new(prefix), worth))
}

/// Weight × (1 + the word's score).
fn worth_at_least(query: Box<dyn Query>, weight: f32) -> Box<dyn Query> {
    let floor = ConstScoreQuery::new(query.box_clone(), 1.0);
    let sum = BooleanQuery::new(vec![(Occur::Must, query), (Occur::Must, Box::new(floor))]);
    Box::new(BoostQuery::new(Box::new(sum), weight))
}
