//! Values that `graphql-tools` accepts although they are invalid: objects where a scalar or an enum value is expected
//! (5.6.1), and variables that a subgraph could not declare.

use std::collections::HashMap;

use graphql_tools::ast::{OperationVisitor, OperationVisitorContext};
use graphql_tools::static_graphql::query::{Definition, Document, Type, Value};
use graphql_tools::static_graphql::schema::TypeDefinition;
use graphql_tools::validation::rules::{ValidationRule, ValidationVisitor};
use graphql_tools::validation::utils::{ValidationError, ValidationErrorContext};

const BUILT_IN_SCALARS: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];

/// Objects are values of input objects and custom scalars only. Within a custom scalar, only variables of built-in
/// scalars are allowed: its subgraph may not know other types, and then cannot declare the variable.
pub(super) struct Values;

impl ValidationRule for Values {
    fn error_code(&self) -> &'static str {
        "Values"
    }

    fn visitor<'doc>(&self) -> ValidationVisitor<'doc> {
        Box::new(Visitor::default())
    }
}

#[derive(Default)]
struct Visitor<'doc> {
    /// The types of each variable. Operations may use a name for different types.
    variables: HashMap<&'doc str, Vec<&'doc Type>>,
    /// The custom scalar whose value is being visited, and how many lists and objects deep.
    custom: Option<(String, usize)>,
}

impl Visitor<'_> {
    /// Enters a list or an object.
    fn enter(&mut self, context: &OperationVisitorContext<'_>) {
        match (&mut self.custom, context.current_input_type()) {
            (Some((_, depth)), _) => *depth += 1,
            (None, Some(TypeDefinition::Scalar(scalar)))
                if !BUILT_IN_SCALARS.contains(&&*scalar.name) =>
            {
                self.custom = Some((scalar.name.clone(), 1));
            }
            (None, _) => {}
        }
    }

    fn leave(&mut self) {
        if let Some((_, depth)) = &mut self.custom {
            *depth -= 1;
            if *depth == 0 {
                self.custom = None;
            }
        }
    }

    fn report(errors: &mut ValidationErrorContext, message: String) {
        errors.report_error(ValidationError {
            error_code: Values.error_code(),
            // The position of the enclosing field, directive or variable is added later.
            locations: Vec::new(),
            message,
        });
    }
}

impl<'doc> OperationVisitor<'doc, ValidationErrorContext> for Visitor<'doc> {
    fn enter_document(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        _: &mut ValidationErrorContext,
        document: &'doc Document,
    ) {
        for definition in &document.definitions {
            if let Definition::Operation(operation) = definition {
                for variable in operation.variable_definitions() {
                    let types = self.variables.entry(&variable.name).or_default();
                    types.push(&variable.var_type);
                }
            }
        }
    }

    fn enter_list_value(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        _: &mut ValidationErrorContext,
        _: &Vec<Value>,
    ) {
        self.enter(context);
    }

    fn leave_list_value(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        _: &mut ValidationErrorContext,
        _: &Vec<Value>,
    ) {
        self.leave();
    }

    fn enter_object_value(
        &mut self,
        context: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        fields: &[(String, Value)],
    ) {
        let expected = match context.current_input_type() {
            Some(TypeDefinition::Scalar(scalar)) => BUILT_IN_SCALARS
                .contains(&&*scalar.name)
                .then_some(&scalar.name),
            Some(TypeDefinition::Enum(of)) => Some(&of.name),
            _ => None,
        };
        if let Some(expected) = expected {
            let value = Value::Object(fields.to_vec());
            Self::report(
                errors,
                format!("Expected value of type \"{expected}\", found {value}."),
            );
        }
        self.enter(context);
    }

    fn leave_object_value(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        _: &mut ValidationErrorContext,
        _: &[(String, Value)],
    ) {
        self.leave();
    }

    fn enter_variable_value(
        &mut self,
        _: &mut OperationVisitorContext<'doc>,
        errors: &mut ValidationErrorContext,
        name: &'doc str,
    ) {
        let Some((scalar, _)) = &self.custom else {
            return;
        };
        let foreign = self
            .variables
            .get(name)
            .into_iter()
            .flatten()
            .find(|one| !BUILT_IN_SCALARS.contains(&one.inner_type()));
        if let Some(foreign) = foreign {
            Self::report(
                errors,
                format!(
                    "Variable \"${name}\" of type \"{foreign}\" may not be used inside a value of type \"{scalar}\"; give the whole value by a variable."
                ),
            );
        }
    }
}
