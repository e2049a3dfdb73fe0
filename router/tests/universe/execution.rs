//! Reference execution of an operation against the world: of everything for clients, or of one subgraph's part.

use std::cell::RefCell;
use std::collections::HashMap;

use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, Field, FragmentDefinition, OperationDefinition, Selection,
    SelectionSet, TypeCondition,
};
use graphql_tools::static_graphql::schema::Type;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::supergraph::{Supergraph, named};
use crate::world::{Object, Shape, World, literal};

pub(crate) struct Execution<'e> {
    pub(crate) world: &'e World,
    /// The subgraph; `None` executes for clients.
    pub(crate) graph: Option<&'e str>,
    pub(crate) variables: &'e Map<String, Value>,
    fragments: HashMap<&'e str, &'e FragmentDefinition>,
    /// Requests that no router may send to a subgraph.
    pub(crate) mistakes: RefCell<Vec<String>>,
}

/// An object and how it was reached.
struct Seen<'s> {
    object: Object,
    /// An interface, if the subgraph knows no concrete type.
    type_name: String,
    /// Selections of other subgraphs' fields that are provided on this path.
    provided: Vec<&'s SelectionSet>,
    representation: Option<&'s Value>,
    /// Enclosing objects, outermost first.
    ancestors: Vec<Object>,
}

