//! Splits text into words, in the same way for titles and queries: lower case, without diacritics.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// Longer words are ignored: they are no words.
const MAX_WORD_BYTES: usize = 40;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// In lower case and without diacritics.
    pub text: String,
    /// Where it is in the text.
    pub range: Range<usize>,
}

/// What to do with scripts that are written without spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Each character and each pair of neighbours is a word.
    Index,
    /// Each pair of neighbours is a word, and a character that is alone.
    Query,
}

/// The words of a text, in order.
pub(crate) fn tokens(text: &str, side: Side) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut run: Option<(Kind, usize)> = None;
    for (at, character) in text.char_indices().chain([(text.len(), ' ')]) {
        let kind = match Kind::of(character) {
            // A mark belongs to the letter before it.
            Kind::Mark => run.map_or(Kind::Other, |(kind, _)| kind),
            kind => kind,
        };
        if let Some((before, from)) = run
            && before != kind
        {
            match before {
                Kind::Unspaced => pairs(text, from..at, side, &mut tokens),
                _ => push(text, from..at, &mut tokens),
            }
            run = None;
        }
        if run.is_none() && kind != Kind::Other {
            run = Some((kind, at));
        }
    }
    tokens
}

/// Whether these neighbours are parts of one word, as in `WH-1000XM5` and `men's`.
pub(crate) fn are_one_word(text: &str, first: &Token, second: &Token) -> bool {
    let between = text.get(first.range.end..second.range.start);
    matches!(
        between,
        Some("-" | "\u{2010}" | "\u{2011}" | "'" | "\u{2019}" | "&")
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Letter,
    /// A character of a script without spaces between words: Chinese and Japanese.
    Unspaced,
    Mark,
    Other,
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            '\u{3040}'..='\u{30FF}'
            | '\u{31F0}'..='\u{31FF}'
            | '\u{3400}'..='\u{4DBF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3134F}' => Self::Unspaced,
            _ if unicode_normalization::char::is_combining_mark(character) => Self::Mark,
            _ if character.is_alphanumeric() => Self::Letter,
            _ => Self::Other,
        }
    }
}

fn push(text: &str, range: Range<usize>, tokens: &mut Vec<Token>) {
    let folded = folded(&text[range.clone()]);
    if !folded.is_empty() && folded.len() <= MAX_WORD_BYTES {
        tokens.push(Token {
            text: folded,
            range,
        });
    }
}

fn pairs(text: &str, range: Range<usize>, side: Side, tokens: &mut Vec<Token>) {
    let starts = text[range.clone()].char_indices();
    let starts: Vec<_> = starts
        .map(|(at, _)| range.start + at)
        .chain([range.end])
        .collect();
    if side == Side::Index || starts.len() == 2 {
        for window in starts.windows(2) {
            push(text, window[0]..window[1], tokens);
        }
    }
    for window in starts.windows(3) {
        push(text, window[0]..window[2], tokens);
    }
}

/// In lower case, without diacritics, and with compatible characters replaced, such as those of full width.
fn folded(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for character in word.nfkd().filter(|character| !is_diacritic(*character)) {
        for character in character.to_lowercase() {
            match character {
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'þ' => folded.push_str("th"),
                'ø' => folded.push('o'),
                'đ' | 'ð' => folded.push('d'),
                'ł' => folded.push('l'),
                'ħ' => folded.push('h'),
                'ı' => folded.push('i'),
                'ς' => folded.push('σ'),
                other if is_diacritic(other) => {}
                other => folded.push(other),
            }
        }
    }
    // Syllables of Korean are one character again.
    folded.nfc().collect()
}

/// Marks that customers omit: of Latin, Greek and Cyrillic letters, and the points of Hebrew and Arabic.
fn is_diacritic(character: char) -> bool {
    matches!(
        character,
        '\u{0300}'..='\u{036F}' | '\u{0591}'..='\u{05C7}' | '\u{0640}' | '\u{064B}'..='\u{065F}' | '\u{0670}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str, side: Side) -> Vec<String> {
        let tokens = tokens(text, side);
        tokens.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_are_lowercase_without_diacritics() {
        let cases: [(&str, &[&str]); 12] = [
            (
                "  Café-CREME  crème, 32\"!",
                &["cafe", "creme", "creme", "32"],
            ),
            // Combining accents are the same as composed letters.
            ("Cafe\u{301} cre\u{300}me", &["cafe", "creme"]),
            ("\u{301}x", &["x"]),
            ("Straße ØRSTED Łódź", &["strasse", "orsted", "lodz"]),
            ("İstanbul ısı", &["istanbul", "isi"]),
            ("ＡＢＣ１２", &["abc12"]),
            ("WH-1000XM5", &["wh", "1000xm5"]),
            ("سَمَّاعَات שָׁלוֹם", &["سماعات", "שלום"]),
            ("🎧 \0 !? \u{200F}", &[]),
            ("Наушники Ελλάς", &["наушники", "ελλασ"]),
            ("\"a\" OR b:c~2 -d*", &["a", "or", "b", "c", "2", "d"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text, Side::Query), expected, "{text:?}");
        }
        assert!(words(&"x".repeat(41), Side::Query).is_empty());
    }

    #[test]
    fn scripts_without_spaces_are_split_into_pairs() {
        assert_eq!(
            words("無線ヘッド", Side::Query),
            ["無線", "線ヘ", "ヘッ", "ッド"]
        );
        assert_eq!(words("靴", Side::Query), ["靴"]);
        assert_eq!(words("革靴Pro", Side::Index), ["革", "靴", "革靴", "pro"]);
        assert_eq!(
            words("무선 헤드폰", Side::Query).len(),
            2,
            "Korean has spaces"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_split_in_order_and_inside(text in ".{0,60}") {
            let mut end = 0;
            for token in tokens(&text, Side::Query) {
                prop_assert!(text.get(token.range.clone()).is_some());
                prop_assert!(token.range.end > end && !token.text.is_empty());
                end = token.range.end;
            }
        }
    }
}
