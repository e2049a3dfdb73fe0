//! Gives a tree of values its types through serde, keeping the path and origin of what goes wrong.

use std::collections::btree_map;
use std::fmt::{self, Display};
use std::slice;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::bare::Bare;
use super::node::{Node, Origin, Value};
use super::secret;

/// What went wrong, at which path (outermost key first), and where that value was set.
#[derive(Debug)]
pub(super) struct DecodeError {
    pub(super) path: Vec<String>,
    pub(super) origin: Option<Origin>,
    pub(super) fault: Fault,
}

#[derive(Debug)]
pub(super) enum Fault {
    /// The last key of the path is none of these.
    UnknownKey(&'static [&'static str]),
    /// The section at the path lacks this key, which has no default.
    MissingKey(&'static str),
    /// The value is wrong; the text says how, and how to write it.
    BadValue(String),
}

impl DecodeError {
    fn new(fault: Fault) -> Self {
        Self {
            path: Vec::new(),
            origin: None,
            fault,
        }
    }

    /// Adds the key under which this happened and, for the innermost value, where it was set.
    fn under(mut self, key: &str, origin: &Origin) -> Self {
        self.path.insert(0, key.to_owned());
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }
}

impl Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.path.join("."), self.fault)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: Display>(problem: T) -> Self {
        Self::new(Fault::BadValue(problem.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!(
            "expected {}, found {}",
            plain(&expected.to_string()),
            found(unexpected)
        ))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!(
            "{variant:?} is not one of {}",
            expected.join(", ")
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut error = Self::new(Fault::UnknownKey(expected));
        error.path.push(field.to_owned());
        error
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Fault::MissingKey(field))
    }
}

/// Serde's words for what was found are a programmer's; these are the ones of who writes YAML.
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

/// The same for what was expected.
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

/// Bare text decides by what is asked for; values from YAML know their type.
macro_rules! by_type {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            match &self.value {
                Value::Bare(text) => Bare(text).$method(visitor),
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) | Value::Bare(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items::new(items)),
            Value::Section(entries) => visitor.visit_map(Entries::new(entries)),
        }
    }

    by_type! {
        deserialize_bool
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Null => visitor.visit_none(),
            Value::Bare(text) => Bare(text).deserialize_option(visitor),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Null => visitor.visit_seq(Items::new(&[])),
            Value::Bare(text) => Bare(text).deserialize_seq(visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if let Value::Section(entries) = &self.value
            && let Some((key, node)) = entries
                .iter()
                .find(|(key, _)| !fields.contains(&key.as_str()))
        {
            return Err(DecodeError::new(Fault::UnknownKey(fields)).under(key, &node.origin));
        }
        self.deserialize_map(visitor)
    }

    /// A section whose keys are all commented out reads as null, and means its defaults.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Section(entries) => visitor.visit_map(Entries::new(entries)),
            Value::Null => visitor.visit_map(NoEntries),
            Value::Bare(text) => Bare(text).deserialize_map(visitor),
            _ => Err(de::Error::custom(
                "this is a section: put its keys below it",
            )),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Text(text) | Value::Bare(text) => {
                Bare(text).deserialize_enum(name, variants, visitor)
            }
            Value::Section(entries) => MapAccessDeserializer::new(Entries::new(entries))
                .deserialize_enum(name, variants, visitor),
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
    ) -> Result<V::Value, DecodeError> {
        if name == secret::NAME {
            self.is_secret.set(true);
        }
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items<'de> {
    items: slice::Iter<'de, Node>,
    position: usize,
}

impl<'de> Items<'de> {
    fn new(items: &'de [Node]) -> Self {
        Self {
            items: items.iter(),
            position: 0,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some(node) = self.items.next() else {
            return Ok(None);
        };
        self.position += 1;
        seed.deserialize(node)
            .map(Some)
            .map_err(|error| error.under(&self.position.to_string(), &node.origin))
    }
}

struct Entries<'de> {
    entries: btree_map::Iter<'de, String, Node>,
    current: Option<(&'de str, &'de Node)>,
}

impl<'de> Entries<'de> {
    fn new(entries: &'de std::collections::BTreeMap<String, Node>) -> Self {
        Self {
            entries: entries.iter(),
            current: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let Some((key, node)) = self.entries.next() else {
            return Ok(None);
        };
        self.current = Some((key, node));
        let text: StrDeserializer<'_, DecodeError> = key.as_str().into_deserializer();
        seed.deserialize(text)
            .map(Some)
            .map_err(|error| match error.fault {
                Fault::UnknownKey(_) => error,
                _ => error.under(key, &node.origin),
            })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let Some((key, node)) = self.current.take() else {
            return Err(de::Error::custom("a value was read before its key"));
        };
        seed.deserialize(node)
            .map_err(|error| error.under(key, &node.origin))
    }
}

struct NoEntries;

impl<'de> MapAccess<'de> for NoEntries {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        _seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        _seed: V,
    ) -> Result<V::Value, DecodeError> {
        Err(de::Error::custom("an empty section has no value"))
    }
}
