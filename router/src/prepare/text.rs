//! Decodes the string values of a document.

/// Decodes the escape sequence at the start of `bytes`, which is a backslash. Returns the character and the sequence's
/// length; `None` for an invalid sequence, including half of a surrogate pair.
pub(super) fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let character = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(bytes),
        _ => return None,
    };
    Some((character, 2))
}

/// `\u00e9`, `\ud83c\udfa7` or `\u{1F3A7}`.
fn unicode(bytes: &[u8]) -> Option<(char, usize)> {
    if bytes.get(2) == Some(&b'{') {
        let digits = bytes.get(3..)?;
        let length = digits
            .iter()
            .position(|byte| !byte.is_ascii_hexdigit())
            .filter(|length| *length > 0 && digits[*length] == b'}')?;
        let point = hexadecimal(&digits[..length])?;
        return Some((char::from_u32(point)?, length + 4));
    }
    let first = hexadecimal(bytes.get(2..6)?)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    let second = bytes.get(6..12)?.strip_prefix(b"\\u")?;
    let second = hexadecimal(second).filter(|second| (0xdc00..0xe000).contains(second))?;
    let point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    Some((char::from_u32(point)?, 12))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        number.checked_mul(16)?.checked_add(digit)
    })
}

/// The value of a string, given the text between its quotes.
pub(super) fn string(inner: &str) -> String {
    let mut value = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        rest = &rest[at..];
        // The lexer has rejected all other sequences.
        let Some((character, length)) = escape(rest.as_bytes()) else {
            break;
        };
        value.push(character);
        rest = &rest[length..];
    }
    value.push_str(rest);
    value
}

/// The value of a block string, given the text between its quotes: without common indentation and without leading and
/// trailing blank lines (`BlockStringValue` in the specification).
pub(super) fn block_string(inner: &str) -> String {
    let lines: Vec<&str> = lines(inner).collect();
    let indent_of = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let is_blank = |line: &&str| indent_of(line) == line.len();
    let Some(first) = lines.iter().position(|line| !is_blank(line)) else {
        return String::new();
    };
    let last = lines
        .iter()
        .rposition(|line| !is_blank(line))
        .unwrap_or(first);
    let common = lines
        .iter()
        .skip(1)
        .filter(|line| !is_blank(line))
        .map(|line| indent_of(line))
        .min()
        .unwrap_or(0);
    let mut value = String::with_capacity(inner.len());
    for (number, line) in lines.iter().enumerate().take(last + 1).skip(first) {
        if number > first {
            value.push('\n');
        }
        let indent = if number == 0 { 0 } else { common };
        value.push_str(line.get(indent..).unwrap_or_default());
    }
    if value.contains("\\\"\"\"") {
        value = value.replace("\\\"\"\"", "\"\"\"");
    }
    value
}

/// Lines end with a line feed, a carriage return, or both.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let terminator = if text[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = Some(&text[end + terminator..]);
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unescaped() {
        for (inner, value) in [
            ("", ""),
            ("plain é🎧", "plain é🎧"),
            (r#"\"\\\/"#, "\"\\/"),
            (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t"),
            (r"caf\u00e9 caf\u00E9", "café café"),
            (r"\ud83c\udfa7 \uD83C\uDFA7", "🎧 🎧"),
            (r"\u{1F3A7}\u{1f3a7}\u{e9}\u{000000000041}", "🎧🎧éA"),
            (r"\u{10FFFF}\uffff", "\u{10ffff}\u{ffff}"),
            (r"\\u0041", "\\u0041"),
        ] {
            assert_eq!(string(inner), value, "{inner}");
        }
    }

    #[test]
    fn block_strings_lose_what_is_there_for_the_eye() {
        for (inner, value) in [
            ("", ""),
            (" \n\t\n ", ""),
            ("abc", "abc"),
            ("  abc  ", "  abc  "),
            (
                "\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  ",
                "Hello,\n  World!\n\nYours,\n  GraphQL.",
            ),
            ("a\r\n   b\n     c\r    d", "a\nb\n  c\n d"),
            ("a\r b\r\r c\r", "a\nb\n\nc"),
            ("\r\n\r\n a\n\r", "a"),
            ("a\n\u{a0}b\n  c", "a\n\u{a0}b\n  c"),
            (
                "say \\\"\"\"hello\\\"\"\" \\n \\u0041",
                "say \"\"\"hello\"\"\" \\n \\u0041",
            ),
            ("\n  a\n \n  b\n", "a\n\nb"),
            ("\n  a\n     \n  b\n", "a\n   \nb"),
        ] {
            assert_eq!(block_string(inner), value, "{inner:?}");
        }
    }
}
