//! Tokenizes a document per the September 2025 specification (section 2.1), at a fraction of a parser's cost: it
//! allocates nothing and decodes no values.

use super::text;

/// A name, a punctuator or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'t> {
    Name(&'t str),
    /// A one-character ASCII punctuator.
    Sign(u8),
    /// `...`
    Spread,
    Int(&'t str),
    Float(&'t str),
    /// The text between the quotes, escapes included.
    String(&'t str),
    /// The raw text between the triple quotes.
    BlockString(&'t str),
}

/// The byte offset at which a text stops being GraphQL, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) offset: usize,
    pub(crate) reason: &'static str,
}

/// Names can make up most of a document, and a table lookup is twice as fast as comparisons.
const IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = byte == b'_' as usize || (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

/// As an iterator it ends at the first error or the end of the text.
pub(crate) struct Lexer<'t> {
    text: &'t str,
    /// How much has been read.
    offset: usize,
    /// Where the last token begins.
    start: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            offset: 0,
            start: 0,
        }
    }

    /// The byte offset of the last token; after the last one, the end of the text.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// The next token; `None` at the end.
    pub(crate) fn read(&mut self) -> Result<Option<Token<'t>>, Malformed> {
        self.skip();
        self.start = self.offset;
        let rest = self.rest();
        let malformed = |at: usize, reason| Malformed {
            offset: self.start + at,
            reason,
        };
        let (token, length) = match rest {
            [] => return Ok(None),
            [b'_' | b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let length = length(rest, |byte| IN_NAME[usize::from(byte)]);
                (Token::Name(self.slice(0, length)), length)
            }
            [
                sign @ (b'(' | b'[' | b'{' | b')' | b']' | b'}' | b'!' | b'$' | b':' | b'=' | b'@'
                | b'|' | b'&'),
                ..,
            ] => (Token::Sign(*sign), 1),
            [b'.', b'.', b'.', ..] => (Token::Spread, 3),
            [b'-' | b'0'..=b'9', ..] => {
                let (length, is_float) =
                    number(rest).map_err(|at| malformed(at, "Invalid number."))?;
                let digits = self.slice(0, length);
                let token = if is_float {
                    Token::Float(digits)
                } else {
                    Token::Int(digits)
                };
                (token, length)
            }
            [b'"', b'"', b'"', inner @ ..] => {
                let length = block_string(inner)
                    .ok_or_else(|| malformed(rest.len(), "Unterminated string."))?;
                (Token::BlockString(self.slice(3, length)), length + 6)
            }
            [b'"', inner @ ..] => {
                let length = string(inner).map_err(|(at, reason)| malformed(at + 1, reason))?;
                (Token::String(self.slice(1, length)), length + 2)
            }
            _ => return Err(malformed(0, "Unexpected character.")),
        };
        self.offset += length;
        Ok(Some(token))
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.offset..]
    }

    /// A slice of the token that begins here. Cuts fall on ASCII characters.
    fn slice(&self, from: usize, length: usize) -> &'t str {
        let from = self.offset + from;
        &self.text[from..from + length]
    }

    /// Skips insignificant text: white space, commas, comments and byte order marks.
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
        self.read().ok().flatten()
    }
}

/// How many leading bytes are of a kind.
fn length(bytes: &[u8], of_kind: impl Fn(u8) -> bool) -> usize {
    let end = bytes.iter().position(|byte| !of_kind(*byte));
    end.unwrap_or(bytes.len())
}

/// The length of a number and whether it is a float; on failure, the offset of the error.
fn number(rest: &[u8]) -> Result<(usize, bool), usize> {
    let digits = |at: usize| length(rest.get(at..).unwrap_or_default(), |b| b.is_ascii_digit());
    let some_digits = |at: usize| match digits(at) {
        0 => Err(at),
        length => Ok(at + length),
    };
    let mut at = usize::from(rest.first() == Some(&b'-'));
    at = match rest.get(at) {
        Some(b'0') => at + 1,
        _ => some_digits(at)?,
    };
    let mut is_float = false;
    if rest.get(at) == Some(&b'.') {
        is_float = true;
        at = some_digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = rest.get(at) {
        is_float = true;
        at += 1;
        at += usize::from(matches!(rest.get(at), Some(b'+' | b'-')));
        at = some_digits(at)?;
    }
    // The number must not run into the next token.
    match rest.get(at) {
        Some(byte) if *byte == b'.' || IN_NAME[usize::from(*byte)] => Err(at),
        _ => Ok((at, is_float)),
    }
}

/// The length before the closing quote. A string may not span lines.
fn string(inner: &[u8]) -> Result<usize, (usize, &'static str)> {
    let mut at = 0;
    loop {
        let rest = inner.get(at..).unwrap_or_default();
        at += length(rest, |b| !matches!(b, b'"' | b'\\' | b'\n' | b'\r'));
        match inner.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => {
                let escape = text::escape(inner.get(at..).unwrap_or_default());
                let (_, length) = escape.ok_or((at, "Invalid escape sequence."))?;
                at += length;
            }
            _ => return Err((at, "Unterminated string.")),
        }
    }
}

