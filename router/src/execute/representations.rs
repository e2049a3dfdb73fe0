//! Representations: what the entities at a path are asked for by, each one once, and every place it
//! came from.

use indexmap::IndexSet;

use crate::prepare::plan::{Change, EntityAlias, Path, Requires, Rewrite, RewriteSegment, Segment};
use crate::supergraph::{TypeId, TypeNames};
use crate::value::{Object, Symbol, Value};

/// One step down into the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(Symbol),
    Index(u32),
}

/// The places that the representations of one variable, or one answer for all, stand for.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    places: Vec<Place>,
    /// The paths of all places, one after the other.
    steps: Vec<Step>,
    /// Some objects lack a value that their representation needs.
    pub(super) lacking: bool,
}

#[derive(Debug)]
struct Place {
    representation: usize,
    start: usize,
    end: usize,
}

impl Gathered {
    /// The representations of the entities at an alias' paths, each once, and where each came from.
    pub(super) fn of_alias(
        data: &Value,
        alias: &EntityAlias,
        types: &TypeNames,
    ) -> (Self, Vec<Value>) {
        let mut gathered = Self::default();
        let mut representations = IndexSet::new();
        for path in &alias.paths {
            walk(data, path, &mut Vec::new(), &mut |object, steps| {
                let whole = alias.unless.as_deref();
                if whole.is_some_and(|whole| represent(object, whole).is_ok()) {
                    return;
                }
                let representation = match represent(object, &alias.requires) {
                    Ok(representation) => representation,
                    Err(why) => {
                        gathered.lacking |= why == Unrepresented::Lacking;
                        return;
                    }
                };
                let mut representation = Value::Object(representation);
                apply(&alias.input_rewrites, &mut representation);
                let Value::Object(Object { typename, .. }) = &representation else {
                    return;
                };
                if types.name(*typename).is_none() {
                    return;
                }
                let (index, _) = representations.insert_full(representation);
                gathered.add(index, steps);
            });
        }
        (gathered, representations.into_iter().collect())
    }

    /// The objects at a path, for answers that go into all of them alike.
    pub(super) fn of_path(data: &Value, path: &Path) -> Self {
        let mut gathered = Self::default();
        walk(data, path, &mut Vec::new(), &mut |_, steps| {
            gathered.add(0, steps)
        });
        gathered
    }

    fn add(&mut self, representation: usize, steps: &[Step]) {
        let start = self.steps.len();
        self.steps.extend_from_slice(steps);
        self.places.push(Place {
            representation,
            start,
            end: self.steps.len(),
        });
    }

    /// Every place: the index of its representation and the way to it.
    pub(super) fn places(&self) -> impl Iterator<Item = (usize, &[Step])> {
        self.places.iter().map(|place| {
            let steps = &self.steps[place.start..place.end];
            (place.representation, steps)
        })
    }
}

/// Visits the objects at a path. Lists are followed into whether or not the path says so: one segment
/// may stand for a list of lists.
fn walk(
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
enum Unrepresented {
    OtherType,
    /// It lacks a value that cannot be null, so that nobody could resolve it.
    Lacking,
}

fn represent(object: &Object, requires: &Requires) -> Result<Object, Unrepresented> {
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
        .ok_or(Unrepresented::Lacking)?;
    if matched {
        Ok(representation)
    } else {
        Err(Unrepresented::OtherType)
    }
}

fn add_required(
    object: &Object,
    requires: &Requires,
    representation: &mut Object,
    matched: &mut bool,
) -> Option<()> {
    for field in &requires.fields {
        let value = object
            .get(field.source)
            .or_else(|| object.get(field.key))
            .map(|value| match &field.inner {
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

/// Applies the planner's rewrites to a representation or to an entity.
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
                // A subgraph that was not asked for the type has only one it could be.
                if object.typename == TypeId::NONE || types.contains(object.typename) {
                    rewrite_at(rest, change, value);
                }
            }
        },
        _ => {}
    }
}
