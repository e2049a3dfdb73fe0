//! What any GraphQL schema must comply with, as far as parsing does not check it.

use std::collections::BTreeSet;

use super::Report;
use super::links::Links;
use super::specification::{self, BUILT_IN, Known};
use super::values;
use crate::error::CompositionCode;
use crate::type_system::ast::{self, Directive, Field, Type, TypeDefinition, TypeKind};
use crate::type_system::{BUILT_IN_SCALARS, Schema};

/// Prefix of directives that are named like one of federation's, and are the subgraph's own.
pub(super) const OWN: &str = "own:";

struct Check<'c> {
    schema: &'c Schema,
    links: &'c Links,
    problems: Vec<String>,
}

/// Checks a schema, whose directives have federation's own names. False after an error.
pub(super) fn check(subgraph: &str, schema: &Schema, links: &Links, report: &mut Report) -> bool {
    let mut check = Check {
        schema,
        links,
        problems: Vec::new(),
    };
    check.directives("the schema", &schema.directives, "SCHEMA");
    for (kind, name) in crate::type_system::ROOTS {
        let name = schema.root(kind).unwrap_or(name);
        if schema.root(kind).is_some() && schema.kind(name) != Some(TypeKind::Object) {
            check.problem(format!("the {} type {name} is no object type", kind.name()));
        }
    }
    for definition in schema.types.values() {
        check.definition(definition);
    }
    for problem in &check.problems {
        let message = format!("[{subgraph}] {problem}");
        report.add(CompositionCode::InvalidGraphQL, [subgraph], message);
    }
    check.problems.is_empty()
}

