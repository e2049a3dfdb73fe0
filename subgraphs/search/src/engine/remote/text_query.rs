//! Turns a customer's words into a query of the cluster that finds and counts what the embedded engine does.

use serde_json::{Value, json};

use super::generation::Generation;
use crate::engine::relevance::{
    COVERAGE, Match, POPULARITY_SHARE, SUGGESTED_START, TITLE_START, WHOLE_TITLE,
};
use crate::rules::parsed_query::{Matching, ParsedQuery, QueryWord};

/// How many words of the index one similar word may stand for.
const EXPANSIONS: u32 = 500;

/// Longest prefix that is compared: clusters take no longer ones, and titles have at most 255 characters.
const PREFIX_BYTES: usize = 900;

/// Products that match enough of the words, weighted by popularity.
pub(super) fn search(text: &str, matching: Matching, index: &Generation) -> Value {
    if text.trim().is_empty() {
        return by_popularity(json!({ "match_all": {} }));
    }
    let parsed = ParsedQuery::new(text, &index.analysis);
    if parsed.words.is_empty() {
        return json!({ "match_none": {} });
    }
    let words = parsed.words.iter();
    let clauses: Vec<_> = words.map(|word| any_place(word, index)).collect();
    let required = matching.required(clauses.len());
    let matched = json!({ "bool": { "should": clauses, "minimum_should_match": required } });
    #[expect(clippy::cast_precision_loss, reason = "queries have at most 16 words")]
    let words = parsed.words.len() as f32;
    let whole = &parsed.whole;
    by_popularity(json!({ "bool": {
        "must": [by_coverage(matched, words)],
        "should": [
            constant(starts_with("whole_title", whole), TITLE_START * words),
            constant(term("whole_title", whole), WHOLE_TITLE * words),
        ],
    }}))
}

/// Products whose titles contain all the words, the last of which may be a prefix, weighted by popularity.
pub(super) fn suggest(prefix: &str, index: &Generation) -> Value {
    let parsed = ParsedQuery::new(prefix, &index.analysis);
    let Some((last, finished)) = parsed.words.split_last() else {
        return by_popularity(json!({ "match_all": {} }));
    };
    let mut clauses: Vec<_> = finished
        .iter()
        .map(|word| term("title", &word.stem))
        .collect();
    clauses.push(any([
        term("title", &last.stem),
        starts_with("title_words", &last.typed),
    ]));
    let mut starts = vec![starts_with("whole_title", &parsed.whole)];
    if let Some(finished) = parsed.whole.strip_suffix(&last.stem) {
        // What is typed may be the start of a form with another stem.
        let unfinished = format!("{finished}{}", last.typed);
        starts.push(starts_with("whole_title", &unfinished));
    }
    by_popularity(json!({ "bool": {
        "must": [constant(json!({ "bool": { "filter": clauses } }), 1.0)],
        "should": [constant(any(starts), SUGGESTED_START)],
    }}))
}

/// Weights scores by popularity.
fn by_popularity(query: Value) -> Value {
    json!({ "function_score": {
        "query": query,
        "functions": [
            { "weight": 1 },
            {
                "field_value_factor": { "field": "popularity", "factor": 0.001, "missing": 0 },
                "weight": POPULARITY_SHARE,
            },
        ],
        "score_mode": "sum",
        "boost_mode": "multiply",
    }})
}

/// Weights scores by the share of the title's words that the query has at most.
fn by_coverage(query: Value, words: f32) -> Value {
    json!({ "function_score": {
        "query": query,
        "functions": [
            { "weight": 1 },
            {
                "field_value_factor": {
                    "field": "title_length",
                    "factor": 1.0 / words,
                    "modifier": "reciprocal",
                    "missing": 1,
                },
                "weight": COVERAGE,
            },
        ],
        "score_mode": "sum",
        "boost_mode": "multiply",
        "max_boost": 1.0 + COVERAGE,
    }})
}

/// Products that have the word, for its best match.
fn any_place(word: &QueryWord, index: &Generation) -> Value {
    let weight = index.weights.of(&word.stem);
    let mut places = Vec::new();
    let mut add = |matched: Match, filter| places.push(constant(filter, matched.worth() * weight));
    add(Match::Title, term("title", &word.stem));
    add(Match::Brand, term("brand", &word.stem));
    add(Match::Category, term("category", &word.stem));
    add(Match::Description, term("description", &word.stem));
    for joined in &word.joined {
        add(
            Match::Joined,
            any([term("title", joined), term("brand", joined)]),
        );
    }
    for synonym in &word.synonyms {
        match &synonym[..] {
            [synonym] => {
                add(Match::SynonymInTitle, term("title", synonym));
                add(Match::SynonymInCategory, term("category", synonym));
                add(Match::SynonymInDescription, term("description", synonym));
            }
            phrase => {
                let stems = phrase
                    .iter()
                    .map(|stem| any(["title", "brand", "category"].map(|field| term(field, stem))));
                let stems: Vec<_> = stems.collect();
                add(Match::Phrase, json!({ "bool": { "filter": stems } }));
            }
        }
    }
    add(Match::Prefix, starts_with("title_words", &word.typed));
    for (field, one, two) in [
        ("title", Match::TitleTypo, Match::TitleTypos),
        ("brand", Match::BrandTypo, Match::BrandTypos),
        ("category", Match::CategoryTypo, Match::CategoryTypos),
    ] {
        for (distance, matched) in [(1, one), (2, two)] {
            if distance <= word.typos {
                add(matched, resembles(field, &word.stem, distance));
            }
        }
    }
    json!({ "dis_max": { "queries": places } })
}

fn term(field: &str, text: &str) -> Value {
    json!({ "term": { field: text } })
}

fn starts_with(field: &str, text: &str) -> Value {
    let text = &text[..text.floor_char_boundary(PREFIX_BYTES)];
    json!({ "prefix": { field: { "value": text } } })
}

fn resembles(field: &str, text: &str, distance: u8) -> Value {
    json!({ "fuzzy": { field: {
        "value": text,
        "fuzziness": distance,
        "max_expansions": EXPANSIONS,
        "transpositions": true,
    }}})
}

fn any(queries: impl IntoIterator<Item = Value>) -> Value {
    let queries: Vec<_> = queries.into_iter().collect();
    json!({ "bool": { "should": queries } })
}

fn constant(filter: Value, worth: f32) -> Value {
    json!({ "constant_score": { "filter": filter, "boost": worth } })
}
