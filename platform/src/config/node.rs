//! A configuration before it has types: a tree in which every value knows where it was set.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    Variable(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value, or a section of values, with its origin. A section's origin is that of its first key.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
    /// Whether it was read as a [`super::Secret`].
    pub(super) is_secret: Cell<bool>,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    /// Text of a variable or flag, whose type the reader decides: `1` may be a number or a name.
    Bare(String),
    List(Vec<Node>),
    Section(BTreeMap<String, Node>),
}

impl Value {
    pub(super) fn is_text(&self, expected: &str) -> bool {
        matches!(self, Self::Text(text) | Self::Bare(text) if text.trim() == expected)
    }
}

/// A key that one layer sets to a value and a higher one puts keys into; its dotted path.
#[derive(Debug)]
pub(super) struct Clash {
    pub(super) path: Vec<String>,
    pub(super) value: Origin,
    pub(super) section: Origin,
}

impl Node {
    pub(super) fn new(origin: Origin, value: Value) -> Self {
        Self {
            origin,
            value,
            is_secret: Cell::new(false),
        }
    }

    /// The lowest layer.
    pub(super) fn from_defaults(defaults: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let value = match defaults {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number
                .as_u64()
                .map(Value::Unsigned)
                .or_else(|| number.as_i64().map(Value::Signed))
                .or_else(|| number.as_f64().map(Value::Float))
                .unwrap_or(Value::Null),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(Self::from_defaults).collect()),
            Json::Object(entries) => Value::Section(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from_defaults(value)))
                    .collect(),
            ),
        };
        Self::new(Origin::Default, value)
    }

    pub(super) fn from_yaml(yaml: serde_norway::Value, origin: &Origin) -> Self {
        use serde_norway::Value as Yaml;
        let value = match yaml {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => Value::Bool(value),
            Yaml::Number(number) => number
                .as_u64()
                .map(Value::Unsigned)
                .or_else(|| number.as_i64().map(Value::Signed))
                .or_else(|| number.as_f64().map(Value::Float))
                .unwrap_or(Value::Null),
            Yaml::String(text) => Value::Text(text),
            Yaml::Sequence(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Self::from_yaml(item, origin))
                    .collect(),
            ),
            Yaml::Mapping(entries) => Value::Section(
                entries
                    .into_iter()
                    .map(|(key, value)| (key_text(&key), Self::from_yaml(value, origin)))
                    .collect(),
            ),
            Yaml::Tagged(tagged) => return Self::from_yaml(tagged.value, origin),
        };
        Self::new(origin.clone(), value)
    }

    /// One value at a path, as a variable or a flag sets it.
    pub(super) fn at(path: &[String], text: String, origin: &Origin) -> Self {
        let value = match path {
            [] => Value::Bare(text),
            [key, rest @ ..] => {
                Value::Section([(key.clone(), Self::at(rest, text, origin))].into())
            }
        };
        Self::new(origin.clone(), value)
    }

    /// The value at a path, if it is there.
    pub(super) fn find<'a>(&self, mut path: impl Iterator<Item = &'a str>) -> Option<&Self> {
        match (path.next(), &self.value) {
            (None, _) => Some(self),
            (Some(key), Value::Section(entries)) => entries.get(key)?.find(path),
            (Some(_), _) => None,
        }
    }

    /// Every text that was read as a secret, with its dotted path below `path`.
    pub(super) fn secrets(&self, path: &str) -> Vec<(String, &Self, &str)> {
        match &self.value {
            Value::Text(text) | Value::Bare(text) if self.is_secret.get() => {
                vec![(path.to_owned(), self, text)]
            }
            Value::Section(entries) => {
                let below = |key: &String| match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                let entries = entries.iter();
                entries
                    .flat_map(|(key, node)| node.secrets(&below(key)))
                    .collect()
            }
            Value::List(items) => {
                let items = items.iter().zip(1..);
                items
                    .flat_map(|(node, place)| node.secrets(&format!("{path}.{place}")))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// Lays a higher layer over this one: sections merge key by key, anything else is replaced.
    pub(super) fn merge(&mut self, higher: Self) -> Result<(), Clash> {
        let replaceable = self.origin == Origin::Default;
        match (&mut self.value, higher.value) {
            (Value::Section(mine), Value::Section(theirs)) => {
                for (key, node) in theirs {
                    match mine.get_mut(&key) {
                        None => {
                            mine.insert(key, node);
                        }
                        Some(known) => known.merge(node).map_err(|mut clash| {
                            clash.path.insert(0, key);
                            clash
                        })?,
                    }
                }
                Ok(())
            }
            // A section whose keys are all commented out reads as null.
            (mine @ Value::Null, value) => {
                self.origin = higher.origin;
                *mine = value;
                Ok(())
            }
            (Value::Section(_), Value::Null) => Ok(()),
            (_, Value::Section(_)) if !replaceable => Err(Clash {
                path: Vec::new(),
                value: self.origin.clone(),
                section: higher.origin,
            }),
            (Value::Section(_), _) if !replaceable => Err(Clash {
                path: Vec::new(),
                value: higher.origin,
                section: self.origin.clone(),
            }),
            (mine, value) => {
                self.origin = higher.origin;
                *mine = value;
                Ok(())
            }
        }
    }
}

fn key_text(key: &serde_norway::Value) -> String {
    match key {
        serde_norway::Value::String(text) => text.clone(),
        other => serde_norway::to_string(other)
            .map_or_else(|_| "?".to_owned(), |text| text.trim_end().to_owned()),
    }
}
