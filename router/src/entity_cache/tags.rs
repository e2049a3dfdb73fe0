//! What the values of a fetch may be invalidated by.

use std::borrow::Cow;

use super::versions::{Epoch, Table, Tag, Tagged, Versions};
use crate::prepare::plan::FetchOperation;
use crate::supergraph::TypeNames;
use crate::value::{Object, Symbols, Value};

/// Finds the last invalidation of a fetch's values.
pub(super) struct FetchTags<'f> {
    versions: &'f Versions,
    subgraph: &'f str,
    /// What all its values have in common.
    common: Vec<Tag>,
    symbols: &'f Symbols,
    types: &'f TypeNames,
}

impl<'f> FetchTags<'f> {
    pub(super) fn new(
        versions: &'f Versions,
        operation: &'f FetchOperation,
        symbols: &'f Symbols,
        types: &'f TypeNames,
    ) -> Self {
        let subgraph = &*operation.subgraph;
        let contents = &operation.contents;
        let mut common = vec![versions.tag(Some(subgraph), Tagged::Subgraph)];
        let mut add = |tagged: Tagged<'_>| {
            common.push(versions.tag(None, tagged));
            common.push(versions.tag(Some(subgraph), tagged));
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
        Self {
            versions,
            subgraph,
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
        let Value::Object(object) = representation else {
            return Epoch::MAX;
        };
        let Some(name) = self.types.name(object.typename) else {
            return Epoch::MAX;
        };
        // A representation of an interface may be of any of its objects.
        let mut last = 0;
        for name in self.types.possible(name).chain([name]) {
            last = last.max(self.of_type(name, object, table));
        }
        last
    }

    fn of_type(&self, name: &str, object: &Object, table: &Table) -> Epoch {
        let mut last = 0;
        for (field, epoch) in table.fields(name) {
            let value = object.get(self.symbols.find(field)).and_then(scalar);
            last = last.max(match value {
                Some(value) => {
                    let tagged = Tagged::Entity(name, field, &value);
                    let tags = [None, Some(self.subgraph)];
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
fn scalar(value: &Value) -> Option<Cow<'_, str>> {
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
