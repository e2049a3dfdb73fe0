//! How words are compared: stop words, stems and synonyms, from three text files. An index keeps the analysis that it was
//! built with.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::tokens::{Side, are_one_word, tokens};

/// Shorter words have no endings.
const MIN_STEMMED: usize = 4;

/// Most phrases that have one meaning: each finds all others.
const MAX_PHRASES: usize = 100;

/// The content of the files; `subgraphs/search/analysis` describes their formats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysisFiles {
    pub stop_words: String,
    pub stemming: String,
    pub synonyms: String,
}

impl Default for AnalysisFiles {
    /// Those of this version, for a catalog in English.
    fn default() -> Self {
        Self {
            stop_words: include_str!("../../analysis/stop_words.txt").to_owned(),
            stemming: include_str!("../../analysis/stemming.txt").to_owned(),
            synonyms: include_str!("../../analysis/synonyms.txt").to_owned(),
        }
    }
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct AnalysisError {
    pub file: &'static str,
    pub line: usize,
    pub problem: &'static str,
}

/// How words are compared.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    stop_words: HashSet<String>,
    /// Stems of single words.
    stems: HashMap<String, String>,
    /// Stems by ending, the first of which applies.
    endings: Vec<Ending>,
    /// By the first word of what is searched for.
    synonyms: HashMap<String, Vec<Synonym>>,
}

#[derive(Clone, Debug)]
struct Ending {
    ending: String,
    replacement: String,
}

/// One phrase that may be replaced by another, as stems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synonym {
    pub phrase: Vec<String>,
    pub meaning: Vec<String>,
}

impl Analysis {
    /// Reads the files.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn parse(files: &AnalysisFiles) -> Result<Self, AnalysisError> {
        let mut analysis = Self::default();
        for (_, line) in lines(&files.stop_words) {
            analysis.stop_words.extend(words(line));
        }
        for (line, text) in lines(&files.stemming) {
            let wrong = |problem| error("stemming.txt", line, problem);
            analysis.read_stem(text).map_err(wrong)?;
        }
        for (line, text) in lines(&files.synonyms) {
            let wrong = |problem| error("synonyms.txt", line, problem);
            analysis.read_synonyms(text).map_err(wrong)?;
        }
        Ok(analysis)
    }

    fn read_stem(&mut self, line: &str) -> Result<(), &'static str> {
        let (from, to) = line
            .split_once("=>")
            .ok_or("\"=>\" is missing between the word and its stem")?;
        let (from, to) = (from.trim(), to.trim());
        if let Some(ending) = from.strip_prefix('-') {
            let replacement = to
                .strip_prefix('-')
                .ok_or("an ending becomes an ending: \"-\"")?;
            let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
            if ending.is_empty() || !is_plain(ending) || !is_plain(replacement) {
                return Err("an ending consists of letters from a to z");
            }
            self.endings.push(Ending {
                ending: ending.to_owned(),
                replacement: replacement.to_owned(),
            });
            return Ok(());
        }
        let [stem] = &words(to)[..] else {
            return Err("the stem must be one word");
        };
        for word in from.split(',') {
            let [word] = &words(word)[..] else {
                return Err("each form must be one word");
            };
            self.stems.insert(word.clone(), stem.clone());
        }
        Ok(())
    }

    fn read_synonyms(&mut self, line: &str) -> Result<(), &'static str> {
        let phrases = |text: &str| {
            let phrases = text.split(',').map(|phrase| self.stems_of(phrase));
            let phrases: Vec<_> = phrases.take(MAX_PHRASES + 1).collect();
            if phrases.len() > MAX_PHRASES {
                return Err("a line has at most 100 phrases on each side");
            }
            match phrases.iter().any(Vec::is_empty) {
                true => Err("a phrase is empty"),
                false => Ok(phrases),
            }
        };
        let (from, to) = match line.split_once("=>") {
            Some((from, to)) => (phrases(from)?, phrases(to)?),
            None => {
                let all = phrases(line)?;
                if all.len() < 2 {
                    return Err("a word has no synonym: separate them with commas, or with \"=>\"");
                }
                (all.clone(), all)
            }
        };
        for phrase in &from {
            for meaning in to.iter().filter(|meaning| *meaning != phrase) {
                let synonyms = self.synonyms.entry(phrase[0].clone()).or_default();
                synonyms.push(Synonym {
                    phrase: phrase.clone(),
                    meaning: meaning.clone(),
                });
            }
        }
        Ok(())
    }

    /// What a word has in common with its other forms.
    pub(crate) fn stem(&self, word: &str) -> String {
        if let Some(stem) = self.stems.get(word) {
            return stem.clone();
        }
        if word.len() >= MIN_STEMMED && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            let endings = self.endings.iter();
            let mut fitting = endings.filter_map(|ending| {
                let start = word.strip_suffix(&ending.ending)?;
                Some(format!("{start}{}", ending.replacement))
            });
            if let Some(stem) = fitting.next() {
                return stem;
            }
        }
        word.to_owned()
    }

    /// Whether the word has no meaning for a product.
    pub(crate) fn is_stop_word(&self, word: &str) -> bool {
        self.stop_words.contains(word)
    }

    /// What the stems that begin at the first of these may be replaced by.
    pub(crate) fn synonyms_at<'a>(
        &'a self,
        stems: &'a [&'a str],
    ) -> impl Iterator<Item = &'a Synonym> {
        let first = stems.first().and_then(|first| self.synonyms.get(*first));
        let begins = move |synonym: &&'a Synonym| {
            stems.len() >= synonym.phrase.len()
                && synonym.phrase.iter().zip(stems).all(|(a, b)| a == b)
        };
        first.into_iter().flatten().filter(begins)
    }

    /// The stems of a query or of a phrase, in order.
    pub(crate) fn stems_of(&self, text: &str) -> Vec<String> {
        words(text).iter().map(|word| self.stem(word)).collect()
    }

    /// The stems under which a product's text is found. Words written with a hyphen are there as one word, too.
    pub fn indexed_stems(&self, text: &str) -> Vec<String> {
        let parts = tokens(text, Side::Index);
        let mut stems = Vec::with_capacity(parts.len());
        let mut joined = String::new();
        for (at, part) in parts.iter().enumerate() {
            stems.push(self.stem(&part.text));
            joined.push_str(&part.text);
            let continues = parts
                .get(at + 1)
                .is_some_and(|next| are_one_word(text, part, next));
            if !continues {
                if joined.len() > part.text.len() {
                    stems.push(self.stem(&joined));
                }
                joined.clear();
            }
        }
        stems
    }

    /// A text as its stems, to compare whole titles.
    pub fn normalized(&self, text: &str) -> String {
        self.stems_of(text).join(" ")
    }
}

