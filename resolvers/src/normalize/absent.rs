//! Variables without a value. async-graphql treats them as null; by the specification (6.4.1, 3.10) the argument or
//! input field is left out, so that its default applies and an update leaves it unchanged.

use std::collections::HashSet;

use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Variables};
use async_graphql_value::Value as Literal;

use super::conditions::inner_mut;

/// An operation's nullable variables that have neither a value nor a default.
pub(super) fn absent(operation: &OperationDefinition, variables: &Variables) -> HashSet<Name> {
    let definitions = operation.variable_definitions.iter();
    definitions
        .map(|definition| &definition.node)
        .filter(|one| one.var_type.node.nullable && one.default_value.is_none())
        .filter(|one| !variables.contains_key(&one.name.node))
        .map(|one| one.name.node.clone())
        .collect()
}

/// Removes the arguments and input fields given by these variables. Returns the variables whose use was removed.
pub(super) fn leave_out(
    document: &mut ExecutableDocument,
    absent: &HashSet<Name>,
) -> HashSet<Name> {
    let mut values = Values {
        absent,
        left_out: HashSet::new(),
    };
    for fragment in document.fragments.values_mut() {
        values.of_set(&mut fragment.node.selection_set.node);
    }
    for operation in super::operations_mut(document) {
        values.of_set(&mut operation.selection_set.node);
    }
    values.left_out
}

struct Values<'a> {
    absent: &'a HashSet<Name>,
    left_out: HashSet<Name>,
}

impl Values<'_> {
    fn of_set(&mut self, set: &mut SelectionSet) {
        for selection in &mut set.items {
            if let Selection::Field(field) = &mut selection.node {
                let arguments = &mut field.node.arguments;
                arguments.retain(|(_, value)| self.is_present(&value.node));
                for (_, value) in arguments {
                    self.of_value(&mut value.node);
                }
            }
            if let Some(inner) = inner_mut(&mut selection.node) {
                self.of_set(inner);
            }
        }
    }

    /// A list item stays: it becomes null.
    fn of_value(&mut self, value: &mut Literal) {
        match value {
            Literal::List(items) => items.iter_mut().for_each(|item| self.of_value(item)),
            Literal::Object(fields) => {
                fields.retain(|_, field| self.is_present(field));
                fields.values_mut().for_each(|field| self.of_value(field));
            }
            _ => {}
        }
    }

    fn is_present(&mut self, value: &Literal) -> bool {
        match value {
            Literal::Variable(name) if self.absent.contains(name) => {
                self.left_out.insert(name.clone());
                false
            }
            _ => true,
        }
    }
}
