//! Rewrites documents so that async-graphql executes them as specified. It ignores the defaults of variables in `@skip`
//! and `@include`, reports variables that are only conditions of `__typename` as unused, returns null for an object
//! without remaining fields instead of `{}`, and treats variables without a value as null. Therefore conditions become
//! literals, such an object gets a `__typename` under a key that is removed from the response, and arguments and input
//! fields given by absent variables are left out.

mod absent;
mod conditions;
mod empty;

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Name, Request, Response, ServerError, Variables};
use async_graphql_value::Value as Literal;

use self::conditions::{inner, refused};
use self::empty::Placeholder;

#[cfg(test)]
mod tests;

/// Rewrites a request's operation where async-graphql would execute it wrongly. Other errors in the document are left to
/// the executor.
///
/// # Errors
/// A condition that is not a boolean, and a subscription without fields.
pub(crate) fn normalize(request: &mut Request) -> Result<Option<Placeholder>, Box<Response>> {
    let variables = std::mem::take(&mut request.variables);
    let name = request.operation_name.take();
    let normalized = match request.parsed_query() {
        Ok(document) => normalized(document, name.as_deref(), &variables),
        Err(_) => Ok(None),
    };
    request.variables = variables;
    request.operation_name = name;
    match normalized {
        Ok(Some((document, placeholder))) => {
            request.set_parsed_query(document);
            Ok(placeholder)
        }
        Ok(None) => Ok(None),
        Err(error) => Err(Box::new(Response::from_errors(vec![error]))),
    }
}

/// `None` if nothing has to change.
fn normalized(
    document: &ExecutableDocument,
    name: Option<&str>,
    variables: &Variables,
) -> Result<Option<(ExecutableDocument, Option<Placeholder>)>, ServerError> {
    let Some(operation) = selected(document, name) else {
        return Ok(None);
    };
    let is_conditional = conditions::has_conditions(document);
    let absent = absent::absent(operation, variables);
    if !is_conditional && absent.is_empty() && !empty::is_possible(document, variables) {
        return Ok(None);
    }
    let mut document = document.clone();
    let mut replaced = HashSet::new();
    if is_conditional {
        let values = conditions::values(operation, variables);
        replaced = conditions::decide(&mut document, name, &values)?;
    }
    if !absent.is_empty() {
        replaced.extend(absent::leave_out(&mut document, &absent));
    }
    drop_unused(&mut document, &replaced);
    if let Some(operation) = selected(&document, name)
        && operation.ty == OperationType::Subscription
        && !conditions::selects(
            &operation.selection_set.node,
            &document,
            &mut HashSet::new(),
        )
    {
        return Err(refused("A subscription must have one root field", None));
    }
    let placeholder = empty::fill(&mut document, variables);
    Ok(Some((document, placeholder)))
}

/// The operation to execute; `None` if there is an error.
fn selected<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Option<&'d OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => operation,
        (DocumentOperations::Single(_), Some(_)) => return None,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name)?,
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.values();
            all.next().filter(|_| all.next().is_none())?
        }
    };
    Some(&operation.node)
}

fn operations_mut(document: &mut ExecutableDocument) -> Vec<&mut OperationDefinition> {
    match &mut document.operations {
        DocumentOperations::Single(operation) => vec![&mut operation.node],
        DocumentOperations::Multiple(operations) => {
            operations.values_mut().map(|one| &mut one.node).collect()
        }
    }
}

/// Removes the definitions of those candidates that are no longer used: async-graphql rejects unused variables.
fn drop_unused(document: &mut ExecutableDocument, candidates: &HashSet<Name>) {
    let fragments = &document.fragments;
    let retain = |operation: &mut OperationDefinition| {
        let mut used = HashSet::new();
        let mut pending = vec![&operation.selection_set.node];
        let mut spread = HashSet::new();
        while let Some(set) = pending.pop() {
            for selection in &set.items {
                for directive in selection.node.directives() {
                    for (_, value) in &directive.node.arguments {
                        variables_in(&value.node, &mut used);
                    }
                }
                pending.extend(inner(&selection.node));
                match &selection.node {
                    Selection::Field(field) => {
                        for (_, value) in &field.node.arguments {
                            variables_in(&value.node, &mut used);
                        }
                    }
                    Selection::FragmentSpread(fragment) => {
                        let name = &fragment.node.fragment_name.node;
                        let fragment = fragments.get(name).filter(|_| spread.insert(name));
                        pending.extend(fragment.map(|one| &one.node.selection_set.node));
                    }
                    Selection::InlineFragment(_) => {}
                }
            }
        }
        operation.variable_definitions.retain(|definition| {
            let name = &definition.node.name.node;
            used.contains(name) || !candidates.contains(name)
        });
    };
    match &mut document.operations {
        DocumentOperations::Single(operation) => retain(&mut operation.node),
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                retain(&mut operation.node);
            }
        }
    }
}

fn variables_in(value: &Literal, found: &mut HashSet<Name>) {
    match value {
        Literal::Variable(name) => {
            found.insert(name.clone());
        }
        Literal::List(items) => items.iter().for_each(|item| variables_in(item, found)),
        Literal::Object(fields) => fields.values().for_each(|field| variables_in(field, found)),
        _ => {}
    }
}
