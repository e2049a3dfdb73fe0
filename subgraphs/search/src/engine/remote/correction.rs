//! "Did you mean": finds words of the index that resemble unknown ones.

use serde_json::{Value, json};

use crate::rules::analysis::Analysis;
use crate::rules::parsed_query::{allowed_typos, replace_words};

/// How many similar words are considered for each.
const CONSIDERED: u32 = 50;
/// Where a word is known from, as its stem.
const FIELDS: [&str; 4] = ["title", "brand", "category", "description"];

/// The words of a text that have a meaning and no synonyms, each once.
pub(super) fn words(text: &str, analysis: &Analysis) -> Vec<String> {
    let mut words = Vec::new();
    replace_words(text, analysis, |word| {
        let stem = analysis.stem(word);
        let has_synonyms = analysis.synonyms_at(&[&stem]).next().is_some();
        if !has_synonyms && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
        None
    });
    words
}

/// Asks which of the words the index has, and what resembles them.
pub(super) fn request(words: &[String], analysis: &Analysis) -> Value {
    let mut known = json!({});
    let mut similar = json!({});
    for (number, word) in words.iter().enumerate() {
        let stem = analysis.stem(word);
        let mut places: Vec<_> = FIELDS
            .iter()
            .map(|field| json!({ "term": { *field: stem } }))
            .collect();
        places.push(json!({ "term": { "spelling": word } }));
        known[number.to_string()] = json!({ "bool": { "should": places } });
        let typos = allowed_typos(word);
        if typos > 0 {
            similar[number.to_string()] = json!({ "text": word, "term": {
                "field": "spelling",
                "suggest_mode": "always",
                "max_edits": typos,
                "prefix_length": 0,
                "min_word_length": 1,
                "accuracy": 0.1,
                "size": CONSIDERED,
                "shard_size": CONSIDERED,
            }});
        }
    }
    json!({
        "size": 0,
        "track_total_hits": false,
        "aggs": { "known": { "filters": { "filters": known } } },
        "suggest": similar,
    })
}

/// The text with each unknown word replaced by the most similar known one; `None` if nothing is to be replaced.
pub(super) fn corrected(
    text: &str,
    words: &[String],
    analysis: &Analysis,
    answer: &Value,
) -> Option<String> {
    replace_words(text, analysis, |word| {
        let number = words.iter().position(|known| known == word)?.to_string();
        let count = &answer["aggregations"]["known"]["buckets"][&number]["doc_count"];
        match count.as_u64() {
            Some(0) => most_similar(word, &answer["suggest"][&number][0]["options"]),
            _ => None,
        }
    })
}

/// The word with the fewest differences; of several, the one that most products have.
fn most_similar(word: &str, options: &Value) -> Option<String> {
    let options = options.as_array()?.iter().filter_map(|option| {
        let similar = option["text"].as_str()?;
        let distance = strsim::osa_distance(word, similar);
        Some((
            distance,
            std::cmp::Reverse(option["freq"].as_u64()?),
            similar,
        ))
    });
    let allowed = usize::from(allowed_typos(word));
    let best = options
        .filter(|(distance, ..)| *distance <= allowed)
        .min()?;
    Some(best.2.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::analysis::AnalysisFiles;

    #[test]
    fn unknown_words_become_the_most_similar_and_then_the_most_frequent() {
        let text = "Wireless HEDPHONES";
        let analysis = Analysis::parse(&AnalysisFiles::default()).unwrap();
        let words = words(text, &analysis);
        assert_eq!(words, ["wireless", "hedphones"]);
        let option = |text: &str, freq: u32| json!({ "text": text, "freq": freq, "score": 0.9 });
        let answer = |wireless: u32, options: &[Value]| {
            json!({
                "aggregations": { "known": { "buckets": {
                    "0": { "doc_count": wireless },
                    "1": { "doc_count": 0 },
                }}},
                "suggest": { "1": [{ "options": options }] },
            })
        };
        let two_letters = option("headphonez", 90);
        let cases: [(&[Value], Option<&str>); 4] = [
            (
                &[two_letters.clone(), option("headphones", 3)],
                Some("Wireless headphones"),
            ),
            (
                &[option("hedphone", 3), option("headphones", 9)],
                Some("Wireless headphones"),
            ),
            (&[option("microphones", 9)], None),
            (&[], None),
        ];
        for (options, expected) in cases {
            let corrected = corrected(text, &words, &analysis, &answer(1, options));
            assert_eq!(corrected.as_deref(), expected);
        }
    }
}
