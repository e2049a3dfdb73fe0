//! Numbers of any length. JSON and GraphQL do not bound numbers, but `serde_json` and in-process subgraphs have 64
//! bits. A number that may not fit is kept as digits until its type is known: then a `Float` is rounded, an `ID`
//! becomes its digits, and a custom scalar's subgraph gets what the client wrote.

use std::borrow::Cow;

use async_graphql::Name;
use async_graphql::Value as LocalValue;
use serde_json::{Map, Number, Value};

/// The only key of an object that represents a number. A client may write such an object too, but gains nothing but a
/// number.
const DIGITS: &str = "$digits";

/// Digits that a double always preserves.
const SHORT: usize = 15;

/// Powers of ten that are exact doubles: scaling by one rounds once, and correctly.
const EXACT_POWERS: i64 = 22;

/// Whether a number survives a round trip through a double with the same digits, however it is parsed.
pub(crate) fn is_short(number: &str) -> bool {
    // The common case, decided without a closer look.
    if number.len() <= SHORT && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    let (significand, exponent) = split(number);
    let decimals = significand
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len() as i64);
    let digits = significand
        .bytes()
        .filter(u8::is_ascii_digit)
        .skip_while(|digit| *digit == b'0')
        .count();
    let Ok(exponent) = exponent.parse::<i64>() else {
        return false;
    };
    digits <= SHORT && exponent.saturating_sub(decimals).saturating_abs() <= EXACT_POWERS
}