/// The words of a text as they are spelled, in lower case and without diacritics.
pub(crate) fn words(text: &str) -> Vec<String> {
    let tokens = tokens(text, Side::Query).into_iter();
    tokens.map(|token| token.text).collect()
}

/// The lines with content, by number from 1. `#` begins a comment.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let content = |line: &'_ str| line.split('#').next().unwrap_or_default().trim().len();
    text.lines()
        .enumerate()
        .filter(move |(_, line)| content(line) > 0)
        .map(|(index, line)| (index + 1, line.split('#').next().unwrap_or_default().trim()))
}

fn error(file: &'static str, line: usize, problem: &'static str) -> AnalysisError {
    AnalysisError {
        file,
        line,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysis() -> Analysis {
        Analysis::parse(&AnalysisFiles::default()).unwrap()
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        let analysis = analysis();
        let families: [&[&str]; 15] = [
            &["headphone", "headphones"],
            &["battery", "batteries"],
            &["shoe", "shoes"],
            &["box", "boxes"],
            &["watch", "watches"],
            &["brush", "brushes"],
            &["dress", "dresses"],
            &["glass", "glasses"],
            &["lens", "lenses"],
            &["foot", "feet"],
            &["child", "kids", "children"],
            &["cookie", "cookies"],
            &["canvas", "canvases"],
            &["cancel", "cancelling", "canceling"],
            &["gas", "gases"],
        ];
        for family in families {
            for word in family {
                assert_eq!(analysis.stem(word), analysis.stem(family[0]), "{word}");
            }
        }
        for (a, b) in [
            ("tennis", "tenni"),
            ("bus", "bu"),
            ("4ks", "4k"),
            ("ørs", "ør"),
        ] {
            assert_ne!(analysis.stem(a), analysis.stem(b));
        }
    }

    #[test]
    fn synonyms_work_both_ways_unless_there_is_an_arrow() {
        let files = AnalysisFiles {
            synonyms: "# TVs\ntv, television, big screens\nhoover => vacuum cleaner, mop # one way"
                .to_owned(),
            ..AnalysisFiles::default()
        };
        let analysis = Analysis::parse(&files).unwrap();
        let meanings = |stems: &[&str]| -> Vec<String> {
            analysis
                .synonyms_at(stems)
                .map(|synonym| synonym.meaning.join(" "))
                .collect()
        };
        assert_eq!(meanings(&["tv", "stand"]), ["television", "big screen"]);
        assert_eq!(meanings(&["big", "screen"]), ["tv", "television"]);
        assert!(meanings(&["big"]).is_empty());
        assert_eq!(meanings(&["hoover"]), ["vacuum cleaner", "mop"]);
        assert!(meanings(&["mop"]).is_empty());
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let with = |stemming: &str, synonyms: &str| {
            let files = AnalysisFiles {
                stop_words: String::new(),
                stemming: stemming.to_owned(),
                synonyms: synonyms.to_owned(),
            };
            Analysis::parse(&files).unwrap_err().to_string()
        };
        let cases = [
            (
                with("\nfeet", ""),
                "stemming.txt, line 2: \"=>\" is missing between the word and its stem",
            ),
            (
                with("-s => x", ""),
                "stemming.txt, line 1: an ending becomes an ending: \"-\"",
            ),
            (
                with("-S => -", ""),
                "stemming.txt, line 1: an ending consists of letters from a to z",
            ),
            (
                with("feet => big foot", ""),
                "stemming.txt, line 1: the stem must be one word",
            ),
            (
                with("", "a, b\n\nc"),
                "synonyms.txt, line 3: a word has no synonym: separate them with commas, or with \"=>\"",
            ),
            (with("", "a =>"), "synonyms.txt, line 1: a phrase is empty"),
            (
                with("", &"a, ".repeat(101)),
                "synonyms.txt, line 1: a line has at most 100 phrases on each side",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_word_with_hyphens_is_indexed_as_its_parts_and_as_a_whole() {
        let stems = analysis().indexed_stems("WH-1000XM5 T-Shirts, men's");
        assert_eq!(
            stems,
            [
                "wh",
                "1000xm5",
                "wh1000xm5",
                "t",
                "shirt",
                "tshirt",
                "man",
                "s",
                "men"
            ]
        );
    }
}
