//! What a customer's text asks for, before an engine looks for it.

use super::analysis::{Analysis, Synonym};
use super::tokens::{Side, tokens};

/// Maximum number of words used of a query, which bounds its cost; the rest is ignored.
const MAX_WORDS: usize = 16;

/// A query as words and what they may be replaced by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedQuery {
    /// In the order of the text, each once. Empty if the text has none.
    pub words: Vec<QueryWord>,
    /// The whole text as stems, which is compared with titles.
    pub whole: String,
}

/// A word of a query. A product matches it if it has the stem, a word that begins with the typed text, a synonym, a joined
/// form or a similar word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryWord {
    /// As typed, in lower case and without diacritics.
    pub typed: String,
    /// What its forms have in common, as indexed.
    pub stem: String,
    /// How many letters of a similar word may differ; swapped neighbours are one difference.
    pub typos: u8,
    /// Stems, all of which mean the same as the word, or as a phrase with it.
    pub synonyms: Vec<Vec<String>>,
    /// Stems of the word and a neighbour written as one.
    pub joined: Vec<String>,
}

/// How many words of a query a product must match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// All of two words, three quarters of more.
    #[default]
    Most,
    /// One.
    Any,
}

impl Matching {
    /// Of this many.
    pub(crate) fn required(self, words: usize) -> usize {
        match (self, words) {
            (Self::Any, words) => words.min(1),
            (Self::Most, few @ ..=2) => few,
            (Self::Most, many) => many * 3 / 4,
        }
    }
}

impl ParsedQuery {
    pub fn new(text: &str, analysis: &Analysis) -> Self {
        let tokens = tokens(text, Side::Query);
        let has_meaning = |word: &str| !analysis.is_stop_word(word);
        // Stop words are better than nothing.
        let any = tokens.iter().any(|token| has_meaning(&token.text));
        let typed: Vec<_> = tokens.into_iter().map(|token| token.text).collect();
        let stems: Vec<_> = typed.iter().map(|word| analysis.stem(word)).collect();
        let synonyms = synonyms(&stems, analysis);
        let joined = joined(&typed, analysis);
        let mut words: Vec<QueryWord> = Vec::new();
        for ((typed, stem), (synonyms, joined)) in typed
            .iter()
            .zip(&stems)
            .zip(synonyms.into_iter().zip(joined))
        {
            if any && !has_meaning(typed) {
                continue;
            }
            match words.iter().position(|word| word.stem == *stem) {
                Some(at) => words[at].synonyms.extend(synonyms),
                None if words.len() == MAX_WORDS => break,
                None => words.push(QueryWord {
                    typed: typed.clone(),
                    typos: allowed_typos(typed),
                    stem: stem.clone(),
                    synonyms,
                    joined,
                }),
            }
        }
        Self {
            words,
            whole: stems.join(" "),
        }
    }
}

