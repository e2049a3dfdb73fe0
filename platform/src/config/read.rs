//! Deserializes the untyped tree through serde.

use std::fmt::{self, Display};

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::node::{Node, Value};
use super::secret;

/// The problem with the value at the path found by `serde_path_to_error`.
#[derive(Debug)]
pub(super) enum Problem {
    /// The last key of the path is not one of these.
    UnknownKey(&'static [&'static str]),
    /// The section lacks this key, which has no default.
    MissingKey(&'static str),
    /// The problem, and the value's expected form.
    BadValue(String),
    /// The variable is empty, which means that the value is not set.
    Unset,
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(known) => write!(f, "is not one of {}", known.join(", ")),
            Self::MissingKey(key) => write!(f, "needs the key {key:?}"),
            Self::BadValue(problem) => f.write_str(problem),
            Self::Unset => f.write_str("is empty"),
        }
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: Display>(problem: T) -> Self {
        Self::BadValue(problem.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (expected, found) = (expected.to_string(), found(unexpected));
        Self::BadValue(format!("expected {}, found {found}", plain(&expected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::BadValue(format!("{variant:?} is not one of {}", expected.join(", ")))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownKey(expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::MissingKey(field)
    }
}

/// Describes the value found in terms a writer of YAML knows, instead of serde's.
fn found(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map | Unexpected::StructVariant => "a section of keys".to_owned(),
        other => other.to_string(),
    }
}

/// Likewise for the expected type.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "u128" | "usize" => "a whole number from 0 up",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a string" => "text (in quotes)",
        "socket address" => "an address and port",
        other => other,
    }
}

/// Reads a node. YAML values carry their type; the text of a variable or flag takes the type that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) node: &'a Node,
    /// Secrets with fewer bytes are rejected.
    pub(super) shortest_secret: usize,
}

impl Reader<'_> {
    fn of(self, node: &Node) -> Reader<'_> {
        Reader {
            node,
            shortest_secret: self.shortest_secret,
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Value::Bare(text) = &self.node.value else {
            return self.deserialize_any(visitor);
        };
        let text = text.trim();
        if let Ok(number) = text.parse() {
            visitor.visit_u64(number)
        } else if let Ok(number) = text.parse() {
            visitor.visit_i64(number)
        } else if let Ok(number) = text.parse() {
            visitor.visit_f64(number)
        } else {
            // The visitor reports what it expected.
            self.deserialize_any(visitor)
        }
    }
}

/// An empty variable where a value may be left out. Only what asks for the value says whether it is a secret, which
/// must not be unset by mistake; that of any other is [`Problem::Unset`].
struct Empty;

impl<'de> Deserializer<'de> for Empty {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Problem> {
        Err(Problem::Unset)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: V,
    ) -> Result<V::Value, Problem> {
        if name == secret::NAME {
            secret::check("", secret::SHORTEST).map_err(Problem::BadValue)?;
        }
        Err(Problem::Unset)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Problem> for Reader<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::Text(text) | Value::Bare(text) => visitor.visit_str(text),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Section(_) => self.deserialize_map(visitor),
        }
    }

    numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Bare(text) if text.trim() == "true" => visitor.visit_bool(true),
            Value::Bare(text) if text.trim() == "false" => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    /// An empty variable means "not set", unless it is a secret.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Null => visitor.visit_none(),
            Value::Bare(text) if text.is_empty() => visitor.visit_some(Empty),
            _ => visitor.visit_some(self),
        }
    }

    /// In a variable, list items are separated by commas.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let split: Vec<Node>;
        let items = match &self.node.value {
            Value::Null => &[],
            Value::List(items) => items.as_slice(),
            Value::Bare(text) => {
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                split = items
                    .map(|item| Node::at(&[], item.to_owned(), &self.node.origin))
                    .collect();
                &split
            }
            _ => return self.deserialize_any(visitor),
        };
        let items = items.iter().map(|item| self.of(item));
        visitor.visit_seq(SeqDeserializer::new(items))
    }

    /// A section whose keys are all commented out parses as null and means the defaults.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let entries = match &self.node.value {
            Value::Section(entries) => Some(entries),
            Value::Null => None,
            Value::Bare(_) => {
                return Err(de::Error::custom(
                    "this is a section: set the keys in it, joined by two underscores",
                ));
            }
            _ => {
                return Err(de::Error::custom(
                    "this is a section: put its keys below it",
                ));
            }
        };
        let entries = entries.into_iter().flatten();
        visitor.visit_map(MapDeserializer::new(
            entries.map(|(key, node)| (key.as_str(), self.of(node))),
        ))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Text(text) | Value::Bare(text) => {
                let variant: StrDeserializer<'_, Problem> = text.as_str().into_deserializer();
                variant.deserialize_enum(name, variants, visitor)
            }
            Value::Section(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, node)| (key.as_str(), self.of(node)));
                MapAccessDeserializer::new(MapDeserializer::new(entries))
                    .deserialize_enum(name, variants, visitor)
            }
            _ => Err(de::Error::custom(format_args!(
                "expected one of {}",
                variants.join(", ")
            ))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        if name == secret::NAME
            && let Value::Text(text) | Value::Bare(text) = &self.node.value
        {
            secret::check(text, self.shortest_secret).map_err(Problem::BadValue)?;
        }
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}
