//! Validates a response against the shape of its fetch. Mismatches become null with an error: a subgraph that violates
//! the specification must not look like one without data.

use super::{Object, Shape, Slot, Symbol, Value};
use crate::error::PathSegment;
use crate::supergraph::TypeId;
use crate::transport::{SubgraphError, SubgraphResponse};

/// Further errors of one response would say nothing new.
const MAX_ERRORS: usize = 100;

/// Checks a response and adds errors for what is wrong with its data.
pub(crate) fn check_response(response: &mut SubgraphResponse, shape: &Shape) {
    let SubgraphResponse { data, errors, .. } = response;
    let mut check = Check {
        own: errors,
        path: Vec::new(),
        errors: Vec::new(),
    };
    match data {
        Value::Null if check.own.is_empty() => check.report("there is neither data nor an error"),
        Value::Null => {}
        Value::Object(object) => check.object(object, shape),
        other => {
            check.report("`data` is not an object");
            *other = Value::Null;
        }
    }
    let found = check.errors;
    errors.extend(found);
}

struct Check<'s> {
    /// The subgraph's own errors.
    own: &'s [SubgraphError],
    path: Vec<Step<'s>>,
    errors: Vec<SubgraphError>,
}

#[derive(Clone, Copy)]
enum Step<'s> {
    Key(&'s str),
    Index(usize),
}

impl<'s> Check<'s> {
    fn object(&mut self, object: &mut Object, shape: &'s Shape) {
        // Values arrive in selection order, so nearly every lookup hits.
        let mut at = 0;
        let typename = object.typename;
        for (key, slot, required) in shape.fields() {
            let (missing, inner) = match slot {
                Slot::Typename => (object.typename == TypeId::NONE, None),
                Slot::Leaf(symbol) => (position(object, *symbol, &mut at).is_none(), None),
                Slot::Composite(symbol, inner) => {
                    let value = position(object, *symbol, &mut at);
                    let value = value.and_then(|at| object.fields.get_mut(at));
                    (value.is_none(), value.map(|(_, value)| (value, inner)))
                }
            };
            let missing = missing && required.include(typename);
            if !missing && inner.is_none() {
                continue;
            }
            self.path.push(Step::Key(key));
            if missing && !self.is_explained() {
                self.report("a selected field is missing, or a type is unknown");
            }
            if let Some((value, inner)) = inner {
                self.composite(value, inner);
            }
            self.path.pop();
        }
    }

    fn composite(&mut self, value: &mut Value, shape: &'s Shape) {
        match value {
            Value::Null => {}
            Value::Object(object) => self.object(object, shape),
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.path.push(Step::Index(index));
                    self.composite(item, shape);
                    self.path.pop();
                }
            }
            other => {
                self.report("a value has no fields, but some are selected");
                *other = Value::Null;
            }
        }
    }

    /// Whether the subgraph explains a missing value. Some (async-graphql) omit the failed field, and indexes, from the
    /// path.
    fn is_explained(&self) -> bool {
        let keys = || {
            self.path.iter().filter_map(|step| match step {
                Step::Key(key) => Some(*key),
                Step::Index(_) => None,
            })
        };
        self.own.iter().any(|error| {
            let mut keys = keys();
            error.path.iter().all(|segment| match segment {
                PathSegment::Key(key) => keys.next() == Some(key),
                PathSegment::Index(_) => true,
            })
        })
    }

    fn report(&mut self, message: &str) {
        if self.errors.len() < MAX_ERRORS {
            let path = self.path.iter().map(|step| match step {
                Step::Key(key) => PathSegment::Key((*key).to_owned()),
                Step::Index(index) => PathSegment::Index(*index),
            });
            let error = SubgraphError::about_response(message, path.collect());
            self.errors.push(error);
        }
    }
}

/// A value's index in an object; `at` is the index of the previous one.
fn position(object: &Object, symbol: Symbol, at: &mut usize) -> Option<usize> {
    let is_it = |(key, _): &(Symbol, Value)| *key == symbol;
    let found = if object.fields.get(*at).is_some_and(is_it) {
        *at
    } else {
        object.fields.iter().position(is_it)?
    };
    *at = found + 1;
    Some(found)
}
