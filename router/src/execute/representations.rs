//! Representations: collects the keys of the entities at a path, deduplicated, with every position they came from.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use indexmap::map::raw_entry_v1::{RawEntryApiV1, RawEntryMut};

use super::merge;
use crate::prepare::plan::{Change, EntityAlias, Path, Requires, Rewrite, RewriteSegment, Segment};
use crate::supergraph::{TypeId, TypeNames};
use crate::value::{Object, Symbol, Value};

/// One step down into the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(Symbol),
    Index(u32),
}

/// The positions that the representations of one variable, or a single response, stand for.
#[derive(Debug, Default)]
pub(super) struct EntityPositions {
    places: Vec<Position>,
    /// The paths of all positions, one after the other.
    steps: Vec<Step>,
    /// Some objects lack a value needed by their representation.
    pub(super) lacking: bool,
}

#[derive(Debug)]
struct Position {
    representation: usize,
    start: usize,
    end: usize,
}

impl EntityPositions {
    /// The deduplicated representations of the entities at an alias' paths, with their positions.
    pub(super) fn of_alias(
        data: &Value,
        alias: &EntityAlias,
        types: &TypeNames,
    ) -> (Self, Vec<Value>) {
        let mut gathered = Self::default();
        let mut representations = Representations::default();
        for path in &alias.paths {
            walk(data, path, &mut Vec::new(), &mut |object, steps| {
                let whole = alias.unless.as_deref();
                if whole.is_some_and(|whole| represent(object, whole).is_ok()) {
                    return;
                }
                match representations.add(object, alias, types) {
                    Ok(index) => gathered.add(index, steps),
                    Err(why) => gathered.lacking |= why == MissingRepresentation::Lacking,
                }
            });
        }
        (gathered, representations.into_list())
    }

    /// The objects at a path, for a response that is merged into all of them alike.
    pub(super) fn of_path(data: &Value, path: &Path) -> Self {
        let mut gathered = Self::default();
        walk(data, path, &mut Vec::new(), &mut |_, steps| {
            gathered.add(0, steps)
        });
        gathered
    }

    pub(super) fn add(&mut self, representation: usize, steps: &[Step]) {
        let start = self.steps.len();
        self.steps.extend_from_slice(steps);
        self.places.push(Position {
            representation,
            start,
            end: self.steps.len(),
        });
    }

    /// Changes the object at every position, in the order of [`Self::positions`], with the index of its representation.
    pub(super) fn change(&self, data: &mut Value, change: &mut impl FnMut(usize, &mut Object)) {
        self.change_below(data, &self.places, 0, change);
    }

    /// Neighbours mostly share a path prefix, which is walked once for all of them.
    fn change_below(
        &self,
        value: &mut Value,
        mut places: &[Position],
        depth: usize,
        change: &mut impl FnMut(usize, &mut Object),
    ) {
        while let Some(first) = places.first() {
            let Some(step) = self.step(first, depth) else {
                if let Value::Object(object) = value {
                    change(first.representation, object);
                }
                places = &places[1..];
                continue;
            };
            let other = |place: &Position| self.step(place, depth) != Some(step);
            let end = places.iter().position(other).unwrap_or(places.len());
            let (together, rest) = places.split_at(end);
            if let Some(inner) = merge::step(value, step) {
                self.change_below(inner, together, depth + 1, change);
            }
            places = rest;
        }
    }

    fn step(&self, place: &Position, depth: usize) -> Option<Step> {
        self.steps.get(place.start..place.end)?.get(depth).copied()
    }

    /// Every position: the index of its representation and the path to it.
    pub(super) fn positions(&self) -> impl Iterator<Item = (usize, &[Step])> {
        self.places.iter().map(|place| {
            let steps = &self.steps[place.start..place.end];
            (place.representation, steps)
        })
    }
}

/// Deduplicated representations in the order they were found.
#[derive(Default)]
pub(super) struct Representations {
    known: IndexMap<Value, (), RandomState>,
}

impl Representations {
    /// The index of an object's representation.
    pub(super) fn add(
        &mut self,
        object: &Object,
        alias: &EntityAlias,
        types: &TypeNames,
    ) -> Result<usize, MissingRepresentation> {
        if alias.input_rewrites.is_empty()
            && let Some(requires) = alias.requires.flat(object.typename)
        {
            return self.add_flat(object, requires, types);
        }
        let mut representation = Value::Object(represent(object, &alias.requires)?);
        apply(&alias.input_rewrites, &mut representation);
        let Value::Object(Object { typename, .. }) = &representation else {
            return Err(MissingRepresentation::OtherType);
        };
        types
            .name(*typename)
            .ok_or(MissingRepresentation::OtherType)?;
        Ok(self.known.insert_full(representation, ()).0)
    }

    pub(super) fn into_list(self) -> Vec<Value> {
        self.known.into_keys().collect()
    }

