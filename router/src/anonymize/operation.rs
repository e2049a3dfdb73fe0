//! Anonymizes executable documents, and selections in federation's directives.

use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, OperationDefinition, Selection, SelectionSet, Type,
    TypeCondition, Value, VariableDefinition,
};

use super::literals::Literals;
use super::names::Names;
use super::{AnonymizeError, syntax};
use crate::prepare;

/// Directives of GraphQL itself, with their arguments.
const KEPT: [&str; 7] = [
    "skip",
    "include",
    "defer",
    "stream",
    "deprecated",
    "specifiedBy",
    "oneOf",
];

pub(super) fn is_specified(directive: &str) -> bool {
    KEPT.contains(&directive)
}

pub(super) fn rename(document: &mut Document, names: &mut Names, literals: &mut Literals) {
    let mut rename = Rename { names, literals };
    for definition in &mut document.definitions {
        rename.definition(definition);
    }
}

/// Anonymizes a selection in a string, such as a key.
///
/// # Errors
/// If the text is not a selection.
pub(super) fn selection(
    text: &str,
    names: &mut Names,
    literals: &mut Literals,
) -> Result<String, AnonymizeError> {
    let inner = text.trim();
    let is_braced = inner.starts_with('{');
    let document = if is_braced {
        inner.to_owned()
    } else {
        format!("{{ {inner} }}")
    };
    let parsed = prepare::parse(&document).map_err(|error| AnonymizeError::Selection {
        selection: text.to_owned(),
        reason: syntax(&error),
    })?;
    let mut document = parsed.document;
    rename(&mut document, names, literals);
    let printed = document.to_string();
    let words: Vec<_> = printed.split_whitespace().collect();
    let printed = words.join(" ");
    if is_braced {
        return Ok(printed);
    }
    let printed = printed.trim_start_matches("query ");
    let inner = printed
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    Ok(inner.unwrap_or(printed).trim().to_owned())
}

struct Rename<'r> {
    names: &'r mut Names,
    literals: &'r mut Literals,
}

impl Rename<'_> {
    fn definition(&mut self, definition: &mut Definition) {
        let operation = match definition {
            Definition::Fragment(fragment) => {
                self.names.change(&mut fragment.name);
                let TypeCondition::On(on) = &mut fragment.type_condition;
                self.names.change(on);
                self.directives(&mut fragment.directives);
                return self.selections(&mut fragment.selection_set);
            }
            Definition::Operation(operation) => operation,
        };
        let (name, variables, directives, selections) = match operation {
            OperationDefinition::SelectionSet(selections) => return self.selections(selections),
            OperationDefinition::Query(query) => (
                &mut query.name,
                &mut query.variable_definitions,
                &mut query.directives,
                &mut query.selection_set,
            ),
            OperationDefinition::Mutation(mutation) => (
                &mut mutation.name,
                &mut mutation.variable_definitions,
                &mut mutation.directives,
                &mut mutation.selection_set,
            ),
            OperationDefinition::Subscription(subscription) => (
                &mut subscription.name,
                &mut subscription.variable_definitions,
                &mut subscription.directives,
                &mut subscription.selection_set,
            ),
        };
        if let Some(name) = name {
            self.names.change(name);
        }
        self.variables(variables);
        self.directives(directives);
        self.selections(selections);
    }

    fn variables(&mut self, variables: &mut [VariableDefinition]) {
        for variable in variables {
            self.names.change(&mut variable.name);
            type_reference(&mut variable.var_type, self.names);
            if let Some(default) = &mut variable.default_value {
                self.literals.value(default, self.names);
            }
        }
    }

    fn selections(&mut self, selections: &mut SelectionSet) {
        for selection in &mut selections.items {
            match selection {
                Selection::Field(field) => {
                    if let Some(alias) = &mut field.alias {
                        self.names.change(alias);
                    }
                    self.directives(&mut field.directives);
                    if matches!(&*field.name, "__type" | "__schema") {
                        self.introspection(&mut field.arguments);
                        continue;
                    }
                    self.names.change(&mut field.name);
                    self.arguments(&mut field.arguments);
                    self.selections(&mut field.selection_set);
                }
                Selection::FragmentSpread(spread) => {
                    self.names.change(&mut spread.fragment_name);
                    self.directives(&mut spread.directives);
                }
                Selection::InlineFragment(fragment) => {
                    if let Some(TypeCondition::On(on)) = &mut fragment.type_condition {
                        self.names.change(on);
                    }
                    self.directives(&mut fragment.directives);
                    self.selections(&mut fragment.selection_set);
                }
            }
        }
    }

    /// Introspection fields keep their names, which are GraphQL's; only the type name in an argument is the schema's.
    fn introspection(&mut self, arguments: &mut [(String, Value)]) {
        for (_, value) in arguments {
            match value {
                Value::String(name) => self.names.change(name),
                value => self.literals.value(value, self.names),
            }
        }
    }

    fn arguments(&mut self, arguments: &mut [(String, Value)]) {
        for (name, value) in arguments {
            self.names.change(name);
            self.literals.value(value, self.names);
        }
    }

    fn directives(&mut self, directives: &mut [Directive]) {
        for directive in directives {
            if is_specified(&directive.name) {
                for (_, value) in &mut directive.arguments {
                    self.literals.value(value, self.names);
                }
                continue;
            }
            self.names.change(&mut directive.name);
            self.arguments(&mut directive.arguments);
        }
    }
}

fn type_reference(reference: &mut Type, names: &mut Names) {
    match reference {
        Type::NamedType(name) => names.change(name),
        Type::ListType(inner) | Type::NonNullType(inner) => type_reference(inner, names),
    }
}
