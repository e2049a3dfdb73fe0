//! Schemas as SDL: parsing, merging definitions with extensions, printing. Used by composition, schema comparison and
//! anonymization; what requests need of a schema is in `supergraph/`.

pub(crate) mod ast;
pub(crate) mod print;

use std::fmt;

use graphql_tools::parser::Pos;
use indexmap::IndexMap;
use indexmap::map::Entry;

use self::ast::{
    Definition, Directive, DirectiveDefinition, Document, SchemaDefinition, TypeDefinition,
    TypeKind,
};
use crate::prepare::OperationKind;
use crate::prepare::{ParseError, parse_type_system};

/// Why a text is not a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    pub message: String,
    /// Counts from 1, like `column`.
    pub line: usize,
    pub column: usize,
}

impl SchemaError {
    pub(crate) fn new(message: impl Into<String>, position: Pos) -> Self {
        Self {
            message: message.into(),
            line: position.line,
            column: position.column,
        }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for SchemaError {}

/// Parses a text's definitions.
///
/// # Errors
/// The position of a syntax error.
pub(crate) fn parse(text: &str) -> Result<Document, SchemaError> {
    parse_type_system(text).map_err(|error| match error {
        ParseError::Syntax { message, position } => SchemaError::new(message, position),
        ParseError::TooDeep => {
            SchemaError::new("Brackets are nested too deep.", Pos { line: 1, column: 1 })
        }
    })
}

/// A schema: definitions merged with their extensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Schema {
    pub(crate) description: Option<String>,
    /// On the schema itself.
    pub(crate) directives: Vec<Directive>,
    pub(crate) query: Option<String>,
    pub(crate) mutation: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) types: IndexMap<String, TypeDefinition>,
    pub(crate) directive_definitions: IndexMap<String, DirectiveDefinition>,
}

impl Schema {
    /// Merges a document's definitions and extensions. A type that is only extended is accepted, since a subgraph may
    /// extend what another defines.
    ///
    /// # Errors
    /// Types defined twice, or extended as another kind.
    pub(crate) fn build(document: Document) -> Result<Self, Vec<SchemaError>> {
        let mut building = Building::default();
        let (definitions, extensions): (Vec<_>, Vec<_>) = document
            .definitions
            .into_iter()
            .partition(|definition| !is_extension(definition));
        for definition in definitions.into_iter().chain(extensions) {
            match definition {
                Definition::Schema(schema) => building.schema(schema),
                Definition::Type(definition) => building.type_definition(definition),
                Definition::Directive(directive) => building.directive(directive),
            }
        }
        building.finish()
    }

    /// Parses a schema.
    ///
    /// # Errors
    /// Syntax errors and duplicates.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<SchemaError>> {
        Self::build(parse(text).map_err(|error| vec![error])?)
    }

    pub(crate) fn root(&self, kind: OperationKind) -> Option<&str> {
        match kind {
            OperationKind::Query => self.query.as_deref(),
            OperationKind::Mutation => self.mutation.as_deref(),
            OperationKind::Subscription => self.subscription.as_deref(),
        }
    }

    fn root_mut(&mut self, kind: OperationKind) -> &mut Option<String> {
        match kind {
            OperationKind::Query => &mut self.query,
            OperationKind::Mutation => &mut self.mutation,
            OperationKind::Subscription => &mut self.subscription,
        }
    }

    pub(crate) fn kind(&self, name: &str) -> Option<TypeKind> {
        match self.types.get(name) {
            Some(definition) => Some(definition.kind),
            None => BUILT_IN_SCALARS.contains(&name).then_some(TypeKind::Scalar),
        }
    }
}

/// The scalars that every schema has.
pub(crate) const BUILT_IN_SCALARS: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];

/// The root types under their default names.
pub(crate) const ROOTS: [(OperationKind, &str); 3] = [
    (OperationKind::Query, "Query"),
    (OperationKind::Mutation, "Mutation"),
    (OperationKind::Subscription, "Subscription"),
];

fn is_extension(definition: &Definition) -> bool {
    match definition {
        Definition::Schema(schema) => schema.is_extension,
        Definition::Type(definition) => definition.is_extension,
        Definition::Directive(_) => false,
    }
}

