//! The untyped configuration: a tree in which every value remembers where it was set.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde_json::{Number, Value as Json};

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
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// Text of a variable or flag, whose type depends on the reader: `1` may be a number or a name.
    Bare(String),
    List(Vec<Node>),
    Section(BTreeMap<String, Node>),
}

impl Value {
    pub(super) fn is_text(&self, expected: &str) -> bool {
        matches!(self, Self::Text(text) | Self::Bare(text) if text.trim() == expected)
    }
}

/// A key that one layer sets to a value and a higher layer treats as a section.
#[derive(Debug)]
pub(super) struct Clash {
    /// Outermost key first.
    pub(super) path: Vec<String>,
    pub(super) value: Origin,
    pub(super) section: Origin,
}

impl Node {
    pub(super) fn new(json: Json, origin: &Origin) -> Self {
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => Value::Number(number),
            Json::String(text) => Value::Text(text),
            Json::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Self::new(item, origin))
                    .collect(),
            ),
            Json::Object(entries) => {
                let entries = entries.into_iter();
                Value::Section(
                    entries
                        .map(|(key, value)| (key, Self::new(value, origin)))
                        .collect(),
                )
            }
        };
        let origin = origin.clone();
        Self { origin, value }
    }

    /// A single value at a path, as set by a variable or a flag.
    pub(super) fn at(path: &[String], text: String, origin: &Origin) -> Self {
        let value = match path {
            [] => Value::Bare(text),
            [key, rest @ ..] => {
                Value::Section([(key.clone(), Self::at(rest, text, origin))].into())
            }
        };
        let origin = origin.clone();
        Self { origin, value }
    }

    /// The value at a path, if present. List items are counted from 1.
    pub(super) fn find<'a>(&self, mut path: impl Iterator<Item = &'a str>) -> Option<&Self> {
        match (path.next(), &self.value) {
            (None, _) => Some(self),
            (Some(key), Value::Section(entries)) => entries.get(key)?.find(path),
            (Some(item), Value::List(items)) => items
                .get(item.parse::<usize>().ok()?.checked_sub(1)?)?
                .find(path),
            (Some(_), _) => None,
        }
    }

    /// Makes the value at a path null, and says whether there was one.
    pub(super) fn unset(&mut self, path: &[String]) -> bool {
        match (path, &mut self.value) {
            ([], Value::Null) => false,
            ([], value) => {
                *value = Value::Null;
                true
            }
            ([key, rest @ ..], Value::Section(entries)) => {
                entries.get_mut(key).is_some_and(|node| node.unset(rest))
            }
            _ => false,
        }
    }

    /// Renames the key at a dotted path, unless its section already has a key of that name.
    pub(super) fn rename(&mut self, path: &str, name: &str) {
        let (key, rest) = path.split_once('.').unwrap_or((path, ""));
        let Value::Section(entries) = &mut self.value else {
            return;
        };
        if !rest.is_empty() {
            if let Some(node) = entries.get_mut(key) {
                node.rename(rest, name);
            }
        } else if !entries.contains_key(name)
            && let Some(node) = entries.remove(key)
        {
            entries.insert(name.to_owned(), node);
        }
    }

    /// Where the value at a path was set, or the innermost enclosing section that exists.
    pub(super) fn origin(&self, path: &[String]) -> &Origin {
        let paths = (0..=path.len()).rev().map(|length| &path[..length]);
        let mut found = paths.filter_map(|path| self.find(path.iter().map(String::as_str)));
        found.next().map_or(&self.origin, |node| &node.origin)
    }

    /// Merges a higher layer into this one: sections merge key by key, anything else is replaced.
    pub(super) fn merge(&mut self, higher: Self) -> Result<(), Clash> {
        let clash = |value: &Origin, section: &Origin| {
            Err(Clash {
                path: Vec::new(),
                value: value.clone(),
                section: section.clone(),
            })
        };
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
            }
            // A section whose keys are all commented out parses as null.
            (Value::Section(_), Value::Null) => {}
            // Only the type can tell whether a default is a section.
            (mine, value) if self.origin == Origin::Default || matches!(mine, Value::Null) => {
                *self = Self {
                    origin: higher.origin,
                    value,
                };
            }
            (_, Value::Section(_)) => return clash(&self.origin, &higher.origin),
            (Value::Section(_), _) => return clash(&higher.origin, &self.origin),
            (_, value) => {
                *self = Self {
                    origin: higher.origin,
                    value,
                }
            }
        }
        Ok(())
    }
}
