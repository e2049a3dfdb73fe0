//! Lenient readers for third parties' JSON: an invalid field counts as missing, so that one field of an unexpected
//! type does not invalidate the rest.

mod repair;

use std::slice;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Parses a third party's JSON. What the parser refuses although the rest can be read, a field that nobody reads may
/// have: half of a surrogate pair and bytes that are no UTF-8 become U+FFFD, a number out of range becomes null, and
/// control characters in strings are kept. The error is that of the text as it was sent.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(body).or_else(|error| {
        let repaired = repair::repair(body);
        serde_json::from_slice(&repaired).map_err(|_| error)
    })
}

/// Non-blank text, trimmed, without the control characters that databases reject. Numbers count as text, since some
/// providers send them.
pub fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => {
            let printable: String = text.chars().filter(|letter| !letter.is_control()).collect();
            printable.trim().to_owned()
        }
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Whether a flag is set, which some providers write as text or as a number.
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(_) | Value::String(_) => match text(value)?.to_lowercase().as_str() {
            "true" | "yes" | "y" | "1" | "1.0" => Some(true),
            "false" | "no" | "n" | "0" | "0.0" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, which some providers write as text or with decimals.
pub fn integer(value: &Value) -> Option<i64> {
    let text = text(value)?;
    let whole = text
        .split_once('.')
        .map_or(text.as_str(), |(whole, decimals)| {
            let is_zero = !decimals.is_empty() && decimals.bytes().all(|digit| digit == b'0');
            if is_zero { whole } else { "" }
        });
    whole.parse().ok()
}

/// Deserializes with [`flag`].
pub fn deserialize_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    flag(&value).ok_or_else(|| D::Error::custom(format!("{value} is not true or false")))
}

/// Deserializes with [`integer`].
pub fn deserialize_integer<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    let value = Value::deserialize(deserializer)?;
    let integer = integer(&value).and_then(|integer| T::try_from(integer).ok());
    integer.ok_or_else(|| D::Error::custom(format!("{value} is not a whole number in range")))
}

/// The elements of a list; a single object counts as a list of one.
pub fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        Value::Object(_) => slice::from_ref(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &[],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_another_type_is_none() {
        assert_eq!(text(&json!(" a ")).as_deref(), Some("a"));
        assert_eq!(text(&json!(12)).as_deref(), Some("12"));
        assert_eq!(text(&json!("a\u{0}b\n")).as_deref(), Some("ab"));
        for odd in [json!(null), json!(""), json!([]), json!({}), json!(true)] {
            assert_eq!(text(&odd), None, "{odd}");
        }
        assert_eq!(list(&json!([1, 2])).len(), 2);
        assert_eq!(list(&json!({"a": 1})), [json!({"a": 1})]);
        for odd in [json!(null), json!("a"), json!(1)] {
            assert!(list(&odd).is_empty(), "{odd}");
        }
    }

    #[test]
    fn a_flag_or_a_number_of_another_type_is_read_if_it_can_only_mean_one() {
        for set in [
            json!(true),
            json!("true"),
            json!(" Y "),
            json!(1),
            json!("YES"),
            json!(1.0),
        ] {
            assert_eq!(flag(&set), Some(true), "{set}");
        }
        for unset in [
            json!(false),
            json!("False"),
            json!("n"),
            json!(0),
            json!("0"),
        ] {
            assert_eq!(flag(&unset), Some(false), "{unset}");
        }
        for odd in [
            json!(null),
            json!("maybe"),
            json!(2),
            json!([true]),
            json!(""),
        ] {
            assert_eq!(flag(&odd), None, "{odd}");
        }
        for (sent, read) in [
            (json!(1299), Some(1_299)),
            (json!("1299"), Some(1_299)),
            (json!(" -7 "), Some(-7)),
            (json!(1299.0), Some(1_299)),
            (json!("1299.00"), Some(1_299)),
            (json!(1299.5), None),
            (json!("1299."), None),
            (json!("1e3"), None),
            (json!("9223372036854775808"), None),
            (json!(true), None),
            (json!(null), None),
        ] {
            assert_eq!(integer(&sent), read, "{sent}");
        }
    }

    #[test]
    fn a_value_that_no_json_can_have_costs_no_other() {
        for (sent, read) in [
            (r#""\ud83d""#, json!("\u{fffd}")),
            (r#""\ude00\ud83d.""#, json!("\u{fffd}\u{fffd}.")),
            (r#""\ud83d\ud83d\ude00""#, json!("\u{fffd}😀")),
            (r#""\ud83d\n""#, json!("\u{fffd}\n")),
            (
                r#""\\ud83d \"1e999\" \ud83d""#,
                json!("\\ud83d \"1e999\" \u{fffd}"),
            ),
            ("1e999", json!(null)),
            ("-1.5E+400", json!(null)),
            (&"9".repeat(400), json!(null)),
            ("\"a\tb\nc\"", json!("a\tb\nc")),
            (
                r#"{"\ud83d": [1e999, 1e9]}"#,
                json!({"\u{fffd}": [null, 1e9]}),
            ),
        ] {
            let body = format!(r#"{{"id": "é😀", "odd": {sent}, "count": 7}}"#);
            assert!(serde_json::from_str::<Value>(&body).is_err(), "{body}");
            let expected = json!({"id": "é😀", "odd": read, "count": 7});
            assert_eq!(from_slice::<Value>(body.as_bytes()).unwrap(), expected);
        }
        let latin = from_slice::<Value>(b"\xef\xbb\xbf[\"K\xf6ln\"]").unwrap();
        assert_eq!(latin, json!(["K\u{fffd}ln"]));
    }

    #[test]
    fn what_is_no_json_stays_so() {
        for body in [
            "", "{", "[1,]", "\"", "\"\\ud8", "\"\\q\"", "nul", "[1e]", "--1",
        ] {
            assert!(from_slice::<Value>(body.as_bytes()).is_err(), "{body}");
        }
        // The error is of the text as it was sent.
        let error = from_slice::<Value>(br#"{"a": 1e999, }"#).unwrap_err();
        assert_eq!(error.to_string(), "number out of range at line 1 column 11");
    }

    proptest::proptest! {
        #[test]
        fn what_is_json_stays_as_it_is(text in ".*", escapes in "(\\\\[nu\"]|\\P{C})*", number: f64) {
            let body = serde_json::to_vec(&json!({ text: [escapes, number] })).unwrap();
            proptest::prop_assert_eq!(repair::repair(&body), body);
        }

        #[test]
        fn anything_can_be_repaired(body in "[\"\\\\ud8c01e9.+{}:,\u{0}-]*") {
            repair::repair(body.as_bytes());
        }
    }
}
