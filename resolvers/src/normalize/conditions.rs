//! Evaluates a document's conditions with a request's variables.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    BaseType, Directive, DocumentOperations, ExecutableDocument, OperationDefinition, Selection,
    SelectionSet,
};
use async_graphql::{ErrorExtensionValues, Name, Positioned, ServerError, Value, Variables};
use async_graphql_value::Value as Literal;

use crate::error::ErrorCode;

/// Replaces the conditions of the operation with this name by literals. Returns the variables used as conditions.
///
/// # Errors
/// A condition that is not a boolean.
pub(super) fn decide(
    document: &mut ExecutableDocument,
    name: Option<&str>,
    values: &Values,
) -> Result<HashSet<Name>, ServerError> {
    let mut decided = HashSet::new();
    for fragment in document.fragments.values_mut() {
        let set = &mut fragment.node.selection_set.node;
        // Variables of other operations are unknown, but those are not executed.
        literal_set(set, &mut decided, &mut |variable, _| {
            Ok(values
                .get(variable)
                .and_then(|value| value.clone().ok())
                .unwrap_or(true))
        })?;
    }
    let is_selected = |one: Option<&Name>| name.is_none() || one.map(Name::as_str) == name;
    let operations: Vec<(Option<Name>, &mut Positioned<OperationDefinition>)> =
        match &mut document.operations {
            DocumentOperations::Single(operation) => vec![(None, operation)],
            DocumentOperations::Multiple(operations) => operations
                .iter_mut()
                .map(|(name, operation)| (Some(name.clone()), operation))
                .collect(),
        };
    for (name, operation) in operations {
        let set = &mut operation.node.selection_set.node;
        let is_selected = is_selected(name.as_ref());
        literal_set(
            set,
            &mut decided,
            &mut |variable, condition| match values.get(variable) {
                _ if !is_selected => Ok(true),
                Some(Ok(value)) => Ok(*value),
                Some(Err(message)) => Err(refused(message, Some(condition))),
                None => {
                    let message = format!("Variable \"${variable}\" is not defined");
                    Err(refused(&message, Some(condition)))
                }
            },
        )?;
    }
    Ok(decided)
}

pub(super) fn has_conditions(document: &ExecutableDocument) -> bool {
    let mut operations = document.operations.iter();
    operations.any(|(_, operation)| is_conditional(&operation.node.selection_set.node))
        || document
            .fragments
            .values()
            .any(|fragment| is_conditional(&fragment.node.selection_set.node))
}

fn is_conditional(set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| {
        selection.node.directives().iter().any(is_condition)
            || inner(&selection.node).is_some_and(is_conditional)
    })
}

pub(super) fn inner(selection: &Selection) -> Option<&SelectionSet> {
    match selection {
        Selection::Field(field) => Some(&field.node.selection_set.node),
        Selection::InlineFragment(fragment) => Some(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => None,
    }
}

pub(super) fn inner_mut(selection: &mut Selection) -> Option<&mut SelectionSet> {
    match selection {
        Selection::Field(field) => Some(&mut field.node.selection_set.node),
        Selection::InlineFragment(fragment) => Some(&mut fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => None,
    }
}

fn is_condition(directive: &Positioned<Directive>) -> bool {
    matches!(directive.node.name.node.as_str(), "skip" | "include")
}

/// Whether a selection's literal conditions include it.
pub(super) fn remains(selection: &Selection) -> bool {
    selection.directives().iter().all(|directive| {
        let condition = directive.node.get_argument("if").map(|value| &value.node);
        match (directive.node.name.node.as_str(), condition) {
            ("skip", Some(Literal::Boolean(condition))) => !condition,
            ("include", Some(Literal::Boolean(condition))) => *condition,
            _ => true,
        }
    })
}

/// Whether any field remains, including in fragments.
pub(super) fn selects<'d>(
    set: &'d SelectionSet,
    document: &'d ExecutableDocument,
    seen: &mut HashSet<&'d Name>,
) -> bool {
    set.items.iter().any(|selection| {
        remains(&selection.node)
            && match &selection.node {
                Selection::Field(_) => true,
                Selection::InlineFragment(fragment) => {
                    selects(&fragment.node.selection_set.node, document, seen)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let fragment = document.fragments.get(name).filter(|_| seen.insert(name));
                    // Unknown fragments are rejected by validation.
                    fragment.is_none_or(|fragment| {
                        selects(&fragment.node.selection_set.node, document, seen)
                    })
                }
            }
    })
}

/// The value of each of the operation's variables as a condition.
pub(super) type Values = HashMap<Name, Result<bool, String>>;

pub(super) fn values(operation: &OperationDefinition, variables: &Variables) -> Values {
    let defined = operation.variable_definitions.iter();
    defined
        .map(|definition| {
            let (definition, name) = (&definition.node, &definition.node.name.node);
            let default = definition.default_value.as_ref().map(|value| &value.node);
            let ty = &definition.var_type.node;
            let is_boolean = matches!(&ty.base, BaseType::Named(name) if name == "Boolean");
            let has_default = default.is_some_and(|default| *default != Value::Null);
            let value = if !is_boolean || (ty.nullable && !has_default) {
                Err(format!(
                    "Variable \"${name}\" of type \"{ty}\" cannot be a condition, which is \"Boolean!\""
                ))
            } else {
                match variables.get(name).or(default) {
                    Some(Value::Boolean(value)) => Ok(*value),
                    Some(_) => Err(format!("Variable \"${name}\" is not true or false")),
                    None => Err(format!("Variable \"${name}\" has no value")),
                }
            };
            (name.clone(), value)
        })
        .collect()
}

type Decide<'a> = dyn FnMut(&Name, &Positioned<Directive>) -> Result<bool, ServerError> + 'a;

fn literal_set(
    set: &mut SelectionSet,
    decided: &mut HashSet<Name>,
    decide: &mut Decide<'_>,
) -> Result<(), ServerError> {
    for selection in &mut set.items {
        let selection = &mut selection.node;
        for directive in selection.directives_mut() {
            if !is_condition(directive) {
                continue;
            }
            let condition = directive.node.get_argument("if").map(|value| &value.node);
            let value = match condition {
                Some(Literal::Variable(variable)) => {
                    decided.insert(variable.clone());
                    decide(variable, directive)?
                }
                Some(Literal::Boolean(_)) => continue,
                Some(_) => {
                    return Err(refused(
                        "A condition must be true or false",
                        Some(directive),
                    ));
                }
                None => {
                    return Err(refused(
                        "A condition needs its argument `if`",
                        Some(directive),
                    ));
                }
            };
            for (name, argument) in &mut directive.node.arguments {
                if name.node == "if" {
                    argument.node = Literal::Boolean(value);
                }
            }
        }
        if let Some(inner) = inner_mut(selection) {
            literal_set(inner, decided, decide)?;
        }
    }
    Ok(())
}

pub(super) fn refused(message: &str, at: Option<&Positioned<Directive>>) -> ServerError {
    let mut error = ServerError::new(message, at.map(|at| at.pos));
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", ErrorCode::BadUserInput.as_str());
    error.extensions = Some(extensions);
    error
}