impl<'e> Execution<'e> {
    pub(crate) fn answer(
        world: &'e World,
        graph: Option<&'e str>,
        document: &'e Document,
        variables: &'e Map<String, Value>,
    ) -> Result<Value, Vec<String>> {
        let fragments = document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
                Definition::Operation(_) => None,
            });
        let execution = Self {
            world,
            graph,
            variables,
            fragments: fragments.collect(),
            mistakes: RefCell::default(),
        };
        let mut operations =
            document
                .definitions
                .iter()
                .filter_map(|definition| match definition {
                    Definition::Operation(operation) => Some(operation),
                    Definition::Fragment(_) => None,
                });
        let supergraph = &world.supergraph;
        let (root, selections) = match operations.next().expect("an operation") {
            OperationDefinition::SelectionSet(set) => (&supergraph.query, set),
            OperationDefinition::Query(query) => (&supergraph.query, &query.selection_set),
            OperationDefinition::Mutation(mutation) => {
                let root = supergraph.mutation.as_ref().expect("mutations");
                (root, &mutation.selection_set)
            }
            OperationDefinition::Subscription(_) => unreachable!("none is generated"),
        };
        let root = Seen {
            object: Object {
                type_name: root.clone(),
                number: 0,
            },
            type_name: root.clone(),
            provided: Vec::new(),
            representation: None,
            ancestors: Vec::new(),
        };
        let data = execution.object(&[selections], &root);
        let mistakes = execution.mistakes.into_inner();
        if mistakes.is_empty() {
            Ok(data)
        } else {
            Err(mistakes)
        }
    }

    fn supergraph(&self) -> &'e Supergraph {
        &self.world.supergraph
    }

    fn mistake(&self, mistake: String) {
        self.mistakes.borrow_mut().push(mistake);
    }

    fn object(&self, sets: &[&'e SelectionSet], seen: &Seen<'e>) -> Value {
        let mut fields: IndexMap<&str, Vec<&'e Field>> = IndexMap::new();
        for set in sets {
            self.collect(set, &seen.type_name, &mut fields);
        }
        let fields = fields.into_iter().map(|(key, fields)| {
            let value = self.field(&fields, seen);
            (key.to_owned(), value)
        });
        Value::Object(fields.collect())
    }

    fn collect(
        &self,
        set: &'e SelectionSet,
        type_name: &str,
        into: &mut IndexMap<&'e str, Vec<&'e Field>>,
    ) {
        for selection in &set.items {
            match selection {
                Selection::Field(field) if self.included(&field.directives) => {
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    into.entry(key).or_default().push(field);
                }
                Selection::InlineFragment(fragment) if self.included(&fragment.directives) => {
                    let on = fragment.type_condition.as_ref();
                    if on.is_none_or(|on| self.applies(on, type_name)) {
                        self.collect(&fragment.selection_set, type_name, into);
                    }
                }
                Selection::FragmentSpread(spread) if self.included(&spread.directives) => {
                    let fragment = self.fragments[&*spread.fragment_name];
                    if self.applies(&fragment.type_condition, type_name) {
                        self.collect(&fragment.selection_set, type_name, into);
                    }
                }
                _ => {}
            }
        }
    }

    fn included(&self, directives: &[Directive]) -> bool {
        directives.iter().all(|directive| {
            let condition = directive.arguments.iter().find(|(name, _)| name == "if");
            let (_, condition) = condition.expect("a condition");
            let holds = literal(condition, self.variables) == Some(Value::Bool(true));
            holds == (directive.name == "include")
        })
    }

    fn applies(&self, on: &TypeCondition, type_name: &str) -> bool {
        let TypeCondition::On(on) = on;
        on == type_name
            || self
                .supergraph()
                .members(self.graph, on)
                .contains(type_name)
    }

    fn field(&self, fields: &[&'e Field], seen: &Seen<'e>) -> Value {
        let field = fields[0];
        if field.name == "__typename" {
            return json!(seen.type_name);
        }
        let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
        if field.name == "_entities" {
            return self.entities(field, &sets);
        }
        let Some(type_of_field) = self.ask(field, seen) else {
            return Value::Null;
        };
        let given = field
            .arguments
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), literal(value, self.variables)?)));
        let of = &seen.object;
        let mut arguments = self
            .world
            .with_defaults(&of.type_name, &field.name, given.collect());
        if self.graph.is_none() {
            let (own, name) = (&of.type_name, &field.name);
            arguments = self
                .world
                .with_context(own, name, arguments, &seen.ancestors);
        }
        let shape = self.world.value(of, &field.name, &arguments);
        let provided = self.provided(field, seen);
        let mut ancestors = seen.ancestors.clone();
        ancestors.push(of.clone());
        self.complete(shape, named(type_of_field), &sets, &provided, &ancestors)
    }

    /// The field's type, if it may be requested here.
    fn ask(&self, field: &Field, seen: &Seen<'e>) -> Option<&'e Type> {
        let name = &field.name;
        let Some(graph) = self.graph else {
            let known = &self.supergraph().composites[&seen.type_name];
            return Some(&known.fields.get(name)?.ty);
        };
        let place = format!("{graph}: {}.{name}", seen.type_name);
        let Some(known) = self.supergraph().field_in(graph, &seen.type_name, name) else {
            self.mistake(format!("{place} does not exist"));
            return None;
        };
        for argument in known.context {
            if field
                .arguments
                .iter()
                .all(|(name, _)| *name != argument.name)
            {
                self.mistake(format!("{place} needs its argument {}", argument.name));
            }
        }
        if let Some(requires) = known.requires {
            let given = seen.representation.unwrap_or(&Value::Null);
            if let Some(lacking) = self.world.lacks(requires, &seen.object, given) {
                self.mistake(format!("{place} requires {lacking}"));
            }
        }
        let is_key = || {
            let mut keys = self.supergraph().joins(graph, &seen.type_name);
            keys.any(|join| join.key.as_ref().is_some_and(|key| selects(key, name)))
        };
        let is_represented = || {
            seen.representation
                .is_some_and(|given| given.get(name).is_some())
        };
        let is_provided = || seen.provided.iter().any(|set| selects(set, name));
        if known.external && !is_provided() && !is_key() && !is_represented() {
            self.mistake(format!("{place} belongs to another subgraph"));
        }
        Some(known.ty)
    }

    /// Selections provided for the objects a field returns.
    fn provided(&self, field: &Field, seen: &Seen<'e>) -> Vec<&'e SelectionSet> {
        let Some(graph) = self.graph else {
            return Vec::new();
        };
        let known = self
            .supergraph()
            .field_in(graph, &seen.type_name, &field.name);
        let own = known.and_then(|known| known.provides);
        let mut inner = Vec::from_iter(own);
        for set in &seen.provided {
            below(set, &field.name, &mut inner);
        }
        inner
    }

    fn complete(
        &self,
        shape: Shape,
        type_name: &str,
        sets: &[&'e SelectionSet],
        provided: &[&'e SelectionSet],
        ancestors: &[Object],
    ) -> Value {
        match shape {
            Shape::Null => Value::Null,
            Shape::Leaf(leaf) => leaf,
            Shape::List(items) => {
                let items = items.into_iter();
                items
                    .map(|item| self.complete(item, type_name, sets, provided, ancestors))
                    .collect()
            }
            Shape::Object(object) => {
                let known = self.supergraph().members(self.graph, type_name);
                let is_known = known.contains(&*object.type_name)
                    && self.graph.is_none_or(|graph| {
                        self.supergraph().has(graph, &object.type_name)
                            && !self.supergraph().is_interface_object(graph, type_name)
                    });
                let type_name = if is_known {
                    object.type_name.clone()
                } else {
                    type_name.to_owned()
                };
                let provided = provided.to_vec();
                self.object(
                    sets,
                    &Seen {
                        object,
                        type_name,
                        provided,
                        representation: None,
                        ancestors: ancestors.to_vec(),
                    },
                )
            }
        }
    }

    fn entities(&self, field: &'e Field, sets: &[&'e SelectionSet]) -> Value {
        let graph = self.graph.expect("subgraphs have entities");
        let variables = self.variables;
        let (_, representations) = &field.arguments[0];
        let representations = match representations {
            graphql_tools::parser::query::Value::Variable(name) => &variables[name],
            _ => unreachable!("representations are sent in a variable"),
        };
        let representations = representations.as_array().expect("a list");
        let entities = representations.iter().map(|representation| {
            let Some(seen) = self.entity(graph, representation) else {
                self.mistake(format!("{graph}: cannot resolve {representation}"));
                return Value::Null;
            };
            self.object(sets, &seen)
        });
        entities.collect()
    }

    fn entity(&self, graph: &str, representation: &'e Value) -> Option<Seen<'e>> {
        let type_name = representation["__typename"].as_str()?;
        let object = self.supergraph().joins(graph, type_name).find_map(|join| {
            let key = join.key.as_ref().filter(|_| join.resolvable)?;
            self.world.entity(type_name, key, representation)
        })?;
        let is_interface = !self.supergraph().composites[type_name].is_object;
        let is_known = is_interface && !self.supergraph().is_interface_object(graph, type_name);
        let type_name = if is_known {
            object.type_name.clone()
        } else {
            type_name.to_owned()
        };
        if !self.supergraph().has(graph, &type_name) {
            return None;
        }
        Some(Seen {
            object,
            type_name,
            provided: Vec::new(),
            representation: Some(representation),
            ancestors: Vec::new(),
        })
    }
}

/// Whether a field set contains a field, on any type.
fn selects(set: &SelectionSet, name: &str) -> bool {
    set.items.iter().any(|selection| match selection {
        Selection::Field(field) => field.name == name,
        Selection::InlineFragment(fragment) => selects(&fragment.selection_set, name),
        Selection::FragmentSpread(_) => false,
    })
}

/// Collects a field set's selections below a field.
fn below<'s>(set: &'s SelectionSet, name: &str, into: &mut Vec<&'s SelectionSet>) {
    for selection in &set.items {
        match selection {
            Selection::Field(field) if field.name == name => into.push(&field.selection_set),
            Selection::InlineFragment(fragment) => below(&fragment.selection_set, name, into),
            _ => {}
        }
    }
}
