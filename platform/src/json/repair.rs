//! Rewrites what JSON parsers refuse and its senders mean nothing by.

/// U+FFFD, as an escape.
const REPLACEMENT: &[u8] = b"\\ufffd";
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The text with unpaired surrogates and invalid UTF-8 replaced, numbers out of range made null, and control characters
/// in strings escaped. Everything else stays, whether it is JSON or not.
pub(super) fn repair(body: &[u8]) -> Vec<u8> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let text = String::from_utf8_lossy(body);
    let mut rest = text.as_bytes();
    let mut repaired = Vec::with_capacity(rest.len());
    while let Some(&first) = rest.first() {
        let length = match first {
            b'"' => {
                repaired.push(b'"');
                1 + string(&rest[1..], &mut repaired)
            }
            b'-' | b'0'..=b'9' => number(rest, &mut repaired),
            other => {
                repaired.push(other);
                1
            }
        };
        rest = &rest[length..];
    }
    repaired
}

/// Copies a string behind its opening quote, the closing one included, and returns how many bytes it had.
fn string(text: &[u8], repaired: &mut Vec<u8>) -> usize {
    let mut position = 0;
    while let Some(&byte) = text.get(position) {
        let rest = &text[position..];
        position += match (byte, surrogate(rest)) {
            (b'"', _) => {
                repaired.push(byte);
                return position + 1;
            }
            (b'\\', Some(Surrogate::High)) => {
                let is_pair = matches!(surrogate(&rest[6..]), Some(Surrogate::Low));
                let length = if is_pair { 12 } else { 6 };
                repaired.extend(if is_pair { &rest[..12] } else { REPLACEMENT });
                length
            }
            (b'\\', Some(Surrogate::Low)) => {
                repaired.extend(REPLACEMENT);
                6
            }
            (b'\\', None) => {
                let length = rest.len().min(2);
                repaired.extend(&rest[..length]);
                length
            }
            (0..0x20, _) => {
                repaired.extend(format!("\\u{byte:04x}").as_bytes());
                1
            }
            _ => {
                repaired.push(byte);
                1
            }
        };
    }
    position
}

enum Surrogate {
    High,
    Low,
}

/// The half of a pair that the text begins with, as an escape.
fn surrogate(text: &[u8]) -> Option<Surrogate> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..0xdc00 => Some(Surrogate::High),
        0xdc00..0xe000 => Some(Surrogate::Low),
        _ => None,
    }
}

/// Copies a number, or null in place of one that is out of range, and returns how many bytes it had.
fn number(text: &[u8], repaired: &mut Vec<u8>) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = text.iter().take_while(|byte| is_part(byte)).count();
    let (number, _) = text.split_at(length);
    let value = std::str::from_utf8(number).ok().map(str::parse::<f64>);
    let is_out_of_range = matches!(value, Some(Ok(value)) if value.is_infinite());
    repaired.extend(if is_out_of_range { b"null" } else { number });
    length
}
