//! Renames response keys and variables of the client's document that collide with those the planner generates.

use std::collections::BTreeSet;

use graphql_tools::parser::query::{
    Definition, Directive, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
    VariableDefinition,
};
use graphql_tools::static_graphql::query::{Document, Value};

use crate::supergraph::RequiredFields;

/// The prefix of the planner's own response keys.
const PLANNED: &str = "_internal_qp_";

/// A prefix that nothing in the client's document has.
#[derive(Clone, Debug)]
pub(crate) struct Aliases {
    prefix: String,
}

impl Aliases {
    /// Finds prefixes for the keys and variables of this document.
    pub(crate) fn of(document: &Document) -> Self {
        let mut names = BTreeSet::new();
        for definition in &document.definitions {
            match definition {
                Definition::Operation(operation) => {
                    keys(operation.selection_set(), &mut names);
                    let variables = operation.variable_definitions().iter();
                    names.extend(variables.map(|variable| variable.name.as_str()));
                }
                Definition::Fragment(fragment) => keys(&fragment.selection_set, &mut names),
            }
        }
        let is_free = |prefix: &String| !names.iter().any(|name| name.starts_with(prefix));
        let prefixes = (0_usize..).map(|number| match number {
            0 => "_client_".to_owned(),
            number => format!("_client{number}_"),
        });
        Self {
            // Among one more candidate than there are names, at least one is free.
            prefix: prefixes.into_iter().find(is_free).unwrap_or_default(),
        }
    }

    /// A field's response key in plans and data, if it differs from the client's.
    pub(crate) fn key(
        &self,
        field: &Field<'static, String>,
        needed: &RequiredFields,
    ) -> Option<String> {
        let name = field.name.as_str();
        let key = field.alias.as_deref().unwrap_or(name);
        let in_the_way = needed.is_hidden_by(key, field)
            || key.starts_with(PLANNED)
            || (key == "__typename" && name != key);
        in_the_way.then(|| format!("{}{key}", self.prefix))
    }

    /// The client's response key for a key in the data.
    pub(crate) fn client_key<'k>(&self, key: &'k str) -> &'k str {
        key.strip_prefix(&self.prefix).unwrap_or(key)
    }

    /// A variable's name in plans, if it differs from the client's. The planner uses `representations` and names that
    /// start with two underscores.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let in_the_way = name == "representations" || name.starts_with("__");
        in_the_way.then(|| format!("{}{name}", self.prefix))
    }

    /// Renames the document's variables that collide.
    pub(super) fn rename_variables(&self, document: &mut Document) {
        let is_named = |variable: &VariableDefinition<'static, String>| {
            self.variable(&variable.name).is_some()
        };
        let operation = document
            .definitions
            .iter()
            .find_map(|definition| match definition {
                Definition::Operation(operation) => Some(operation),
                Definition::Fragment(_) => None,
            });
        let variables = operation.map_or(&[][..], |operation| operation.variable_definitions());
        if !variables.iter().any(is_named) {
            return;
        }
        for definition in &mut document.definitions {
            let (selections, variables) = match definition {
                Definition::Fragment(FragmentDefinition { selection_set, .. }) => {
                    (selection_set, None)
                }
                Definition::Operation(OperationDefinition::SelectionSet(selections)) => {
                    (selections, None)
                }
                Definition::Operation(OperationDefinition::Query(query)) => (
                    &mut query.selection_set,
                    Some(&mut query.variable_definitions),
                ),
                Definition::Operation(OperationDefinition::Mutation(mutation)) => (
                    &mut mutation.selection_set,
                    Some(&mut mutation.variable_definitions),
                ),
                Definition::Operation(OperationDefinition::Subscription(subscription)) => (
                    &mut subscription.selection_set,
                    Some(&mut subscription.variable_definitions),
                ),
            };
            for variable in variables.into_iter().flatten() {
                self.rename(&mut variable.name);
            }
            self.rename_in(selections);
        }
    }

    fn rename_in(&self, selections: &mut SelectionSet<'static, String>) {
        for selection in &mut selections.items {
            match selection {
                Selection::Field(field) => {
                    for (_, value) in &mut field.arguments {
                        self.rename_value(value);
                    }
                    self.rename_arguments(&mut field.directives);
                    self.rename_in(&mut field.selection_set);
                }
                Selection::InlineFragment(fragment) => {
                    self.rename_arguments(&mut fragment.directives);
                    self.rename_in(&mut fragment.selection_set);
                }
                Selection::FragmentSpread(spread) => {
                    self.rename_arguments(&mut spread.directives);
                }
            }
        }
    }

    fn rename_arguments(&self, directives: &mut [Directive<'static, String>]) {
        let arguments = directives.iter_mut().flat_map(|found| &mut found.arguments);
        for (_, value) in arguments {
            self.rename_value(value);
        }
    }

    fn rename_value(&self, value: &mut Value) {
        match value {
            Value::Variable(name) => self.rename(name),
            Value::List(items) => items.iter_mut().for_each(|item| self.rename_value(item)),
            Value::Object(fields) => {
                fields
                    .iter_mut()
                    .for_each(|(_, field)| self.rename_value(field));
            }
            _ => {}
        }
    }

    fn rename(&self, name: &mut String) {
        if let Some(other) = self.variable(name) {
            *name = other;
        }
    }
}

/// The response keys of a selection, at any depth.
fn keys<'d>(selections: &'d SelectionSet<'static, String>, names: &mut BTreeSet<&'d str>) {
    for selection in &selections.items {
        match selection {
            Selection::Field(field) => {
                names.insert(field.alias.as_ref().unwrap_or(&field.name));
                keys(&field.selection_set, names);
            }
            Selection::InlineFragment(fragment) => keys(&fragment.selection_set, names),
            Selection::FragmentSpread(_) => {}
        }
    }
}
