//! Prints schemas as SDL in the format of graphql-js.

use std::fmt::{self, Display, Formatter, Write};

use super::Schema;
use super::ast::{
    Directive, DirectiveDefinition, EnumValue, Field, TypeDefinition, TypeKind, Value,
};
use crate::prepare::OperationKind;

impl Display for Schema {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut separate = Separator::default();
        if self.has_definition() {
            separate.next(f)?;
            description(f, self.description.as_deref(), "")?;
            write!(f, "schema")?;
            directives(f, &self.directives)?;
            writeln!(f, " {{")?;
            for kind in [
                OperationKind::Query,
                OperationKind::Mutation,
                OperationKind::Subscription,
            ] {
                if let Some(name) = self.root(kind) {
                    writeln!(f, "  {}: {name}", kind.name())?;
                }
            }
            writeln!(f, "}}")?;
        }
        for directive in self.directive_definitions.values() {
            separate.next(f)?;
            writeln!(f, "{directive}")?;
        }
        for definition in self.types.values() {
            separate.next(f)?;
            writeln!(f, "{definition}")?;
        }
        Ok(())
    }
}

impl Schema {
    /// Whether the root types have non-default names.
    fn has_definition(&self) -> bool {
        let by_name = |(kind, name)| {
            let is_there = self.types.contains_key(name);
            self.root(kind) == is_there.then_some(name)
        };
        self.description.is_some()
            || !self.directives.is_empty()
            || !super::ROOTS.into_iter().all(by_name)
    }
}

/// An empty line between definitions.
#[derive(Default)]
struct Separator {
    has_begun: bool,
}

impl Separator {
    fn next(&mut self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.has_begun {
            f.write_char('\n')?;
        }
        self.has_begun = true;
        Ok(())
    }
}

impl Display for TypeDefinition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        description(f, self.description.as_deref(), "")?;
        write!(f, "{} {}", self.kind.keyword(), self.name)?;
        if !self.interfaces.is_empty() {
            write!(f, " implements {}", self.interfaces.join(" & "))?;
        }
        directives(f, &self.directives)?;
        match self.kind {
            TypeKind::Scalar => Ok(()),
            TypeKind::Object | TypeKind::Interface | TypeKind::InputObject => {
                block(f, &self.fields, |f, field| write_field(f, field, "  "))
            }
            TypeKind::Union if self.members.is_empty() => Ok(()),
            TypeKind::Union => write!(f, " = {}", self.members.join(" | ")),
            TypeKind::Enum => block(f, &self.values, |f, value| {
                let EnumValue {
                    description: text,
                    name,
                    directives: on_value,
                    ..
                } = value;
                description(f, text.as_deref(), "  ")?;
                write!(f, "  {name}")?;
                directives(f, on_value)
            }),
        }
    }
}

impl Display for DirectiveDefinition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        description(f, self.description.as_deref(), "")?;
        write!(f, "directive @{}", self.name)?;
        arguments(f, &self.arguments, "")?;
        if self.is_repeatable {
            write!(f, " repeatable")?;
        }
        write!(f, " on {}", self.locations.join(" | "))
    }
}

fn block<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, " {{")?;
    for item in items {
        write(f, item)?;
        f.write_char('\n')?;
    }
    f.write_char('}')
}

fn write_field(f: &mut Formatter<'_>, field: &Field, indent: &str) -> fmt::Result {
    description(f, field.description.as_deref(), indent)?;
    f.write_str(indent)?;
    write_input(f, field, indent)
}

/// A field or argument, without its description.
fn write_input(f: &mut Formatter<'_>, field: &Field, indent: &str) -> fmt::Result {
    f.write_str(&field.name)?;
    arguments(f, &field.arguments, indent)?;
    write!(f, ": {}", field.value_type)?;
    if let Some(default) = &field.default {
        write!(f, " = {}", Literal(default))?;
    }
    directives(f, &field.directives)
}

fn arguments(f: &mut Formatter<'_>, arguments: &[Field], indent: &str) -> fmt::Result {
    if arguments.is_empty() {
        return Ok(());
    }
    if arguments
        .iter()
        .all(|argument| argument.description.is_none())
    {
        for (at, argument) in arguments.iter().enumerate() {
            f.write_str(if at == 0 { "(" } else { ", " })?;
            write_input(f, argument, indent)?;
        }
        return f.write_char(')');
    }
    writeln!(f, "(")?;
    let inner = format!("{indent}  ");
    for argument in arguments {
        write_field(f, argument, &inner)?;
        f.write_char('\n')?;
    }
    write!(f, "{indent})")
}

fn directives(f: &mut Formatter<'_>, directives: &[Directive]) -> fmt::Result {
    for directive in directives {
        write!(f, " @{}", directive.name)?;
        for (at, (name, value)) in directive.arguments.iter().enumerate() {
            let before = if at == 0 { "(" } else { ", " };
            write!(f, "{before}{name}: {}", Literal(value))?;
        }
        if !directive.arguments.is_empty() {
            f.write_char(')')?;
        }
    }
    Ok(())
}

fn description(f: &mut Formatter<'_>, text: Option<&str>, indent: &str) -> fmt::Result {
    let Some(text) = text else { return Ok(()) };
    if !is_block(text) {
        return writeln!(f, "{indent}{}", Quoted(text));
    }
    let text = text.replace("\"\"\"", "\\\"\"\"");
    let lines: Vec<&str> = text.split('\n').collect();
    let last = text.as_bytes().last();
    if lines.len() == 1 && text.chars().count() <= 70 && !matches!(last, Some(b'"' | b'\\')) {
        return writeln!(f, "{indent}\"\"\"{text}\"\"\"");
    }
    writeln!(f, "{indent}\"\"\"")?;
    for line in lines {
        let indent = if line.is_empty() { "" } else { indent };
        writeln!(f, "{indent}{line}")?;
    }
    writeln!(f, "{indent}\"\"\"")
}

/// Whether a block string has the same value: it has no escapes and loses common indentation.
fn is_block(text: &str) -> bool {
    let is_blank = |line: &str| line.chars().all(|c| matches!(c, ' ' | '\t'));
    let mut lines = text.split('\n');
    let first_is_blank = lines.clone().next().is_none_or(is_blank);
    let last_is_blank = lines.clone().next_back().is_none_or(is_blank);
    let all_are_indented = lines.all(|line| is_blank(line) || line.starts_with([' ', '\t']));
    !first_is_blank
        && !last_is_blank
        && !all_are_indented
        && !text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// A quoted string.
pub(crate) struct Quoted<'t>(pub(crate) &'t str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() => write!(f, "\\u{:04X}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// A value as written. Numbers kept as digits are names here, and therefore printed verbatim.
pub(crate) struct Literal<'v>(pub(crate) &'v Value);

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Variable(name) => write!(f, "${name}"),
            Value::Int(number) => write!(f, "{}", number.as_i64().unwrap_or_default()),
            Value::Float(number) => write!(f, "{number:?}"),
            Value::String(text) => write!(f, "{}", Quoted(text)),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Null => f.write_str("null"),
            Value::Enum(name) => f.write_str(name),
            Value::List(items) => {
                f.write_char('[')?;
                for (at, item) in items.iter().enumerate() {
                    let before = if at == 0 { "" } else { ", " };
                    write!(f, "{before}{}", Literal(item))?;
                }
                f.write_char(']')
            }
            Value::Object(fields) => {
                f.write_char('{')?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    let before = if at == 0 { "" } else { ", " };
                    write!(f, "{before}{name}: {}", Literal(value))?;
                }
                f.write_char('}')
            }
        }
    }
}