#[derive(Default)]
struct Building {
    schema: Schema,
    is_defined: bool,
    errors: Vec<SchemaError>,
}

impl Building {
    fn error(&mut self, message: impl Into<String>, position: Pos) {
        self.errors.push(SchemaError::new(message, position));
    }

    fn schema(&mut self, definition: SchemaDefinition) {
        let position = definition.position;
        if !definition.is_extension {
            if self.is_defined {
                self.error("Must provide only one schema definition.", position);
            }
            self.is_defined = true;
            self.schema.description = definition.description;
        }
        self.schema.directives.extend(definition.directives);
        for (kind, name) in definition.operations {
            let root = self.schema.root_mut(kind);
            if root.replace(name).is_some() {
                let message = format!("There can be only one {} type in schema.", kind.name());
                self.error(message, position);
            }
        }
    }

    fn type_definition(&mut self, definition: TypeDefinition) {
        let position = definition.position;
        let mut entry = match self.schema.types.entry(definition.name.clone()) {
            Entry::Vacant(entry) => entry.insert_entry(TypeDefinition {
                is_extension: definition.is_extension,
                description: definition.description.clone(),
                ..TypeDefinition::new(definition.kind, definition.name.clone())
            }),
            Entry::Occupied(entry) if !definition.is_extension => {
                let message = format!("There can be only one type named \"{}\".", entry.key());
                return self.error(message, position);
            }
            Entry::Occupied(entry) if entry.get().kind != definition.kind => {
                let message = format!(
                    "Cannot extend non-{} type \"{}\".",
                    definition.kind.keyword(),
                    entry.key()
                );
                return self.error(message, position);
            }
            Entry::Occupied(entry) => entry,
        };
        let known = entry.get_mut();
        let mut errors = Vec::new();
        let name = &definition.name;
        let mut once = |is_known: bool, message: String, position: Pos| {
            if is_known {
                errors.push(SchemaError::new(message, position));
            }
            !is_known
        };
        if known.position == Pos::default() {
            known.position = position;
        }
        known.directives.extend(definition.directives);
        for interface in definition.interfaces {
            let message = format!("Type {name} can only implement {interface} once.");
            if once(known.interfaces.contains(&interface), message, position) {
                known.interfaces.push(interface);
            }
        }
        for field in definition.fields {
            let message = format!("Field \"{name}.{}\" can only be defined once.", field.name);
            if once(known.field(&field.name).is_some(), message, field.position) {
                known.fields.push(field);
            }
        }
        for member in definition.members {
            let message = format!("Union type {name} can only include type {member} once.");
            if once(known.members.contains(&member), message, position) {
                known.members.push(member);
            }
        }
        for value in definition.values {
            let message = format!(
                "Enum value \"{name}.{}\" can only be defined once.",
                value.name
            );
            if once(known.value(&value.name).is_some(), message, value.position) {
                known.values.push(value);
            }
        }
        for field in &known.fields {
            for (at, argument) in field.arguments.iter().enumerate() {
                let message = format!(
                    "Argument \"{name}.{}({}:)\" can only be defined once.",
                    field.name, argument.name
                );
                let mut before = field.arguments[..at].iter();
                let is_known = before.any(|before| before.name == argument.name);
                once(is_known, message, argument.position);
            }
        }
        self.errors.append(&mut errors);
    }

    fn directive(&mut self, directive: DirectiveDefinition) {
        let (name, position) = (directive.name.clone(), directive.position);
        let known = &mut self.schema.directive_definitions;
        if known.insert(name.clone(), directive).is_some() {
            let message = format!("There can be only one directive named \"@{name}\".");
            self.error(message, position);
        }
    }

    fn finish(mut self) -> Result<Schema, Vec<SchemaError>> {
        if !self.is_defined {
            for (kind, name) in ROOTS {
                let is_object = self.schema.kind(name) == Some(TypeKind::Object);
                let root = self.schema.root_mut(kind);
                if root.is_none() && is_object {
                    *root = Some(name.to_owned());
                }
            }
        }
        if self.errors.is_empty() {
            Ok(self.schema)
        } else {
            Err(self.errors)
        }
    }
}

#[cfg(test)]
mod tests;
