//! A subgraph as the rules read it: federation's directives under their own names, root types under their default
//! names, extensions merged.

use std::collections::{BTreeMap, BTreeSet};

use super::field_sets::{self, Selection};
use super::links::Links;
use super::specification::{self, MACHINERY};
use super::{Report, definitions, graphql};
use crate::error::CompositionCode;
use crate::type_system::ast::{
    self, Definition, Directive, Document, Field, Type, TypeDefinition, TypeKind, Value,
};
use crate::type_system::{ROOTS, Schema};

/// A key of a type.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) fields: Vec<Selection>,
    pub(super) is_resolvable: bool,
}

#[derive(Debug)]
pub(super) struct Subgraph {
    pub(super) name: String,
    pub(super) schema: Schema,
    pub(super) links: Links,
    /// Types that it only extends.
    pub(super) extended: BTreeSet<String>,
    pub(super) keys: BTreeMap<String, Vec<Key>>,
    /// Fields, by type, that are part of a key or come with a field's `@provides`.
    pub(super) key_fields: BTreeSet<(String, String)>,
    pub(super) provided_fields: BTreeSet<(String, String)>,
}

pub(super) fn directive<'d>(directives: &'d [Directive], name: &str) -> Option<&'d Directive> {
    directives.iter().find(|directive| directive.name == name)
}

pub(super) fn has(directives: &[Directive], name: &str) -> bool {
    directive(directives, name).is_some()
}