    /// Like [`Self::add`], for representations that consist of the object's own values: a known one is found without
    /// building it again. The same entity is often at many positions of a list.
    fn add_flat(
        &mut self,
        object: &Object,
        requires: &Requires,
        types: &TypeNames,
    ) -> Result<usize, MissingRepresentation> {
        types
            .name(object.typename)
            .ok_or(MissingRepresentation::OtherType)?;
        let mut hasher = self.known.hasher().build_hasher();
        object.typename.hash(&mut hasher);
        for field in &requires.fields {
            let value = field.of(object).ok_or(MissingRepresentation::Lacking)?;
            if value.is_null() && !field.nullable {
                return Err(MissingRepresentation::Lacking);
            }
            value.hash(&mut hasher);
        }
        let is_same = |known: &Value| {
            matches!(known, Value::Object(known) if known.typename == object.typename
                && requires.fields.iter().all(|field| known.get(field.key) == field.of(object)))
        };
        let entry = self.known.raw_entry_mut_v1();
        match entry.from_hash(hasher.finish(), is_same) {
            RawEntryMut::Occupied(known) => Ok(known.index()),
            RawEntryMut::Vacant(entry) => {
                let index = entry.index();
                let representation = Value::Object(represent(object, requires)?);
                entry.insert_hashed_nocheck(hasher.finish(), representation, ());
                Ok(index)
            }
        }
    }
}

/// Visits the objects at a path. Descends into lists whether or not the path says so: one segment may stand for a list
/// of lists.
pub(super) fn walk(
    value: &Value,
    path: &[Segment],
    steps: &mut Vec<Step>,
    visit: &mut impl FnMut(&Object, &[Step]),
) {
    match value {
        Value::List(items) => {
            let rest = match path {
                [Segment::List, rest @ ..] => rest,
                rest => rest,
            };
            for (index, item) in items.iter().enumerate() {
                steps.push(Step::Index(index as u32));
                walk(item, rest, steps, visit);
                steps.pop();
            }
        }
        Value::Object(object) => match path {
            [] => visit(object, steps),
            [Segment::Field(key), rest @ ..] => {
                if let Some(value) = object.get(*key) {
                    steps.push(Step::Key(*key));
                    walk(value, rest, steps, visit);
                    steps.pop();
                }
            }
            [Segment::List, rest @ ..] => walk(value, rest, steps, visit),
            [Segment::Type(types), rest @ ..] => {
                if types.contains(object.typename) {
                    walk(value, rest, steps, visit);
                }
            }
        },
        _ => {}
    }
}

/// Why an object has no representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingRepresentation {
    OtherType,
    /// It lacks a non-null value, so it could not be resolved.
    Lacking,
}

pub(super) fn represent(
    object: &Object,
    requires: &Requires,
) -> Result<Object, MissingRepresentation> {
    let mut representation = Object {
        typename: if requires.typename {
            object.typename
        } else {
            TypeId::NONE
        },
        fields: Vec::with_capacity(requires.fields.len() + 2),
    };
    let mut matched = requires.fragments.is_empty();
    add_required(object, requires, &mut representation, &mut matched)
        .ok_or(MissingRepresentation::Lacking)?;
    if matched {
        Ok(representation)
    } else {
        Err(MissingRepresentation::OtherType)
    }
}

fn add_required(
    object: &Object,
    requires: &Requires,
    representation: &mut Object,
    matched: &mut bool,
) -> Option<()> {
    for field in &requires.fields {
        let value = field.of(object).map(|value| match &field.inner {
            Some(inner) => represent_value(value, inner),
            None => Some(value.clone()),
        })??;
        if value.is_null() && !field.nullable {
            return None;
        }
        if representation.get(field.key).is_none() {
            representation.fields.push((field.key, value));
        }
    }
    for (types, inner) in &requires.fragments {
        if types.contains(object.typename) {
            *matched = true;
            representation.typename = if inner.typename {
                object.typename
            } else {
                representation.typename
            };
            add_required(object, inner, representation, matched)?;
        }
    }
    Some(())
}

fn represent_value(value: &Value, requires: &Requires) -> Option<Value> {
    Some(match value {
        Value::Object(object) => {
            let mut matched = true;
            let mut representation = Object {
                typename: if requires.typename {
                    object.typename
                } else {
                    TypeId::NONE
                },
                fields: Vec::new(),
            };
            add_required(object, requires, &mut representation, &mut matched)?;
            Value::Object(representation)
        }
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|item| represent_value(item, requires))
                .collect::<Option<_>>()?,
        ),
        other => other.clone(),
    })
}

/// Applies the planner's rewrites to a representation or an entity.
pub(super) fn apply(rewrites: &[Rewrite], value: &mut Value) {
    for rewrite in rewrites {
        rewrite_at(&rewrite.path, &rewrite.change, value);
    }
}

fn rewrite_at(path: &[RewriteSegment], change: &Change, value: &mut Value) {
    match value {
        Value::List(items) => {
            for item in items {
                rewrite_at(path, change, item);
            }
        }
        Value::Object(object) => match path {
            [] => match change {
                Change::SetTypename(name) => object.typename = *name,
                Change::Set(key, text) => {
                    let text = Value::String(text.as_str().into());
                    match object.get_mut(*key) {
                        Some(value) => *value = text,
                        None => object.fields.push((*key, text)),
                    }
                }
                Change::Rename(from, to) => {
                    for (key, _) in &mut object.fields {
                        if key == from {
                            *key = *to;
                        }
                    }
                }
            },
            [RewriteSegment::Key(key), rest @ ..] => {
                if let Some(value) = object.get_mut(*key) {
                    rewrite_at(rest, change, value);
                }
            }
            [RewriteSegment::Type(types), rest @ ..] => {
                // If the subgraph was not asked for the type, only one is possible.
                if object.typename == TypeId::NONE || types.contains(object.typename) {
                    rewrite_at(rest, change, value);
                }
            }
        },
        _ => {}
    }
}
