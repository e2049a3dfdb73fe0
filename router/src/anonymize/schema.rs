//! Anonymizes supergraphs. Federation's own elements keep their names; names of the schema in their arguments are replaced.

use graphql_tools::static_graphql::schema::{Directive, Type, Value};

use super::AnonymizeError;
use super::literals::Literals;
use super::names::Names;
use super::operation::{is_specified, selection};
use crate::supergraph::FederationNames;
use crate::type_system::Schema;
use crate::type_system::ast::{DirectiveDefinition, Field, TypeDefinition};

/// The host and path of every subgraph's URL.
const NOWHERE: &str = "invalid/graphql";

/// The schema with replaced names.
///
/// # Errors
/// If the argument of a directive is not the selection it should be.
pub(super) fn rename(
    schema: &Schema,
    federation: &FederationNames,
    names: &mut Names,
    literals: &mut Literals,
) -> Result<Schema, AnonymizeError> {
    let mut rename = Rename {
        federation,
        names,
        literals,
    };
    let mut renamed = Schema {
        description: None,
        directives: schema.directives.clone(),
        ..Schema::default()
    };
    rename.directives(&mut renamed.directives)?;
    let roots = [
        (&schema.query, &mut renamed.query),
        (&schema.mutation, &mut renamed.mutation),
        (&schema.subscription, &mut renamed.subscription),
    ];
    for (root, renamed) in roots {
        *renamed = root.as_ref().map(|name| rename.names.of(name));
    }
    for definition in schema.directive_definitions.values() {
        let definition = rename.directive_definition(definition.clone())?;
        let name = definition.name.clone();
        renamed.directive_definitions.insert(name, definition);
    }
    for definition in schema.types.values() {
        let definition = rename.type_definition(definition.clone())?;
        renamed.types.insert(definition.name.clone(), definition);
    }
    Ok(renamed)
}

struct Rename<'r> {
    federation: &'r FederationNames,
    names: &'r mut Names,
    literals: &'r mut Literals,
}