/// A directive's argument, if it is a text.
pub(super) fn text<'d>(directive: &'d Directive, name: &str) -> Option<&'d str> {
    match ast::argument(directive, name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

impl Subgraph {
    /// Reads a subgraph. None if it is no valid schema, which is reported.
    pub(super) fn read(name: &str, sdl: &str, report: &mut Report) -> Option<Self> {
        let mut invalid = |message: String| {
            let message = format!("[{name}] {message}");
            report.add(CompositionCode::InvalidGraphQL, [name], message);
        };
        if name.is_empty() || name.starts_with("__") {
            invalid(format!("a subgraph cannot be named `{name}`"));
            return None;
        }
        let document = match crate::type_system::parse(sdl) {
            Ok(document) if document.definitions.is_empty() => {
                invalid("the schema is empty".to_owned());
                return None;
            }
            Ok(document) => document,
            Err(error) => {
                invalid(error.to_string());
                return None;
            }
        };
        let links = Links::of(name, &document, report)?;
        let document = canonical(document, &links);
        let defined = defined(&document);
        let mut schema = match Schema::build(document) {
            Ok(schema) => schema,
            Err(errors) => {
                for error in errors {
                    let message = format!("[{name}] {error}");
                    report.add(CompositionCode::InvalidGraphQL, [name], message);
                }
                return None;
            }
        };
        drop_machinery(&mut schema, &links);
        if !definitions::check(name, &mut schema, &links, report)
            || !graphql::check(name, &schema, &links, report)
            || !rename_roots(name, &mut schema, report)
        {
            return None;
        }
        let extended = schema.types.keys().filter(|name| !defined.contains(*name));
        let mut subgraph = Self {
            name: name.to_owned(),
            extended: extended.cloned().collect(),
            schema,
            links,
            keys: BTreeMap::new(),
            key_fields: BTreeSet::new(),
            provided_fields: BTreeSet::new(),
        };
        if subgraph.links.is_old {
            field_sets::upgrade(&mut subgraph);
        }
        subgraph.read_field_sets();
        field_sets::preserve_keys_of_extensions(&mut subgraph);
        Some(subgraph)
    }

    fn read_field_sets(&mut self) {
        let mut keys: BTreeMap<String, Vec<Key>> = BTreeMap::new();
        let (mut key_fields, mut provided) = (BTreeSet::new(), BTreeSet::new());
        for definition in self.schema.types.values() {
            for directive in definition.directives.iter().filter(|one| one.name == "key") {
                let Some(fields) = field_sets::of(directive, "fields", self.links.is_old) else {
                    continue;
                };
                field_sets::each_field(&self.schema, &definition.name, &fields, &mut key_fields);
                let resolvable = ast::argument(directive, "resolvable");
                keys.entry(definition.name.clone()).or_default().push(Key {
                    fields,
                    is_resolvable: !matches!(resolvable, Some(Value::Boolean(false))),
                });
            }
            for field in &definition.fields {
                let fields = directive(&field.directives, "provides")
                    .and_then(|one| field_sets::of(one, "fields", self.links.is_old));
                if let Some(fields) = fields {
                    let target = ast::named(&field.value_type);
                    field_sets::each_field(&self.schema, target, &fields, &mut provided);
                }
            }
        }
        self.keys = keys;
        self.key_fields = key_fields;
        self.provided_fields = provided;
    }

    pub(super) fn type_named(&self, name: &str) -> Option<&TypeDefinition> {
        self.schema.types.get(name)
    }

    pub(super) fn field(&self, of: &str, name: &str) -> Option<&Field> {
        self.type_named(of)?.field(name)
    }

    pub(super) fn is_interface_object(&self, name: &str) -> bool {
        self.type_named(name)
            .is_some_and(|definition| has(&definition.directives, "interfaceObject"))
    }

    /// The objects of a type here.
    pub(super) fn possible(&self, name: &str) -> BTreeSet<String> {
        possible(&self.schema, name)
    }
}

/// The objects of a type.
pub(super) fn possible(schema: &Schema, name: &str) -> BTreeSet<String> {
    let Some(definition) = schema.types.get(name) else {
        return BTreeSet::new();
    };
    match definition.kind {
        TypeKind::Object => [name.to_owned()].into(),
        TypeKind::Union => definition.members.iter().cloned().collect(),
        TypeKind::Interface => {
            let objects = schema.types.values().filter(|one| {
                one.kind == TypeKind::Object && one.interfaces.iter().any(|known| known == name)
            });
            objects.map(|object| object.name.clone()).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Types that are defined, not only extended.
fn defined(document: &Document) -> BTreeSet<String> {
    let types = document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::Type(definition)
                if !definition.is_extension && !has(&definition.directives, "extends") =>
            {
                Some(definition.name.clone())
            }
            _ => None,
        });
    types.collect()
}

/// Names federation's directives by their own names, and puts those of a type that concern fields on the fields, since
/// they concern only those written with it.
fn canonical(mut document: Document, links: &Links) -> Document {
    for definition in &mut document.definitions {
        match definition {
            Definition::Schema(schema) => rename(&mut schema.directives, links),
            Definition::Type(definition) => {
                rename(&mut definition.directives, links);
                for value in &mut definition.values {
                    rename(&mut value.directives, links);
                }
                for field in &mut definition.fields {
                    rename(&mut field.directives, links);
                    for argument in &mut field.arguments {
                        rename(&mut argument.directives, links);
                    }
                }
                if definition.kind == TypeKind::Object {
                    push_to_fields(definition);
                }
            }
            Definition::Directive(_) => {}
        }
    }
    document
}

fn push_to_fields(definition: &mut TypeDefinition) {
    for name in ["shareable", "external"] {
        let of_type = definition.directives.iter().filter(|one| one.name == name);
        let of_type: Vec<Directive> = of_type.cloned().collect();
        for field in &mut definition.fields {
            if !has(&field.directives, name) {
                field.directives.extend(of_type.iter().cloned());
            }
        }
    }
}

fn rename(directives: &mut [Directive], links: &Links) {
    for directive in directives {
        match links.names.get(&directive.name) {
            Some(own) => directive.name = (*own).to_owned(),
            // A directive of the subgraph's own that is named like one of federation's.
            None if specification::directive(&directive.name).is_some() => {
                directive.name.insert_str(0, graphql::OWN);
            }
            None => {}
        }
        // Federation 1 also takes a list.
        if links.is_old
            && matches!(&*directive.name, "key" | "requires" | "provides")
            && let Some(text) = field_sets::text_of(directive, "fields", true)
        {
            directive.arguments.retain(|(name, _)| name != "fields");
            directive
                .arguments
                .push(("fields".to_owned(), Value::String(text)));
        }
    }
}

/// Removes what subgraphs may write out of federation's machinery.
fn drop_machinery(schema: &mut Schema, links: &Links) {
    let is_machinery = |name: &str| MACHINERY.contains(&name) || links.has_type(name);
    schema.types.retain(|name, _| !is_machinery(name));
    if let Some(query) = schema.query.clone()
        && let Some(query) = schema.types.get_mut(&query)
    {
        query
            .fields
            .retain(|field| !matches!(&*field.name, "_service" | "_entities"));
    }
    let is_there = |name: &Option<String>, schema: &Schema| {
        name.as_ref().is_none_or(|name| {
            schema
                .types
                .get(name)
                .is_none_or(|root| root.kind != TypeKind::Object || !root.fields.is_empty())
        })
    };
    if !is_there(&schema.query, schema) {
        let name = schema.query.take().unwrap_or_default();
        schema.types.shift_remove(&name);
    }
}

/// Gives root types their default names.
fn rename_roots(subgraph: &str, schema: &mut Schema, report: &mut Report) -> bool {
    let mut names = BTreeMap::new();
    let mut is_valid = true;
    for (kind, default) in ROOTS {
        let Some(name) = schema.root(kind) else {
            continue;
        };
        if name == default {
            continue;
        }
        if schema.types.contains_key(default) {
            is_valid = false;
            let code = match default {
                "Query" => CompositionCode::RootQueryUsed,
                "Mutation" => CompositionCode::RootMutationUsed,
                _ => CompositionCode::RootSubscriptionUsed,
            };
            report.add(
                code,
                [subgraph],
                format!(
                    "[{subgraph}] `{name}` is the {} type, and another type is named `{default}`: rename that one",
                    kind.name()
                ),
            );
        }
        names.insert(name.to_owned(), default.to_owned());
    }
    if !is_valid || names.is_empty() {
        return is_valid;
    }
    for definition in schema.types.values_mut() {
        for name in std::iter::once(&mut definition.name).chain(&mut definition.members) {
            if let Some(default) = names.get(name) {
                name.clone_from(default);
            }
        }
        for field in &mut definition.fields {
            rename_type(&mut field.value_type, &names);
        }
    }
    let types = std::mem::take(&mut schema.types);
    schema.types = types
        .into_values()
        .map(|definition| (definition.name.clone(), definition))
        .collect();
    for root in [
        &mut schema.query,
        &mut schema.mutation,
        &mut schema.subscription,
    ] {
        if let Some(name) = root
            && let Some(default) = names.get(name)
        {
            name.clone_from(default);
        }
    }
    true
}

fn rename_type(value_type: &mut Type, names: &BTreeMap<String, String>) {
    match value_type {
        Type::NamedType(name) => {
            if let Some(default) = names.get(name) {
                name.clone_from(default);
            }
        }
        Type::ListType(inner) | Type::NonNullType(inner) => rename_type(inner, names),
    }
}