impl Check<'_> {
    fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    fn kind(&self, name: &str) -> Option<TypeKind> {
        // Types of federation's specifications are scalars.
        let linked = || self.links.has_type(name).then_some(TypeKind::Scalar);
        self.schema.kind(name).or_else(linked)
    }

    fn definition(&mut self, definition: &TypeDefinition) {
        let name = &definition.name;
        if name.starts_with("__") {
            self.problem(format!("{name}: names that begin with `__` are reserved"));
        }
        if BUILT_IN_SCALARS.contains(&name.as_str()) && definition.is_extension {
            self.problem(format!("the built-in scalar {name} cannot be extended"));
        }
        let location = match definition.kind {
            TypeKind::Scalar => "SCALAR",
            TypeKind::Object => "OBJECT",
            TypeKind::Interface => "INTERFACE",
            TypeKind::Union => "UNION",
            TypeKind::Enum => "ENUM",
            TypeKind::InputObject => "INPUT_OBJECT",
        };
        self.directives(name, &definition.directives, location);
        let is_empty = match definition.kind {
            TypeKind::Scalar => false,
            TypeKind::Enum => definition.values.is_empty(),
            TypeKind::Union => definition.members.is_empty(),
            _ => definition.fields.is_empty(),
        };
        if is_empty {
            self.problem(format!("{name} is empty"));
        }
        for value in &definition.values {
            let place = format!("{name}.{}", value.name);
            self.directives(&place, &value.directives, "ENUM_VALUE");
        }
        for member in &definition.members {
            if self.kind(member) != Some(TypeKind::Object) {
                self.problem(format!("{member} in the union {name} is no object type"));
            }
        }
        for field in &definition.fields {
            match definition.kind {
                TypeKind::InputObject => self.input(name, field, "INPUT_FIELD_DEFINITION"),
                _ => self.field(name, field),
            }
        }
        for interface in &definition.interfaces {
            self.implementation(definition, interface);
        }
        if definition.kind == TypeKind::InputObject
            && self.requires_itself(name, name, &mut BTreeSet::new())
        {
            self.problem(format!("a value of {name} would require another of it"));
        }
    }

    fn requires_itself<'s>(
        &'s self,
        of: &str,
        from: &'s str,
        seen: &mut BTreeSet<&'s str>,
    ) -> bool {
        let Some(definition) = self.schema.types.get(from) else {
            return false;
        };
        definition
            .fields
            .iter()
            .any(|field| match &field.value_type {
                Type::NonNullType(inner) => match &**inner {
                    Type::NamedType(next) => {
                        let next_kind = self.schema.kind(next);
                        next == of
                            || (next_kind == Some(TypeKind::InputObject)
                                && seen.insert(next)
                                && self.requires_itself(of, next, seen))
                    }
                    _ => false,
                },
                _ => false,
            })
    }

    fn field(&mut self, parent: &str, field: &Field) {
        let place = format!("{parent}.{}", field.name);
        if field.name.starts_with("__") {
            self.problem(format!("{place}: names that begin with `__` are reserved"));
        }
        let target = ast::named(&field.value_type);
        match self.kind(target) {
            None => self.problem(format!(
                "{place} has the type {target}, which is not defined"
            )),
            Some(TypeKind::InputObject) => {
                self.problem(format!(
                    "{place} has the type {target}, which is for inputs only"
                ));
            }
            Some(_) => {}
        }
        self.directives(&place, &field.directives, "FIELD_DEFINITION");
        for argument in &field.arguments {
            self.input(&place, argument, "ARGUMENT_DEFINITION");
        }
    }

    fn input(&mut self, parent: &str, field: &Field, location: &str) {
        let place = format!("{parent}.{}", field.name);
        if field.name.starts_with("__") {
            self.problem(format!("{place}: names that begin with `__` are reserved"));
        }
        let target = ast::named(&field.value_type);
        match self.kind(target) {
            None => self.problem(format!(
                "{place} has the type {target}, which is not defined"
            )),
            Some(kind) if kind.is_composite() => {
                self.problem(format!(
                    "{place} has the type {target}, which is for outputs only"
                ));
            }
            Some(_) => {}
        }
        self.directives(&place, &field.directives, location);
        if let Some(default) = &field.default
            && let Some(problem) = values::problem(self.schema, &field.value_type, default)
        {
            self.problem(format!(
                "the default value of {place} does not fit: {problem}"
            ));
        }
        if field.is_required() && field.directives.iter().any(|one| one.name == "deprecated") {
            self.problem(format!("{place} is required and cannot be deprecated"));
        }
    }

    fn implementation(&mut self, definition: &TypeDefinition, interface: &str) {
        let name = &definition.name;
        let Some(interface) = self.schema.types.get(interface) else {
            return self.problem(format!(
                "{name} implements {interface}, which is not defined"
            ));
        };
        let interface_name = &interface.name;
        if interface.kind != TypeKind::Interface || interface_name == name {
            return self.problem(format!("{name} cannot implement {interface_name}"));
        }
        for above in &interface.interfaces {
            if !definition.interfaces.contains(above) {
                self.problem(format!(
                    "{name} implements {interface_name}, and has to implement {above}, too"
                ));
            }
        }
        for expected in &interface.fields {
            let place = format!("{name}.{}", expected.name);
            let Some(field) = definition.field(&expected.name) else {
                self.problem(format!(
                    "{name} implements {interface_name}, and has no field {}",
                    expected.name
                ));
                continue;
            };
            if !is_subtype(self.schema, &field.value_type, &expected.value_type) {
                self.problem(format!(
                    "{place} has the type {}, which does not fit {} of {interface_name}",
                    field.value_type, expected.value_type
                ));
            }
            for argument in &expected.arguments {
                let own = field.argument(&argument.name);
                if own.is_none_or(|own| own.value_type != argument.value_type) {
                    self.problem(format!(
                        "{place} needs the argument {}: {} of {interface_name}",
                        argument.name, argument.value_type
                    ));
                }
            }
            for argument in &field.arguments {
                if argument.is_required() && expected.argument(&argument.name).is_none() {
                    self.problem(format!(
                        "{place} requires the argument {}, which {interface_name} does not have",
                        argument.name
                    ));
                }
            }
        }
    }

    fn directives(&mut self, place: &str, directives: &[Directive], location: &str) {
        let mut seen = BTreeSet::new();
        for directive in directives {
            let name = directive.name.strip_prefix(OWN).unwrap_or(&directive.name);
            let is_known = self.links.names.values().any(|own| *own == directive.name);
            let known = specification::directive(&directive.name).filter(|_| is_known);
            let known = known.or_else(|| BUILT_IN.iter().find(|known| known.name == name));
            let is_first = seen.insert(directive.name.as_str());
            if let Some(known) = known {
                if !is_first && !known.is_repeatable {
                    self.problem(format!("@{name} is repeated on {place}"));
                }
                self.known(place, directive, known, location);
                continue;
            }
            let Some(definition) = self.schema.directive_definitions.get(name) else {
                self.problem(format!(
                    "@{name} on {place} is not known: define it, or import it by @link"
                ));
                continue;
            };
            if !is_first && !definition.is_repeatable {
                self.problem(format!("@{name} is repeated on {place}"));
            }
            if !definition.locations.iter().any(|known| known == location) {
                self.problem(format!("@{name} cannot be on {place}"));
            }
            for (argument, value) in &directive.arguments {
                let known = definition
                    .arguments
                    .iter()
                    .find(|known| known.name == *argument);
                match known {
                    None => self.problem(format!("@{name} on {place} has no argument {argument}")),
                    Some(known) => {
                        let problem = values::problem(self.schema, &known.value_type, value);
                        if let Some(problem) = problem {
                            self.problem(format!("@{name} on {place}: {problem}"));
                        }
                    }
                }
            }
            for argument in definition.arguments.iter().filter(|one| one.is_required()) {
                if ast::argument(directive, &argument.name).is_none() {
                    self.problem(format!("@{name} on {place} needs {}", argument.name));
                }
            }
        }
    }

    /// A directive of a specification.
    fn known(&mut self, place: &str, directive: &Directive, known: &Known, location: &str) {
        let name = &directive.name;
        if !known.locations.contains(&location) {
            self.problem(format!("@{name} cannot be on {place}"));
        }
        for (argument, value) in &directive.arguments {
            let expected = known.arguments.iter().find(|(known, _)| known == argument);
            let Some((_, expected)) = expected else {
                self.problem(format!("@{name} on {place} has no argument {argument}"));
                continue;
            };
            let expected = written_type(expected);
            if let Some(problem) = values::problem(self.schema, &expected, value) {
                self.problem(format!("@{name} on {place}: {problem}"));
            }
        }
        for (argument, kind) in known.arguments {
            if kind.ends_with('!') && ast::argument(directive, argument).is_none() {
                self.problem(format!("@{name} on {place} needs {argument}"));
            }
        }
    }
}

