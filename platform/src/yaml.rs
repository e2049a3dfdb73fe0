//! YAML 1.2, core schema. Errors are one line and never quote the text, which may contain secrets.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_saphyr::UserMessageFormatter;

/// A syntax or type error, with its line and column.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct YamlError(String);

/// Reads one document. A text with only comments is null.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    let options = serde_saphyr::options! {
        leading_zero_numbers_as_strings: true,
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| YamlError(error.render_with_formatter(&UserMessageFormatter)))
}

/// Writes a value as one document.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, YamlError> {
    let options = serde_saphyr::ser_options! {
        // Keep a long text on one line.
        prefer_block_scalars: false,
    };
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, value, options)
        .map_err(|error| YamlError(error.to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        let text = "[yes, on, 012, 1_000, 12:30, '5', true, 5, -5, 0.5, ~]";
        assert_eq!(
            from_str::<Value>(text).unwrap(),
            json!([
                "yes", "on", "012", "1_000", "12:30", "5", true, 5, -5, 0.5, null
            ])
        );
        assert_eq!(from_str::<Value>("# nothing\n").unwrap(), Value::Null);
        assert!(from_str::<bool>("yes").is_err());
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let long = "word ".repeat(50);
        let value = json!({"a": {"b": [1, "x", null, true, "5", "yes", "012", "…", "a: b", ""]}, "c": {}, "d": long});
        let text = to_string(&value).unwrap();
        assert_eq!(from_str::<Value>(&text).unwrap(), value);
        assert_eq!(text.lines().count(), 14, "{text}");
    }

    #[test]
    fn an_error_names_the_line_and_shows_nothing_of_the_text() {
        for text in [
            "a: 1\nsecret: [hunter2",
            "a: 1\nsecret: \"hunter2",
            "a: 1\n  secret: hunter2",
            "a: 1\na: hunter2",
        ] {
            let error = from_str::<Value>(text).unwrap_err().to_string();
            assert!(error.contains("line 2"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
