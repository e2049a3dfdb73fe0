//! Collects what an operation uses by walking its selections and values.

use std::collections::HashSet;

use graphql_tools::parser::Pos;
use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, FragmentDefinition, OperationDefinition, Selection,
    SelectionSet, Type, TypeCondition, Value, VariableDefinition,
};

use super::usage::{ClientOperation, OperationError, Usage};
use crate::prepare::{OperationKind, ParseError, parse};
use crate::type_system::Schema;
use crate::type_system::ast::{Field, TypeKind, named};

impl Usage {
    pub(super) fn of(operation: &ClientOperation, schema: &Schema) -> Result<Self, OperationError> {
        let failed = |message: String, position: Pos| OperationError {
            label: operation.label.clone(),
            message,
            line: position.line,
            column: position.column,
        };
        let parsed = parse(&operation.document).map_err(|error| match error {
            ParseError::Syntax { message, position } => failed(message, position),
            ParseError::TooDeep => failed(
                "Brackets are nested too deep.".to_owned(),
                Pos { line: 1, column: 1 },
            ),
        })?;
        let mut walk = Walk {
            schema,
            document: &parsed.document,
            usage: Self::default(),
            sure: HashSet::new(),
            spread: HashSet::new(),
            defaults: HashSet::new(),
        };
        for (name, _) in &parsed.variable_directives {
            walk.usage.directives.insert(name.clone());
            walk.usage
                .locations
                .insert((name.clone(), "VARIABLE_DEFINITION"));
        }
        for definition in &parsed.document.definitions {
            if let Definition::Operation(definition) = definition
                && (operation.operation_name.is_none()
                    || name_of(definition) == operation.operation_name.as_deref())
            {
                walk.operation(definition)
                    .map_err(|(message, position)| failed(message, position))?;
            }
        }
        if walk.usage.roots.is_empty() {
            let named = operation.operation_name.as_deref().unwrap_or_default();
            return Err(failed(
                format!("The document has no operation \"{named}\"."),
                Pos { line: 1, column: 1 },
            ));
        }
        Ok(walk.usage)
    }
}

fn name_of(operation: &OperationDefinition) -> Option<&str> {
    match operation {
        OperationDefinition::SelectionSet(_) => None,
        OperationDefinition::Query(query) => query.name.as_deref(),
        OperationDefinition::Mutation(mutation) => mutation.name.as_deref(),
        OperationDefinition::Subscription(subscription) => subscription.name.as_deref(),
    }
}

type Walked = Result<(), (String, Pos)>;

struct Walk<'s> {
    schema: &'s Schema,
    document: &'s Document,
    usage: Usage,
    /// Variables that have a value in every request.
    sure: HashSet<String>,
    /// Fragments already visited: their usage is the same wherever they are spread.
    spread: HashSet<String>,
    /// Defaults already visited.
    defaults: HashSet<(String, String)>,
}