/// A type as it is written in a specification; nothing defines `_`, which any value fits.
fn written_type(text: &str) -> Type {
    if let Some(inner) = text.strip_suffix('!') {
        return Type::NonNullType(Box::new(written_type(inner)));
    }
    let item = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match item {
        Some(item) => Type::ListType(Box::new(written_type(item))),
        None => Type::NamedType(text.to_owned()),
    }
}

/// Whether an output of one type can stand for the other.
pub(super) fn is_subtype(schema: &Schema, one: &Type, other: &Type) -> bool {
    is_subtype_by(one, other, &|one, other| {
        let definition = schema.types.get(one);
        let is_member = schema
            .types
            .get(other)
            .is_some_and(|union| union.members.iter().any(|member| member == one));
        is_member || definition.is_some_and(|one| one.interfaces.iter().any(|known| known == other))
    })
}

/// The same, with a relation of different named types.
pub(super) fn is_subtype_by(
    one: &Type,
    other: &Type,
    implements: &dyn Fn(&str, &str) -> bool,
) -> bool {
    match (one, other) {
        (Type::NonNullType(one), Type::NonNullType(other))
        | (Type::ListType(one), Type::ListType(other)) => is_subtype_by(one, other, implements),
        (Type::NonNullType(one), other) => is_subtype_by(one, other, implements),
        (Type::NamedType(one), Type::NamedType(other)) => one == other || implements(one, other),
        _ => false,
    }
}
