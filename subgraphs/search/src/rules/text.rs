//! Splits text into words, in the same way for indexing and querying: lower case, without diacritics, singular.

use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer,
};

/// Maximum number of words used of a query, which bounds its cost; the rest is ignored.
const MAX_WORDS: usize = 16;
/// Longer words are ignored.
const MAX_WORD_BYTES: usize = 40;
/// Words without meaning for a product. They only count if a query has no others.
const STOP_WORDS: [&str; 16] = [
    "a", "an", "and", "by", "for", "from", "in", "of", "on", "or", "s", "the", "to", "with", "my",
    "your",
];

/// A word of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// As typed, in lower case and without diacritics: matches the start of a longer word.
    pub typed: String,
    /// The singular: matches an indexed word.
    pub singular: String,
}

/// Splits a text into words, without singularizing them.
pub(crate) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The indexed words of a text.
pub(crate) fn singulars(text: &str) -> impl Iterator<Item = String> {
    typed(text).into_iter().map(singular)
}

/// The words of a query.
pub(crate) fn query_words(text: &str) -> Vec<Word> {
    let all = typed(text);
    let telling = |word: &String| !STOP_WORDS.contains(&word.as_str());
    let any = all.iter().any(telling);
    let mut words: Vec<Word> = Vec::new();
    for typed in all.into_iter().filter(|word| !any || telling(word)) {
        let word = Word {
            singular: singular(typed.clone()),
            typed,
        };
        if words.len() < MAX_WORDS && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// A normalized text for comparison: its words, joined.
pub(crate) fn normalized(text: &str) -> String {
    singulars(text).collect::<Vec<_>>().join(" ")
}

/// How many letters may differ in a word of this length for a fuzzy match.
pub(crate) fn allowed_typos(word: &str) -> u8 {
    match word.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

/// The text with these words replaced: `replace` is given each word that has a meaning, in lower case and without
/// diacritics. `None` if it replaces nothing.
pub(crate) fn replace_words(
    text: &str,
    mut replace: impl FnMut(&str) -> Option<String>,
) -> Option<String> {
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    let (mut replaced, mut rest, mut words) = (String::new(), 0, 0);
    while let Some(token) = stream.next() {
        words += 1;
        if words > MAX_WORDS {
            break;
        }
        if !STOP_WORDS.contains(&token.text.as_str())
            && let Some(word) = replace(&token.text)
        {
            replaced.push_str(&text[rest..token.offset_from]);
            replaced.push_str(&word);
            rest = token.offset_to;
        }
    }
    (rest > 0).then(|| replaced + &text[rest..])
}

/// The words of a text as they are spelled, in lower case and without diacritics.
pub(crate) fn typed(text: &str) -> Vec<String> {
    let mut analyzer = analyzer();
    let mut stream = analyzer.token_stream(text);
    let mut words = Vec::new();
    while let Some(token) = stream.next() {
        words.push(token.text.clone());
    }
    words
}

/// Converts an English plural to the singular and leaves everything else unchanged, so that results look like the
/// query. Mistakes such as "canvas" affect both sides alike.
pub(crate) fn singular(mut word: String) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if word.len() <= 3 || !word.is_ascii() || !ends(&["s"]) {
        return word;
    }
    if ends(&["ies"]) {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if !ends(&["us", "ss", "is"]) {
        word.truncate(word.len() - 1);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plural_becomes_its_singular_and_other_words_stay() {
        let cases = [
            ("headphones", "headphone"),
            ("batteries", "battery"),
            ("shoes", "shoe"),
            ("tennis", "tennis"),
            ("dress", "dress"),
            ("bus", "bus"),
            ("cases", "case"),
            ("gas", "gas"),
            ("canvas", "canva"),
        ];
        for (word, expected) in cases {
            assert_eq!(singular(word.to_owned()), expected);
        }
    }

    #[test]
    fn only_replaced_words_change() {
        let replace = |text| {
            replace_words(text, |word| {
                matches!(word, "hedphones" | "cafe").then(|| word.replace("hed", "head"))
            })
        };
        let cases = [
            ("Wireless HEDPHONES, 4K!", Some("Wireless headphones, 4K!")),
            ("hedphones", Some("headphones")),
            ("Café + hedphones", Some("cafe + headphones")),
            ("headphones", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(replace(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn words_are_lowercase_without_diacritics_and_each_once() {
        let words = |text| -> Vec<_> {
            query_words(text)
                .into_iter()
                .map(|word| word.typed)
                .collect()
        };
        assert_eq!(words("  Café-CREME  crème, 32\"!"), ["cafe", "creme", "32"]);
        assert_eq!(words("shoes for the rain"), ["shoes", "rain"]);
        assert_eq!(words("the"), ["the"], "better than nothing");
        assert!(words("!?").is_empty());
        let many: String = (0..40).map(|n| format!("w{n} ")).collect();
        assert_eq!(words(&many).len(), MAX_WORDS);
    }
}