/// `-1.5e7` is `-1.5` and `7`.
fn split(number: &str) -> (&str, &str) {
    let (significand, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    (significand, exponent.strip_prefix('+').unwrap_or(exponent))
}

pub(crate) fn is_integer(number: &str) -> bool {
    !number.contains(['.', 'e', 'E'])
}

/// The double nearest to a number, unless that is infinite.
pub(crate) fn finite(number: &str) -> Option<f64> {
    number.parse().ok().filter(|float: &f64| float.is_finite())
}

/// A number as a JSON value.
pub(crate) fn to_json(number: &str) -> Value {
    if is_short(number)
        && let Ok(short) = number.parse::<Number>()
    {
        return Value::Number(short);
    }
    let mut kept = Map::with_capacity(1);
    kept.insert(DIGITS.to_owned(), Value::String(number.to_owned()));
    Value::Object(kept)
}

/// The digits of a number kept as digits.
pub(crate) fn digits(value: &Value) -> Option<&str> {
    match value {
        Value::Object(kept) if kept.len() == 1 => {
            let digits = kept.get(DIGITS)?.as_str()?;
            is_number(digits).then_some(digits)
        }
        _ => None,
    }
}

/// By JSON's grammar, which GraphQL shares.
fn is_number(text: &str) -> bool {
    let (significand, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let unsigned = significand.strip_prefix('-').unwrap_or(significand);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && is_digits(decimals)
        && is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

/// Replaces the long numbers in JSON by their digits. Invalid JSON is left unchanged.
pub(crate) fn preserve_digits(json: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = end_of_string(json, at + 1),
            b'-' | b'0'..=b'9' => {
                let rest = &json[at..];
                let length = rest.iter().position(|byte| !is_of_number(*byte));
                let length = length.unwrap_or(rest.len());
                let number = std::str::from_utf8(&rest[..length]).unwrap_or_default();
                if !is_short(number) && is_number(number) {
                    out.extend_from_slice(&json[copied..at]);
                    out.extend_from_slice(format!("{{\"{DIGITS}\":\"{number}\"}}").as_bytes());
                    copied = at + length;
                }
                at += length;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.extend_from_slice(&json[copied..]);
    Cow::Owned(out)
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// The offset after the closing quote of a string.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    loop {
        let rest = json.get(at..).unwrap_or_default();
        let Some(stop) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
            return json.len();
        };
        at += stop;
        if json[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
}

/// Appends a variable as JSON. A number kept as digits is written verbatim, or as a string for subgraphs with 64-bit
/// numbers.
pub(crate) fn write(value: &Value, quoted: bool, out: &mut Vec<u8>) {
    if let Some(digits) = digits(value) {
        let quote: &[u8] = if quoted { b"\"" } else { b"" };
        out.extend_from_slice(quote);
        out.extend_from_slice(digits.as_bytes());
        out.extend_from_slice(quote);
        return;
    }
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, quoted, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (index, (name, field)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                super::write_string(name.as_bytes(), out);
                out.push(b':');
                write(field, quoted, out);
            }
            out.push(b'}');
        }
        Value::String(text) => super::write_string(text.as_bytes(), out),
        // Writing to memory cannot fail.
        _ => drop(serde_json::to_writer(out, value)),
    }
}

/// A variable for an async-graphql schema, whose numbers have 64 bits: longer ones become strings.
pub(crate) fn to_local(value: &Value) -> LocalValue {
    if let Some(digits) = digits(value) {
        return LocalValue::String(digits.to_owned());
    }
    match value {
        Value::Null => LocalValue::Null,
        Value::Bool(flag) => LocalValue::Boolean(*flag),
        Value::Number(number) => LocalValue::Number(number.clone()),
        Value::String(text) => LocalValue::String(text.clone()),
        Value::Array(items) => LocalValue::List(items.iter().map(to_local).collect()),
        Value::Object(fields) => LocalValue::Object(
            fields
                .iter()
                .map(|(name, field)| (Name::new(name), to_local(field)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SHORT_ONES: [&str; 13] = [
        "0",
        "-0",
        "7",
        "-1.5",
        "1.50",
        "999999999999999",
        "-0.000000000000001",
        "123456.789012345",
        "1e5",
        "1.5E+7",
        "15e-3",
        "0.0",
        "12e22",
    ];
    const LONG_ONES: [&str; 12] = [
        "90071992547409.93",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-123456789012345678901234567890",
        "0.1234567890123456",
        "1.000000000000000",
        "1e23",
        "1e400",
        "-1e-400",
        "1.79e308",
        "1e99999999999999999999",
    ];

    #[test]
    fn short_numbers_are_those_that_a_double_gives_back() {
        for number in SHORT_ONES {
            assert!(is_short(number), "{number}");
            assert!(to_json(number).is_number(), "{number}");
        }
        for number in LONG_ONES {
            assert!(!is_short(number), "{number}");
            assert_eq!(digits(&to_json(number)), Some(number));
        }
    }

    #[test]
    fn json_keeps_the_digits_of_long_numbers() {
        for number in LONG_ONES {
            let body = format!(r#"{{"a":[{number},1,"{number}\"{number}"],"{number}":{number}}}"#);
            let kept: Value =
                serde_json::from_slice(&preserve_digits(body.as_bytes())).expect("JSON");
            assert_eq!(digits(&kept["a"][0]), Some(number));
            assert_eq!(kept["a"][1], 1);
            assert_eq!(kept["a"][2], format!("{number}\"{number}"));
            assert_eq!(digits(&kept[number]), Some(number));
            let mut written = Vec::new();
            write(&kept, false, &mut written);
            assert_eq!(String::from_utf8(written).expect("text"), body);
            assert_eq!(
                to_local(&kept["a"][0]),
                LocalValue::String(number.to_owned())
            );
        }
    }

    #[test]
    fn what_is_not_json_does_not_become_json() {
        for text in [
            "{",
            "\"",
            "\"\\",
            "[00000000000000000000]",
            "[1234567890123456.]",
            "[1234567890123456e]",
            "[--1e400]",
            "[1e400e400]",
            "[-]",
            "[1e+]",
            "[1e+-400]",
            "[01e400]",
            "[1e400.5]",
            "[.1234567890123456]",
        ] {
            let kept = preserve_digits(text.as_bytes());
            assert!(serde_json::from_slice::<Value>(&kept).is_err(), "{text}");
        }
    }

    #[test]
    fn only_numbers_are_written_as_they_come() {
        for value in [
            json!({ "$digits": "1],\"x\":[2" }),
            json!({ "$digits": "" }),
            json!({ "$digits": "NaN" }),
            json!({ "$digits": 1 }),
            json!({ "$digits": "1", "other": 2 }),
        ] {
            assert_eq!(digits(&value), None, "{value}");
            let mut written = Vec::new();
            write(&value, false, &mut written);
            assert_eq!(
                serde_json::from_slice::<Value>(&written).expect("JSON"),
                value
            );
        }
    }

    proptest! {
        #[test]
        fn short_numbers_come_back_from_json(
            significand in 0_u64..1_000_000_000_000_000,
            decimals in 0_usize..18,
            negative in any::<bool>(),
        ) {
            let digits = format!("{significand:0>width$}", width = decimals + 1);
            let (whole, fraction) = digits.split_at(digits.len() - decimals);
            let sign = if negative { "-" } else { "" };
            let point = if decimals > 0 { "." } else { "" };
            let number = format!("{sign}{whole}{point}{fraction}");
            prop_assert!(is_number(&number), "{}", number);
            prop_assert!(is_short(&number), "{}", number);
            let read: f64 = serde_json::from_str(&number).expect("JSON");
            // Twice the significant digits.
            let back = format!("{read:.decimals$}");
            prop_assert_eq!(back, number);
        }

        #[test]
        fn any_json_is_written_as_it_was(value in any::<(i64, f64, String, Vec<u8>, Option<bool>)>()) {
            let (int, float, text, bytes, flag) = value;
            let value = json!({ "a": [int, float, text.clone(), bytes], text: { "b": flag } });
            let body = value.to_string();
            let kept: Value = serde_json::from_slice(&preserve_digits(body.as_bytes())).expect("JSON");
            let mut written = Vec::new();
            write(&kept, false, &mut written);
            prop_assert_eq!(String::from_utf8(written).expect("text"), body);
        }
    }
}