impl Rename<'_> {
    fn type_definition(
        &mut self,
        mut definition: TypeDefinition,
    ) -> Result<TypeDefinition, AnonymizeError> {
        definition.description = None;
        self.directives(&mut definition.directives)?;
        let known = self.federation.type_name(&definition.name);
        let lists_subgraphs = known.as_deref() == Some("join__Graph");
        let is_own = known.is_none();
        if is_own {
            self.names.change(&mut definition.name);
            for name in definition
                .interfaces
                .iter_mut()
                .chain(&mut definition.members)
            {
                self.names.change(name);
            }
        }
        for field in &mut definition.fields {
            self.field(field, is_own)?;
        }
        for value in &mut definition.values {
            value.description = None;
            self.directives(&mut value.directives)?;
            if is_own || lists_subgraphs {
                self.names.change(&mut value.name);
            }
        }
        Ok(definition)
    }

    fn directive_definition(
        &mut self,
        mut definition: DirectiveDefinition,
    ) -> Result<DirectiveDefinition, AnonymizeError> {
        definition.description = None;
        let is_own = self.federation.directive(&definition.name).is_none()
            && !is_specified(&definition.name);
        if is_own {
            self.names.change(&mut definition.name);
        }
        for argument in &mut definition.arguments {
            self.field(argument, is_own)?;
        }
        Ok(definition)
    }

    /// Anonymizes a field or an argument. `is_own`: it belongs to the schema rather than to federation.
    fn field(&mut self, field: &mut Field, is_own: bool) -> Result<(), AnonymizeError> {
        field.description = None;
        self.directives(&mut field.directives)?;
        self.type_reference(&mut field.value_type);
        if is_own {
            self.names.change(&mut field.name);
            if let Some(default) = &mut field.default {
                self.literals.value(default, self.names);
            }
        }
        for argument in &mut field.arguments {
            self.field(argument, is_own)?;
        }
        Ok(())
    }

    fn type_reference(&mut self, reference: &mut Type) {
        match reference {
            Type::NamedType(name) if self.federation.type_name(name).is_some() => {}
            Type::NamedType(name) => self.names.change(name),
            Type::ListType(inner) | Type::NonNullType(inner) => self.type_reference(inner),
        }
    }

    fn directives(&mut self, directives: &mut [Directive]) -> Result<(), AnonymizeError> {
        for directive in directives {
            let known = self.federation.directive(&directive.name);
            match known.as_deref() {
                Some(canonical) => self.federated(canonical, directive)?,
                None if is_specified(&directive.name) => {
                    for (_, value) in &mut directive.arguments {
                        self.literals.value(value, self.names);
                    }
                }
                None => {
                    self.names.change(&mut directive.name);
                    self.arguments(directive);
                }
            }
        }
        Ok(())
    }

    fn arguments(&mut self, directive: &mut Directive) {
        for (name, value) in &mut directive.arguments {
            self.names.change(name);
            self.literals.value(value, self.names);
        }
    }

    /// Anonymizes a federation directive.
    fn federated(
        &mut self,
        canonical: &str,
        directive: &mut Directive,
    ) -> Result<(), AnonymizeError> {
        if canonical == "link" && self.federation.is_known_link(directive) {
            return Ok(());
        }
        for (name, value) in &mut directive.arguments {
            match (canonical, name.as_str()) {
                ("link", "for") | ("cost", _) => {}
                ("link", "import") => self.imports(value),
                ("link", _) => self.link(value),
                ("listSize", "slicingArguments" | "sizedFields") => self.paths(value),
                ("listSize", _) => {}
                ("join__graph", "url") => self.url(value),
                (_, "key" | "requires" | "provides") => self.selection(value)?,
                ("join__field", "type") => self.type_text(value),
                ("join__field", "overrideLabel") => self.label(value),
                ("join__field", "contextArguments") => self.context_arguments(value)?,
                ("context", "name") => self.context(value),
                ("join__graph" | "join__directive", "name")
                | ("join__field", "override")
                | (_, "interface" | "member") => self.name(value),
                // Includes subgraphs, which are enum values, and tags and scopes, which may reveal something.
                _ => self.literals.value(value, self.names),
            }
        }
        Ok(())
    }

    fn name(&mut self, value: &mut Value) {
        if let Value::String(name) | Value::Enum(name) = value {
            self.names.change(name);
        }
    }

    fn selection(&mut self, value: &mut Value) -> Result<(), AnonymizeError> {
        if let Value::String(text) = value {
            *text = selection(text, self.names, self.literals)?;
        }
        Ok(())
    }

    /// A type as a string: `[Item!]!`.
    fn type_text(&mut self, value: &mut Value) {
        let Value::String(text) = value else { return };
        let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
        let start = text.find(is_name).unwrap_or(text.len());
        let end = start
            + text[start..]
                .find(|c| !is_name(c))
                .unwrap_or(text.len() - start);
        let name = self.names.of(&text[start..end]);
        text.replace_range(start..end, &name);
    }

    /// Paths of field or argument names, separated by dots.
    fn paths(&mut self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.paths(item)),
            Value::String(path) => *path = self.names.parts(path, "."),
            _ => {}
        }
    }

    /// A subgraph and its context: `orders__shop`.
    fn context(&mut self, value: &mut Value) {
        if let Value::String(name) = value {
            *name = self.names.parts(name, "__");
        }
    }

    /// A percentage of requests is preserved; any other label may reveal something.
    fn label(&mut self, value: &mut Value) {
        if let Value::String(label) = value
            && !label.starts_with("percent(")
        {
            *label = self.literals.text(label);
        }
    }

    fn url(&self, value: &mut Value) {
        if let Value::String(url) = value
            && !url.is_empty()
        {
            *url = format!(
                "http://{}.{NOWHERE}",
                self.literals.text(url).replace('_', "")
            );
        }
    }

    fn context_arguments(&mut self, value: &mut Value) -> Result<(), AnonymizeError> {
        match value {
            Value::List(items) => {
                for item in items {
                    self.context_arguments(item)?;
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    match name.as_str() {
                        "context" => self.context(value),
                        "selection" => self.selection(value)?,
                        "type" => self.type_text(value),
                        _ => self.name(value),
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The URL or name of a feature that is not federation's.
    fn link(&mut self, value: &mut Value) {
        let Value::String(text) = value else { return };
        if !text.contains("://") {
            return self.names.change(text);
        }
        let url = text.trim_end_matches('/');
        let (identity, version) = url.rsplit_once('/').unwrap_or((url, "v1.0"));
        let name = identity.rsplit('/').next().unwrap_or(identity);
        let (host, name) = (self.literals.text(identity), self.names.of(name));
        *text = format!("https://{}.invalid/{name}/{version}", host.replace('_', ""));
    }

    /// The elements imported from such a feature; directives begin with `@`.
    fn imports(&mut self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.imports(item)),
            Value::Object(fields) => fields.iter_mut().for_each(|(_, item)| self.imports(item)),
            Value::String(name) => {
                let (at, bare) = match name.strip_prefix('@') {
                    Some(bare) => ("@", bare),
                    None => ("", name.as_str()),
                };
                *name = format!("{at}{}", self.names.of(bare));
            }
            _ => {}
        }
    }
}
