//! Lenient field readers for third parties' JSON: an invalid field counts as missing, so that one field of an
//! unexpected type does not invalidate the rest.

use std::slice;

use chrono::{DateTime, Utc};
use serde_json::Value;

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

/// The elements of a list; a single object counts as a list of one.
pub fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        Value::Object(_) => slice::from_ref(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &[],
    }
}

/// A timestamp with its UTC offset.
pub fn time(value: &Value) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(value.as_str()?.trim()).ok()?;
    Some(time.with_timezone(&Utc))
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
            assert_eq!(time(&odd), None, "{odd}");
        }
        assert_eq!(list(&json!([1, 2])).len(), 2);
        assert_eq!(list(&json!({"a": 1})), [json!({"a": 1})]);
        for odd in [json!(null), json!("a"), json!(1)] {
            assert!(list(&odd).is_empty(), "{odd}");
        }
        let utc = "2025-10-03T12:00:00Z".parse().ok();
        assert_eq!(time(&json!("2025-10-03T14:00:00+02:00")), utc);
        assert_eq!(time(&json!("2025-10-03T14:00:00")), None);
    }
}
