//! The graph's custom scalars, the same in every subgraph.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike, NaiveTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A timestamp: RFC 3339 in UTC with milliseconds, "2025-10-03T14:08:00.000Z".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DateTime(pub chrono::DateTime<Utc>);

impl DateTime {
    /// A time as in RFC 3339, with any offset. `None` also for one whose year has no four digits in UTC: SQLite compares
    /// times as text.
    pub fn read(text: &str) -> Option<Self> {
        let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        let time = time.with_timezone(&Utc);
        (0..=9_999).contains(&time.year()).then_some(Self(time))
    }
}

/// A point in time, as in RFC 3339. Output is in UTC with milliseconds, "2025-10-03T14:08:00.000Z"; input may have any
/// offset.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        Self::read(text)
            .ok_or_else(|| InputValueError::custom("expected RFC 3339, like 2025-10-03T14:08:00Z"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl From<chrono::DateTime<Utc>> for DateTime {
    fn from(time: chrono::DateTime<Utc>) -> Self {
        Self(time)
    }
}

/// A time of day without a date or time zone, "22:00".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LocalTime(pub NaiveTime);

impl LocalTime {
    /// Hours and minutes with two digits each.
    fn read(text: &str) -> Option<Self> {
        // By itself, the parser accepts digits that are missing, and spaces in their place.
        let [b'0'..=b'9', b'0'..=b'9', b':', b'0'..=b'9', b'0'..=b'9'] = text.as_bytes() else {
            return None;
        };
        NaiveTime::parse_from_str(text, "%H:%M").ok().map(Self)
    }
}

/// A time of day without a date or time zone: hours and minutes on the 24-hour clock with two digits each, "07:00".
#[Scalar(
    name = "LocalTime",
    specified_by_url = "https://www.iso.org/standard/70907.html"
)]
impl ScalarType for LocalTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        Self::read(text).ok_or_else(|| {
            InputValueError::custom(
                "expected hours and minutes with two digits each, such as 07:00",
            )
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%H:%M").to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_with_milliseconds() {
        let parsed = DateTime::parse("2025-10-03T16:08:00.1234+02:00".into()).unwrap();
        assert_eq!(parsed.to_value(), "2025-10-03T14:08:00.123Z".into());
        for bad in [
            "yesterday",
            "2025-10-03",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
            "+10000-01-01T00:00:00Z",
        ] {
            assert!(DateTime::parse(bad.into()).is_err(), "{bad}");
        }
        assert!(DateTime::parse(5.into()).is_err());
    }

    #[test]
    fn a_time_of_day_is_hours_and_minutes() {
        let parsed = LocalTime::parse("22:00".into()).unwrap();
        assert_eq!(parsed.to_value(), "22:00".into());
        for bad in [
            "24:00", "7pm", "22:00:30", "7:00", " 7:00", "07:0", "07: 0", "+7:00", "22:60", "",
        ] {
            assert!(LocalTime::parse(bad.into()).is_err(), "{bad}");
        }
    }
}
