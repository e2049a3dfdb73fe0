//! What the values of a fetch may be invalidated by.

use std::borrow::Cow;

use super::versions::{Epoch, Table, Tag, Tagged, Versions};
use crate::prepare::plan::FetchOperation;
use crate::supergraph::TypeNames;
use crate::value::{Object, Symbols, Value};

/// Finds the last invalidation of a fetch's values.
pub(super) struct FetchTags<'f> {
    versions: &'f Versions,
    operation: &'f FetchOperation,
    /// What all its values have in common.
    common: Vec<Tag>,
    symbols: &'f Symbols,
    types: &'f TypeNames,
}

/// Calls `tag` with what all values of a fetch may be invalidated by, and the subgraph that an invalidation may be
/// restricted to.
pub(super) fn each_common(
    operation: &FetchOperation,
    mut tag: impl FnMut(Option<&str>, Tagged<'_>),
) {
    let subgraph = &*operation.subgraph;
    let contents = &operation.contents;
    tag(Some(subgraph), Tagged::Subgraph);
    let mut add = |tagged: Tagged<'_>| {
        tag(None, tagged);
        tag(Some(subgraph), tagged);
    };
    for field in &contents.root_fields {
        add(Tagged::RootField(field));
    }
    for name in &contents.entities {
        add(Tagged::Type(name));
    }
    for name in &contents.nested {
        add(Tagged::AnyOf(name));
    }
}

/// The type of a representation and its fields; `None` if it cannot be recognized.
pub(super) fn entity_of<'f>(
    representation: &'f Value,
    types: &'f TypeNames,
) -> Option<(&'f str, &'f Object)> {
    let Value::Object(object) = representation else {
        return None;
    };
    Some((types.name(object.typename)?, object))
}

/// The types that a representation of this type may be of: one of an interface may be of any of its objects.
pub(super) fn may_be<'f>(name: &'f str, types: &'f TypeNames) -> impl Iterator<Item = &'f str> {
    types.possible(name).chain([name])
}

impl<'f> FetchTags<'f> {
    /// Those of values that are stored for `caller` alone, if there is one.
    pub(super) fn new(
        versions: &'f Versions,
        operation: &'f FetchOperation,
        symbols: &'f Symbols,
        types: &'f TypeNames,
        caller: Option<&str>,
    ) -> Self {
        let mut common = Vec::new();
        each_common(operation, |subgraph, tagged| {
            common.push(versions.tag(subgraph, tagged));
        });
        common.extend(caller.map(|caller| versions.tag(None, Tagged::Caller(caller))));
        Self {
            versions,
            operation,
            common,
            symbols,
            types,
        }
    }

    /// The last invalidation of all its values.
    pub(super) fn common(&self, table: &Table) -> Epoch {
        table.last(self.common.iter().copied())
    }

    /// The last invalidation of a representation's entity alone.
    pub(super) fn of_entity(&self, representation: &Value, table: &Table) -> Epoch {
        let Some((name, object)) = entity_of(representation, self.types) else {
            return Epoch::MAX;
        };
        let last = may_be(name, self.types).map(|name| self.of_type(name, object, table));
        last.max().unwrap_or_default()
    }

    fn of_type(&self, name: &str, object: &Object, table: &Table) -> Epoch {
        let mut last = 0;
        for (field, epoch) in table.fields(name) {
            let value = object.get(self.symbols.find(field)).and_then(scalar);
            last = last.max(match value {
                Some(value) => {
                    let tagged = Tagged::Entity(name, field, &value);
                    let tags = [None, Some(&*self.operation.subgraph)];
                    table.last(tags.map(|subgraph| self.versions.tag(subgraph, tagged)))
                }
                // It was requested by another key, so it may be any of those that were invalidated.
                None => *epoch,
            });
        }
        last
    }
}

/// A scalar as text, as [`scalar`](super::invalidation::scalar) writes it.
pub(super) fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::String(text) => text.as_str().into(),
        Value::Escaped(text) if text.as_bytes().contains(&b'\\') => {
            let literal = format!("\"{}\"", text.as_str());
            let unescaped: String = serde_json::from_str(&literal).ok()?;
            unescaped.into()
        }
        Value::Escaped(text) | Value::Number(text) => text.as_str().into(),
        Value::Int(number) => number.to_string().into(),
        Value::Bool(flag) => flag.to_string().into(),
        Value::Null | Value::Float(_) | Value::Raw(_) | Value::List(_) | Value::Object(_) => {
            return None;
        }
    })
}