/// How many letters may differ in a similar word. Short words and model numbers have no similar ones.
pub(crate) fn allowed_typos(word: &str) -> u8 {
    if !word.chars().all(char::is_alphabetic) {
        return 0;
    }
    match word.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

/// The text with words replaced: `replace` is given each word that has a meaning, in lower case and without diacritics.
/// `None` if it replaces nothing.
pub(crate) fn replace_words(
    text: &str,
    analysis: &Analysis,
    mut replace: impl FnMut(&str) -> Option<String>,
) -> Option<String> {
    let (mut replaced, mut rest) = (String::new(), 0);
    for token in tokens(text, Side::Query).into_iter().take(MAX_WORDS) {
        if !analysis.is_stop_word(&token.text)
            && let Some(word) = replace(&token.text)
        {
            replaced.push_str(&text[rest..token.range.start]);
            replaced.push_str(&word);
            rest = token.range.end;
        }
    }
    (rest > 0).then(|| replaced + &text[rest..])
}

/// For each word, what it may be replaced by, alone or as part of a phrase.
fn synonyms(stems: &[String], analysis: &Analysis) -> Vec<Vec<Vec<String>>> {
    let mut found = vec![Vec::new(); stems.len()];
    let borrowed: Vec<&str> = stems.iter().map(String::as_str).collect();
    for from in 0..stems.len() {
        for Synonym { phrase, meaning } in analysis.synonyms_at(&borrowed[from..]) {
            for of_word in &mut found[from..from + phrase.len()] {
                of_word.push(meaning.clone());
            }
        }
    }
    found
}

/// For each word, the stems of it and a neighbour written as one.
fn joined(typed: &[String], analysis: &Analysis) -> Vec<Vec<String>> {
    let mut joined = vec![Vec::new(); typed.len()];
    for (at, pair) in typed.windows(2).enumerate() {
        let one = analysis.stem(&pair.concat());
        joined[at].push(one.clone());
        joined[at + 1].push(one);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::analysis::AnalysisFiles;

    fn parsed(text: &str) -> ParsedQuery {
        ParsedQuery::new(text, &Analysis::parse(&AnalysisFiles::default()).unwrap())
    }

    fn typed(text: &str) -> Vec<String> {
        parsed(text)
            .words
            .into_iter()
            .map(|word| word.typed)
            .collect()
    }

    #[test]
    fn words_count_once_and_stop_words_only_alone() {
        assert_eq!(typed("shoes for the shoe rain"), ["shoes", "rain"]);
        assert_eq!(typed("the"), ["the"]);
        assert!(typed("!? 🎧").is_empty());
        let many: String = (0..40).map(|n| format!("w{n} ")).collect();
        assert_eq!(typed(&many).len(), MAX_WORDS);
    }

    #[test]
    fn most_words_are_required() {
        let words = |text| parsed(text).words.len();
        let required = |text| Matching::Most.required(words(text));
        assert_eq!(required("a b c d"), 2, "stop words do not count");
        let texts = ["", "x", "x y", "x y z", "x y z q"];
        assert_eq!(texts.map(required), [0, 1, 2, 2, 3]);
        let required = |text| Matching::Any.required(words(text));
        assert_eq!(texts.map(required), [0, 1, 1, 1, 1]);
    }

    #[test]
    fn a_phrase_gives_its_synonyms_to_each_of_its_words() {
        let query = parsed("noise cancelling earbuds");
        let has = |word: &QueryWord, synonym: &[&str]| word.synonyms.iter().any(|s| s == synonym);
        assert!(has(&query.words[0], &["anc"]) && has(&query.words[1], &["anc"]));
        assert!(has(&query.words[2], &["ear", "bud"]) && !has(&query.words[2], &["anc"]));
    }

    #[test]
    fn neighbours_are_also_one_word() {
        let query = parsed("head phones stand");
        let joined: Vec<_> = query.words.iter().map(|word| word.joined.clone()).collect();
        assert_eq!(joined[0], ["headphone"]);
        assert_eq!(joined[1], ["headphone", "phonesstand"]);
        assert_eq!(joined[2], ["phonesstand"]);
    }

    #[test]
    fn short_words_and_model_numbers_have_no_typos() {
        let cases = [
            ("cat", 0),
            ("lamp", 1),
            ("kettles", 1),
            ("speakers", 2),
            ("1000xm5", 0),
            ("ελλασ", 1),
        ];
        for (word, typos) in cases {
            assert_eq!(allowed_typos(word), typos, "{word}");
        }
    }

    #[test]
    fn only_replaced_words_change() {
        let analysis = Analysis::parse(&AnalysisFiles::default()).unwrap();
        let replace = |text| {
            replace_words(text, &analysis, |word| {
                matches!(word, "hedphones" | "cafe" | "the").then(|| word.replace("hed", "head"))
            })
        };
        let cases = [
            ("Wireless HEDPHONES, 4K!", Some("Wireless headphones, 4K!")),
            ("hedphones", Some("headphones")),
            ("Café + the hedphones", Some("cafe + the headphones")),
            ("headphones", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(replace(text).as_deref(), expected, "{text}");
        }
    }
}