impl Walk<'_> {
    fn operation(&mut self, operation: &OperationDefinition) -> Walked {
        let (kind, location, variables, directives, selections): (
            _,
            _,
            &[VariableDefinition],
            &[Directive],
            _,
        ) = match operation {
            OperationDefinition::SelectionSet(selections) => {
                (OperationKind::Query, "QUERY", &[], &[], selections)
            }
            OperationDefinition::Query(query) => (
                OperationKind::Query,
                "QUERY",
                &query.variable_definitions,
                &query.directives,
                &query.selection_set,
            ),
            OperationDefinition::Mutation(mutation) => (
                OperationKind::Mutation,
                "MUTATION",
                &mutation.variable_definitions,
                &mutation.directives,
                &mutation.selection_set,
            ),
            OperationDefinition::Subscription(subscription) => (
                OperationKind::Subscription,
                "SUBSCRIPTION",
                &subscription.variable_definitions,
                &subscription.directives,
                &subscription.selection_set,
            ),
        };
        self.usage.roots.insert(kind);
        self.sure.clear();
        for variable in variables {
            self.open_input(named(&variable.var_type));
            if let Some(default) = &variable.default_value {
                self.value(default, &variable.var_type);
            }
            let is_sure = matches!(variable.var_type, Type::NonNullType(_))
                || variable.default_value.is_some();
            if is_sure {
                self.sure.insert(variable.name.clone());
            }
        }
        self.directives(directives, location);
        let Some(root) = self.schema.root(kind) else {
            let message = format!("The schema has no {} type.", kind.name());
            return Err((message, Pos { line: 1, column: 1 }));
        };
        let root = root.to_owned();
        self.selections(selections, &root)
    }

    fn selections(&mut self, selections: &SelectionSet, parent: &str) -> Walked {
        self.usage.types.insert(parent.to_owned());
        self.usage.selections.insert(parent.to_owned());
        for selection in &selections.items {
            match selection {
                Selection::Field(field) => {
                    self.directives(&field.directives, "FIELD");
                    if field.name.starts_with("__") {
                        continue;
                    }
                    let schema = self.schema;
                    let definition = schema.types.get(parent);
                    let Some(known) = definition.and_then(|parent| parent.field(&field.name))
                    else {
                        let message = format!(
                            "Cannot query field \"{}\" on type \"{parent}\".",
                            field.name
                        );
                        return Err((message, field.position));
                    };
                    let names = || (parent.to_owned(), field.name.clone());
                    self.usage.fields.insert(names());
                    for (name, value) in &field.arguments {
                        let Some(argument) = known.argument(name) else {
                            let message = format!(
                                "Unknown argument \"{name}\" on field \"{parent}.{}\".",
                                field.name
                            );
                            return Err((message, field.position));
                        };
                        let (owner, of) = names();
                        let is_sure = self.is_sure(value);
                        self.usage
                            .arguments
                            .insert((owner, of, name.clone(), is_sure));
                        self.value(value, &argument.value_type);
                    }
                    let inner = named(&known.value_type);
                    self.usage.types.insert(inner.to_owned());
                    self.usage.outputs.insert(inner.to_owned());
                    if !field.selection_set.items.is_empty() {
                        self.selections(&field.selection_set, inner)?;
                    }
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives, "INLINE_FRAGMENT");
                    let on = match &fragment.type_condition {
                        Some(TypeCondition::On(name)) => name.as_str(),
                        None => parent,
                    };
                    self.condition(on, fragment.position)?;
                    self.selections(&fragment.selection_set, on)?;
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(&spread.directives, "FRAGMENT_SPREAD");
                    self.spread(&spread.fragment_name, spread.position)?;
                }
            }
        }
        Ok(())
    }

    fn spread(&mut self, name: &str, position: Pos) -> Walked {
        let document = self.document;
        let mut fragments = document.definitions.iter();
        let found = fragments.find_map(|definition| match definition {
            Definition::Fragment(fragment) if fragment.name == name => Some(fragment),
            _ => None,
        });
        let Some(FragmentDefinition {
            type_condition: TypeCondition::On(on),
            directives,
            selection_set,
            position: defined,
            ..
        }) = found
        else {
            return Err((format!("Unknown fragment \"{name}\"."), position));
        };
        if !self.spread.insert(name.to_owned()) {
            return Ok(());
        }
        self.directives(directives, "FRAGMENT_DEFINITION");
        self.condition(on, *defined)?;
        self.selections(selection_set, on)
    }

    /// A fragment's type condition.
    fn condition(&self, on: &str, position: Pos) -> Walked {
        let kind = self.schema.kind(on);
        if kind.is_some_and(TypeKind::is_composite) {
            Ok(())
        } else {
            Err((format!("Unknown type \"{on}\"."), position))
        }
    }

    fn directives(&mut self, directives: &[Directive], location: &'static str) {
        for directive in directives {
            let name = &directive.name;
            self.usage.directives.insert(name.clone());
            self.usage.locations.insert((name.clone(), location));
            let definitions = &self.schema.directive_definitions;
            let arguments = definitions
                .get(name)
                .map(|known| known.arguments.as_slice());
            for (argument, value) in &directive.arguments {
                let is_sure = self.is_sure(value);
                let argument_name = (name.clone(), argument.clone(), is_sure);
                self.usage.directive_arguments.insert(argument_name);
                let mut known = arguments.unwrap_or_default().iter();
                if let Some(known) = known.find(|known| known.name == *argument) {
                    self.value(value, &known.value_type);
                }
            }
        }
    }

    fn is_sure(&self, value: &Value) -> bool {
        match value {
            Value::Variable(name) => self.sure.contains(name),
            _ => true,
        }
    }

    /// A literal given for this type.
    fn value(&mut self, value: &Value, value_type: &Type) {
        match (value, value_type) {
            (value, Type::NonNullType(inner)) => self.value(value, inner),
            (Value::List(items), Type::ListType(inner)) => {
                for item in items {
                    self.value(item, inner);
                }
            }
            (single, Type::ListType(inner)) => self.value(single, inner),
            (value, Type::NamedType(name)) => self.named_value(value, name),
        }
    }

    fn named_value(&mut self, value: &Value, name: &str) {
        self.usage.types.insert(name.to_owned());
        match value {
            Value::Enum(value) => {
                let value = (name.to_owned(), value.clone());
                self.usage.enum_values.insert(value);
            }
            Value::Object(given) => {
                let schema = self.schema;
                let Some(definition) = schema.types.get(name) else {
                    return;
                };
                if definition.kind != TypeKind::InputObject {
                    return;
                }
                self.usage.input_objects.insert(name.to_owned());
                for field in &definition.fields {
                    let names = (name.to_owned(), field.name.clone());
                    let mut fields = given.iter();
                    match fields.find(|(name, _)| *name == field.name) {
                        Some((_, value)) => {
                            if !self.is_sure(value) {
                                self.usage.omitted.insert(names.clone());
                            }
                            self.usage.input_fields.insert(names);
                            self.value(value, &field.value_type);
                        }
                        None => {
                            if self.defaults.insert(names.clone()) {
                                self.default_of(field);
                            }
                            self.usage.omitted.insert(names);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The default of an omitted field is used too.
    fn default_of(&mut self, field: &Field) {
        if let Some(default) = &field.default {
            self.value(default, &field.value_type);
        }
    }

    /// A variable of this type, which may contain anything.
    fn open_input(&mut self, name: &str) {
        self.usage.types.insert(name.to_owned());
        if !self.usage.open_inputs.insert(name.to_owned()) {
            return;
        }
        let schema = self.schema;
        if let Some(definition) = schema.types.get(name) {
            for field in &definition.fields {
                self.open_input(named(&field.value_type));
            }
        }
    }
}
