//! JSON representations of graph values: exact decimal amounts, and times with second precision.

use chrono::{DateTime, SecondsFormat, Utc};
use resolvers::id::IdKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// The currency of amounts without an explicit one.
const DEFAULT_CURRENCY: &str = "USD";

/// An amount in units of its currency. The graph's decimal string becomes a JSON number digit by digit, without floats.
#[derive(Clone, Debug)]
pub(super) struct Amount(Box<RawValue>);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        match RawValue::from_string(text) {
            Ok(number) if is_number => Ok(Self(number)),
            _ => Err(D::Error::custom("an amount is not a number")),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Number))
            .description(Some(
                "An amount of money in the units of its currency, with that currency's decimals.",
            ))
            .examples([serde_json::json!(314.99)])
            .into()
    }
}

impl ToSchema for Amount {}

/// The graph's `Money`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Money {
    pub(super) amount: Amount,
    currency: String,
}

impl Money {
    /// The currency, unless it is USD, which older clients assume.
    pub(super) fn other_currency(&self) -> Option<String> {
        (self.currency != DEFAULT_CURRENCY).then(|| self.currency.clone())
    }
}

/// A timestamp with second precision.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Timestamp(DateTime<Utc>);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

/// Enum values, which the graph writes in upper case, in lower case.
pub(super) mod graph_enum {
    use serde::de::value::StringDeserializer;
    use serde::de::{Deserialize, Deserializer, IntoDeserializer};
    use serde::ser::{Error, Serialize, Serializer};

    pub(in crate::rest) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        let name = String::deserialize(deserializer)?.to_ascii_lowercase();
        let name: StringDeserializer<D::Error> = name.into_deserializer();
        T::deserialize(name)
    }

    pub(in crate::rest) fn serialize<S, T>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        T: Serialize,
    {
        match serde_json::to_value(value) {
            Ok(serde_json::Value::String(name)) => {
                serializer.serialize_str(&name.to_ascii_uppercase())
            }
            _ => Err(S::Error::custom("the value is not an enum name")),
        }
    }
}

/// Deserializes a member that is there, be it null: with `default`, an absent one is `None`, and null is `Some(None)`. For
/// members of inputs where the graph distinguishes them.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A UTC timestamp with second precision."))
            .examples([serde_json::json!("2025-10-09T10:15:22Z")])
            .into()
    }
}

impl ToSchema for Timestamp {}

/// Parses an id from a path for the graph. An id of another kind is replaced by one that does not exist.
pub(super) fn id_in_path(kind: IdKind, id: &str) -> String {
    match kind.parse(id) {
        Some(_) => id.to_owned(),
        None => kind.format(Uuid::nil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_all_their_digits() {
        for digits in [
            "314.99",
            "8.40",
            "0.00",
            "-12.50",
            "90071992547409.93",
            "31499",
        ] {
            let amount: Amount = serde_json::from_value(digits.into()).unwrap();
            assert_eq!(serde_json::to_string(&amount).unwrap(), digits);
        }
        for text in ["", "x", "null", "\"1\"", "1 2", "[1]", "NaN", "01"] {
            assert!(
                serde_json::from_value::<Amount>(text.into()).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn times_are_written_to_the_second() {
        let time: Timestamp = serde_json::from_str("\"2025-10-09T10:15:22.987Z\"").unwrap();
        let written = serde_json::to_string(&time).unwrap();
        assert_eq!(written, "\"2025-10-09T10:15:22Z\"");
    }

    #[test]
    fn what_is_no_id_is_nobodys() {
        let id = IdKind::Return.format(Uuid::now_v7());
        assert_eq!(id_in_path(IdKind::Return, &id), id);
        let nobodys = "ret_00000000000000000000000000";
        for other in ["ret_9k0l1m2n", "", "usr_1", &id[1..]] {
            assert_eq!(id_in_path(IdKind::Return, other), nobodys);
        }
    }
}