/// The length before the closing quotes. An escaped triple quote does not close it.
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
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        Lexer::new(text).collect()
    }

    #[test]
    fn reads_names_punctuators_and_values() {
        use Token::{BlockString, Float, Int, Name, Sign, Spread, String};
        let text =
            "\u{feff}{a_1:_b(c:-1.5e7,d:\"\\\"}\\\\\",e:0)...on # {\r \"\"\"a\\\"\"\"\n\"\"\"@}";
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
                Float("-1.5e7"),
                Name("d"),
                Sign(b':'),
                String("\\\"}\\\\"),
                Name("e"),
                Sign(b':'),
                Int("0"),
                Sign(b')'),
                Spread,
                Name("on"),
                BlockString("a\\\"\"\"\n"),
                Sign(b'@'),
                Sign(b'}'),
            ]
        );
    }

    #[test]
    fn ends_at_what_is_no_token_and_says_where() {
        for (text, offset) in [
            ("a ~ b", 2),
            ("a ? b", 2),
            ("a .. b", 2),
            ("a é", 2),
            ("a \u{a0}b", 2),
            ("a \"b\nb\" b", 4),
            ("a \"b\rb\" b", 4),
            ("a \"b", 4),
            ("a \"\"\"b b", 8),
            ("a \"\"\"b \\\"\"\"", 11),
            ("a \"\\x\"", 3),
            ("a \"\\u12\"", 3),
            ("a \"\\ud83c\"", 3),
            ("a \"\\ud83cx\"", 3),
            ("a \"\\ud83c\\ud83c\"", 3),
            ("a \"\\udfa7\"", 3),
            ("a \"\\u{}\"", 3),
            ("a \"\\u{110000}\"", 3),
            ("a \"\\u{d83c}\"", 3),
            ("a \"\\u{1F3A7\"", 3),
            ("a \"\\u{FFFFFFFF00000041}\"", 3),
            ("a 00", 3),
            ("a 01", 3),
            ("a -", 3),
            ("a -a", 3),
            ("a +1", 2),
            ("a .5", 2),
            ("a 1.", 4),
            ("a 1.a", 4),
            ("a 1.5.5", 5),
            ("a 1e", 4),
            ("a 1e+", 5),
            ("a 1.e5", 4),
            ("a 0x1", 3),
            ("a 1a", 3),
            ("a 1_000", 3),
            ("a 1.5f", 5),
            ("a 0...b", 4),
        ] {
            let mut lexer = Lexer::new(text);
            assert_eq!(lexer.read(), Ok(Some(Token::Name("a"))), "{text}");
            let malformed = lexer.read().expect_err(text);
            assert_eq!(malformed.offset, offset, "{text}");
            assert_eq!(tokens(text), [Token::Name("a")], "{text}");
        }
    }

    #[test]
    fn numbers_and_strings_of_every_form() {
        for text in [
            "0",
            "-0",
            "7",
            "-17",
            "0.0",
            "-0.5",
            "1e0",
            "1E5",
            "1e+5",
            "0e-0",
            "1.5e-10",
            "123456789012345678901234567890",
            "1e400",
        ] {
            for follow in ["", " a", ",", "#", "\n", ")", "$a", "\"\"", "@a", "}"] {
                let followed = format!("{text}{follow}");
                let token = Lexer::new(&followed).read().expect("a token");
                let is_float = text.contains(['.', 'e', 'E']);
                let expected = if is_float {
                    Token::Float(text)
                } else {
                    Token::Int(text)
                };
                assert_eq!(token, Some(expected), "{followed}");
            }
        }
        for inner in [
            "",
            " ",
            "é🎧",
            "\\\"",
            "\\\\",
            "\\/",
            "\\b\\f\\n\\r\\t",
            "\\u00e9",
            "\\u00E9",
            "\\ud83c\\udfa7",
            "\\u{e9}",
            "\\u{1F3A7}",
            "\\u{00001F3A7}",
            "\u{0}\u{7f}\t\u{feff}",
            "'#{",
        ] {
            let quoted = format!("\"{inner}\" a");
            let token = Lexer::new(&quoted).read().expect("a token");
            assert_eq!(token, Some(Token::String(inner)), "{quoted}");
        }
        for inner in [
            "",
            "\n",
            "\r",
            "\"",
            "a\"\"b",
            "\\",
            "\\\\\"\"\"",
            "\\\"\"\"",
            "\\u12",
            "\u{0}é🎧",
        ] {
            let quoted = format!("\"\"\"{inner}\"\"\" a");
            // A trailing backslash or quote would change the token.
            if !inner.ends_with(['\\', '"']) || inner.ends_with("\"\"\"") {
                let token = Lexer::new(&quoted).read().expect("a token");
                assert_eq!(token, Some(Token::BlockString(inner)), "{quoted}");
            }
        }
    }
}
