//! Durations as people write them: `500ms`, `30s`, `15m`, `72h`, `14d`, `1h30m`. Parsed by `humantime`; written without
//! its months and years, which are not whole numbers of days.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds in each unit, the longest first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const NANOS_PER_MILLI: u32 = 1_000_000;

/// A hundred years: durations are added to times, which end somewhere.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(36_500 * 24 * 60 * 60);

/// A duration in the configuration, in whole milliseconds. Reads as a [`std::time::Duration`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

impl Duration {
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(std::time::Duration::from_millis(milliseconds))
    }

    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// As the standard library's type.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }
}

/// Why a text is not a duration, with how to write one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("{0:?} has no unit: write {0}s for seconds, or use ms, m, h or d")]
    NoUnit(String),
    #[error("{0:?} is not a duration: write it like 500ms, 30s, 15m, 72h or 14d")]
    Malformed(String),
    #[error("{0:?} is too long: write 36500d at most")]
    TooLong(String),
    #[error("{0:?} is not a whole number of milliseconds")]
    TooFine(String),
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        match humantime::parse_duration(text) {
            Ok(exact) if exact.subsec_nanos() % NANOS_PER_MILLI != 0 => {
                Err(DurationError::TooFine(text.to_owned()))
            }
            Ok(exact) if exact > LONGEST => Err(DurationError::TooLong(text.to_owned())),
            Ok(exact) => Ok(exact.into()),
            Err(humantime::DurationError::NumberOverflow) => {
                Err(DurationError::TooLong(text.to_owned()))
            }
            Err(_) => Err(DurationError::Malformed(text.to_owned())),
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, scale) in UNITS {
            if rest >= scale {
                write!(f, "{}{unit}", rest / scale)?;
                rest %= scale;
            }
        }
        Ok(())
    }
}

impl Deref for Duration {
    type Target = std::time::Duration;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Rounds down to whole milliseconds.
impl From<std::time::Duration> for Duration {
    fn from(exact: std::time::Duration) -> Self {
        Self::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 500ms, 30s, 15m, 72h or 14d")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Duration, E> {
                Err(E::custom(DurationError::NoUnit(number.to_string())))
            }
        }
        // Not `deserialize_str`: the visitor should produce the error message, not the format.
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration: 500ms, 30s, 15m, 72h, 14d, 1h30m.",
            "pattern": r"^\s*([0-9]+(ms|s|m|h|d)\s*)+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        let check = |text: &str, milliseconds: u64| {
            assert_eq!(
                text.parse(),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        };
        check("500ms", 500);
        check("30s", 30_000);
        check("15m", 900_000);
        check("72h", 259_200_000);
        check("14d", 1_209_600_000);
        check("1h30m", 5_400_000);
        check(" 1h 30m ", 5_400_000);
        check("0s", 0);
        check("1.5s", 1_500);
        check("2 weeks", 1_209_600_000);
    }

    #[test]
    fn what_is_no_length_is_refused_with_the_way_to_write_one() {
        let check = |text: &str, message: &str| {
            let error = text.parse::<Duration>().expect_err(text);
            assert_eq!(error.to_string(), message);
        };
        check(
            "30",
            "\"30\" has no unit: write 30s for seconds, or use ms, m, h or d",
        );
        for text in ["", "s", "soon", "-1s", "5 parsecs", "1h30", "1hé"] {
            check(
                text,
                &format!("{text:?} is not a duration: write it like 500ms, 30s, 15m, 72h or 14d"),
            );
        }
        for text in ["99999999999999999999s", "999999999999999999d", "36501d"] {
            check(text, &format!("{text:?} is too long: write 36500d at most"));
        }
        check("10us", "\"10us\" is not a whole number of milliseconds");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_the_same(milliseconds in 0..=36_500 * UNITS[0].1) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }
}
