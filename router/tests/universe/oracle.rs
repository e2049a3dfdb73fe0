//! The expected response for a caller with restricted access, computed from the world independently of the router.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use graphql_tools::static_graphql::query::{
    Definition, Document, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
    TypeCondition,
};
use graphql_tools::static_graphql::schema::Type;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::restrictions::Sight;
use crate::supergraph::named;
use crate::world::{Object, Shape, World, literal};

pub(crate) struct Oracle<'o> {
    /// The complete world.
    world: &'o World,
    sight: Sight<'o>,
    variables: &'o Map<String, Value>,
    fragments: HashMap<&'o str, &'o FragmentDefinition>,
    denials: Cell<usize>,
    /// Enclosing objects, the current one last.
    way: RefCell<Vec<Object>>,
}

/// A null in a non-null position, which propagates to the parent.
struct Nulled;

/// A selection set, and its type condition.
#[derive(Clone, Copy)]
struct Written<'o> {
    set: &'o SelectionSet,
    on: &'o str,
}

#[derive(Clone, Copy)]
struct Occurrence<'o> {
    field: &'o Field,
    on: &'o str,
}

impl<'o> Oracle<'o> {
    /// The data, and whether any of it was denied.
    pub(crate) fn answer(
        world: &'o World,
        sight: Sight<'o>,
        document: &'o Document,
        variables: &'o Map<String, Value>,
    ) -> (Value, bool) {
        let mut operation = None;
        let mut fragments = HashMap::new();
        for definition in &document.definitions {
            match definition {
                Definition::Operation(known) => operation = Some(known),
                Definition::Fragment(fragment) => {
                    fragments.insert(fragment.name.as_str(), fragment);
                }
            }
        }
        let oracle = Self {
            world,
            sight,
            variables,
            fragments,
            denials: Cell::new(0),
            way: RefCell::default(),
        };
        let supergraph = &world.supergraph;
        let (root, set) = match operation.expect("an operation") {
            OperationDefinition::Query(query) => (&supergraph.query, &query.selection_set),
            OperationDefinition::Mutation(mutation) => (
                supergraph.mutation.as_ref().expect("mutations"),
                &mutation.selection_set,
            ),
            _ => unreachable!("operations are drawn with a name"),
        };
        let object = Object {
            type_name: root.clone(),
            number: 0,
        };
        let data = oracle.object(&object, &[Written { set, on: root }]);
        (data.unwrap_or(Value::Null), oracle.denials.get() > 0)
    }

    fn object(&self, object: &Object, sets: &[Written<'o>]) -> Result<Value, Nulled> {
        let mut fields: IndexMap<&str, Vec<Occurrence<'o>>> = IndexMap::new();
        for written in sets {
            self.collect(*written, &object.type_name, &mut fields);
        }
        self.way.borrow_mut().push(object.clone());
        let answer: Result<_, Nulled> = fields
            .into_iter()
            .map(|(key, occurrences)| Ok((key.to_owned(), self.field(object, &occurrences)?)))
            .collect();
        self.way.borrow_mut().pop();
        answer.map(Value::Object)
    }

    fn collect(
        &self,
        written: Written<'o>,
        type_name: &str,
        into: &mut IndexMap<&'o str, Vec<Occurrence<'o>>>,
    ) {
        for selection in &written.set.items {
            let (directives, inner) = match selection {
                Selection::Field(field) => (&field.directives, None),
                Selection::InlineFragment(fragment) => {
                    let on = match &fragment.type_condition {
                        Some(TypeCondition::On(name)) => name,
                        None => written.on,
                    };
                    let set = &fragment.selection_set;
                    (&fragment.directives, Some(Written { set, on }))
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.fragments[&*spread.fragment_name];
                    let TypeCondition::On(on) = &fragment.type_condition;
                    let set = &fragment.selection_set;
                    (&spread.directives, Some(Written { set, on }))
                }
            };
            let included = directives.iter().all(|directive| {
                let holds = literal(&directive.arguments[0].1, self.variables);
                (holds == Some(Value::Bool(true))) == (directive.name == "include")
            });
            match (selection, inner) {
                _ if !included => {}
                (Selection::Field(field), _) => {
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    let on = written.on;
                    into.entry(key).or_default().push(Occurrence { field, on });
                }
                (_, Some(inner)) => {
                    let members = self.world.supergraph.members(None, inner.on);
                    if inner.on == type_name || members.contains(type_name) {
                        self.collect(inner, type_name, into);
                    }
                }
                (_, None) => {}
            }
        }
    }

    fn field(&self, object: &Object, occurrences: &[Occurrence<'o>]) -> Result<Value, Nulled> {
        let Occurrence { field, on } = occurrences[0];
        if field.name == "__typename" {
            return Ok(json!(object.type_name));
        }
        let (name, own) = (&field.name, &object.type_name);
        let through = occurrences
            .iter()
            .any(|occurrence| self.sight.is_denied(occurrence.on, name));
        let denied = through || self.sight.is_denied(own, name);
        let hidden = self.sight.is_field_hidden(own, name);
        let composites = &self.world.supergraph.composites;
        if denied || hidden {
            if through || !hidden {
                self.denials.set(self.denials.get() + 1);
            }
            // Nullability as declared on the written type.
            return match composites[on].fields[name].ty {
                Type::NonNullType(_) => Err(Nulled),
                _ => Ok(Value::Null),
            };
        }
        let given = field
            .arguments
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), literal(value, self.variables)?)));
        let arguments = self.world.with_defaults(own, name, given.collect());
        let ancestors = self.way.borrow().clone();
        let (_, ancestors) = ancestors.split_last().expect("the object itself");
        let arguments = self.world.with_context(own, name, arguments, ancestors);
        let shape = self.world.value(object, name, &arguments);
        let sets: Vec<Written<'o>> = occurrences
            .iter()
            .map(|occurrence| Written {
                set: &occurrence.field.selection_set,
                on: named(&composites[occurrence.on].fields[name].ty),
            })
            .collect();
        self.complete(shape, &composites[own].fields[name].ty, &sets)
    }

    fn complete(&self, shape: Shape, ty: &Type, sets: &[Written<'o>]) -> Result<Value, Nulled> {
        if let Type::NonNullType(inner) = ty {
            return match self.complete(shape, inner, sets)? {
                Value::Null => Err(Nulled),
                value => Ok(value),
            };
        }
        let value = match (shape, ty) {
            (Shape::Null, _) => Ok(Value::Null),
            (Shape::List(items), Type::ListType(inner)) => items
                .into_iter()
                .map(|item| self.complete(item, inner, sets))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array),
            (Shape::Leaf(leaf), ty) => {
                let hidden = leaf
                    .as_str()
                    .is_some_and(|value| self.sight.is_value_hidden(named(ty), value));
                Ok(if hidden { Value::Null } else { leaf })
            }
            (Shape::Object(object), _) if self.sight.is_type_hidden(&object.type_name) => {
                Ok(Value::Null)
            }
            (Shape::Object(object), _) => self.object(&object, sets),
            (Shape::List(_), _) => unreachable!("the world follows the types"),
        };
        Ok(value.unwrap_or(Value::Null))
    }
}
