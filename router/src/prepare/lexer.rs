//! The words and signs of a document, told apart exactly as the parser does, at a fraction of its cost: nothing is
//! made, and no value is looked into.

/// A word, a sign or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Name(&'t str),
    /// One ASCII character.
    Sign(u8),
    /// `...`
    Spread,
    /// A number or a string.
    Value,
}

/// Names can be most of a document: a look into a table is twice as fast as comparing.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = byte == b'_' as usize || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// Ends at what the parser ends at too: its first error, or the end of the text.
pub(super) struct Lexer<'t> {
    text: &'t str,
    /// What has been read.
    offset: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, offset: 0 }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.offset..]
    }

    /// Skips what means nothing: space, commas, comments and byte order marks.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            self.offset += match rest {
                [b' ' | b',' | b'\t' | b'\r' | b'\n', ..] => 1,
                [0xef, 0xbb, 0xbf, ..] => 3,
                [b'#', ..] => length(rest, |byte| byte != b'\r' && byte != b'\n'),
                _ => return,
            };
        }
    }
}

impl<'t> Iterator for Lexer<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        self.skip();
        let rest = self.rest();
        let (token, length) = match rest {
            [b'_' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let length = length(rest, |byte| IN_NAME[usize::from(byte)]);
                let name = &self.text[self.offset..self.offset + length];
                (Token::Name(name), length)
            }
            [
                sign @ (b'(' | b'[' | b'{' | b')' | b']' | b'}' | b'!' | b'$' | b':' | b'=' | b'@'
                | b'|' | b'&'),
                ..,
            ] => (Token::Sign(*sign), 1),
            [b'.', b'.', b'.', ..] => (Token::Spread, 3),
            [b'-' | b'0'..=b'9', ..] => (Token::Value, length(rest, is_of_number)),
            [b'"', b'"', b'"', inner @ ..] => (Token::Value, 6 + block_string(inner)?),
            [b'"', inner @ ..] => (Token::Value, 2 + string(inner)?),
            _ => return None,
        };
        self.offset += length;
        Some(token)
    }
}

/// How many bytes from the first on are of a kind.
fn length(bytes: &[u8], of_kind: impl Fn(u8) -> bool) -> usize {
    let end = bytes.iter().position(|byte| !of_kind(*byte));
    end.unwrap_or(bytes.len())
}

/// The parser reads a number up to what separates it from the next token, and judges it then.
fn is_of_number(byte: u8) -> bool {
    !matches!(
        byte,
        b' ' | b'\n'
            | b'\r'
            | b'\t'
            | b','
            | b'#'
            | b'!'
            | b'$'
            | b':'
            | b'='
            | b'@'
            | b'|'
            | b'&'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
    )
}

/// The length before the closing quote. A string ends in its line.
fn string(inner: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in inner.iter().enumerate() {
        match byte {
            b'"' if !escaped => return Some(index),
            b'\n' => return None,
            _ => escaped = !escaped && *byte == b'\\',
        }
    }
    None
}

/// The length before the closing quotes. Three quotes behind a backslash are none.
fn block_string(inner: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + inner.get(from..)?.iter().position(|byte| *byte == b'"')?;
        if !inner[quote..].starts_with(b"\"\"\"") {
            from = quote + 1;
        } else if inner[..quote].ends_with(b"\\") {
            from = quote + 3;
        } else {
            return Some(quote);
        }
    }
}

#[cfg(test)]
mod tests {
    use graphql_tools::parser::{TokenKind as Kind, spanned_tokens};
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        Lexer::new(text).collect()
    }

    /// `None` where the parser finds an error.
    fn tokens_of_parser(text: &str) -> Option<Vec<Token<'_>>> {
        let tokens = spanned_tokens(text).ok()?;
        let tokens = tokens.into_iter().map(|(kind, span)| match kind {
            Kind::Name => Token::Name(&text[span]),
            Kind::Punctuator if span.len() == 3 => Token::Spread,
            Kind::Punctuator => Token::Sign(text.as_bytes()[span.start]),
            _ => Token::Value,
        });
        Some(tokens.collect())
    }

    #[test]
    fn reads_words_signs_and_values() {
        use Token::{Name, Sign, Spread, Value};
        let text = "\u{feff}{a_1:_b(c:-1.5e7,d:\"\\\"}\\\\\")...on # {\r \"\"\"a\\\"\"\"\n\"\"\"@}";
        assert_eq!(
            tokens(text),
            [
                Sign(b'{'),
                Name("a_1"),
                Sign(b':'),
                Name("_b"),
                Sign(b'('),
                Name("c"),
                Sign(b':'),
                Value,
                Name("d"),
                Sign(b':'),
                Value,
                Sign(b')'),
                Spread,
                Name("on"),
                Value,
                Sign(b'@'),
                Sign(b'}'),
            ]
        );
        assert_eq!(tokens_of_parser(text), Some(tokens(text)));
    }

    #[test]
    fn ends_at_what_is_no_token() {
        for text in [
            "a ~ b",
            "a .. b",
            "a \"b\nb\" b",
            "a \"\"\"b b",
            "a \"\"\"b \\\"\"\"",
        ] {
            assert_eq!(tokens(text), [Token::Name("a")], "{text}");
            assert_eq!(tokens_of_parser(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_reads_the_same(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "_", "0", "17", "-1", "1.5", "2e6", "\"", "\"\"", "\"\"\"", "\\", "\\\\", "\n", "\r", "\t",
                    " ", " ", " ", ",", "#", "{", "}", "(", ")", "[", "]", "!", "$", ":", "=", "@", "|", "&", "...",
                    ".", "\u{feff}", "é", "on",
                ]),
                0..16,
            )
        ) {
            let text = pieces.concat();
            if let Some(expected) = tokens_of_parser(&text) {
                prop_assert_eq!(tokens(&text), expected);
            }
        }
    }
}
