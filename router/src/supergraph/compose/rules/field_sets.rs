//! Field sets: the values of `@key(fields:)`, `@requires(fields:)` and `@provides(fields:)`.

use std::collections::{BTreeMap, BTreeSet};

use graphql_tools::static_graphql::query;

use super::subgraph::{Subgraph, directive, has, possible};
use crate::type_system::Schema;
use crate::type_system::ast::{self, Directive, TypeKind, Value};

/// A field or a fragment of a field set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Selection {
    Field {
        name: String,
        has_alias: bool,
        /// Names, and values as written.
        arguments: Vec<(String, String)>,
        has_directives: bool,
        fields: Vec<Self>,
    },
    Fragment {
        on: Option<String>,
        has_directives: bool,
        fields: Vec<Self>,
    },
}

impl Selection {
    pub(super) const fn has_directives(&self) -> bool {
        match self {
            Self::Field { has_directives, .. } | Self::Fragment { has_directives, .. } => {
                *has_directives
            }
        }
    }
}

/// Parses a field set.
pub(super) fn parse(text: &str) -> Result<Vec<Selection>, String> {
    let text = text.trim();
    let in_braces = match text.starts_with('{') {
        true => text.to_owned(),
        false => format!("{{ {text} }}"),
    };
    let document = graphql_tools::parser::parse_query::<String>(&in_braces)
        .map_err(|_| "it cannot be read as fields".to_owned())?
        .into_static();
    match &document.definitions[..] {
        [query::Definition::Operation(query::OperationDefinition::SelectionSet(set))]
            if !set.items.is_empty() =>
        {
            selections(set)
        }
        _ => Err("it selects no fields".to_owned()),
    }
}

fn selections(set: &query::SelectionSet) -> Result<Vec<Selection>, String> {
    let items = set.items.iter().map(|item| match item {
        query::Selection::Field(field) => Ok(Selection::Field {
            name: field.name.clone(),
            has_alias: field.alias.is_some(),
            arguments: field
                .arguments
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
            has_directives: !field.directives.is_empty(),
            fields: selections(&field.selection_set)?,
        }),
        query::Selection::InlineFragment(fragment) => Ok(Selection::Fragment {
            on: fragment.type_condition.as_ref().map(|condition| {
                let query::TypeCondition::On(name) = condition;
                name.clone()
            }),
            has_directives: !fragment.directives.is_empty(),
            fields: selections(&fragment.selection_set)?,
        }),
        query::Selection::FragmentSpread(_) => {
            Err("it spreads a named fragment: write the fields".to_owned())
        }
    });
    items.collect()
}

/// The text of a field set; Federation 1 also takes a list.
pub(super) fn text_of(directive: &Directive, argument: &str, is_old: bool) -> Option<String> {
    match ast::argument(directive, argument)? {
        Value::String(text) => Some(text.clone()),
        Value::List(items) if is_old => {
            let texts = items.iter().map(|item| match item {
                Value::String(text) | Value::Enum(text) => Some(text.as_str()),
                _ => None,
            });
            let texts: Option<Vec<&str>> = texts.collect();
            texts.map(|texts| texts.join(" "))
        }
        _ => None,
    }
}

/// A directive's field set, if it can be read.
pub(super) fn of(directive: &Directive, argument: &str, is_old: bool) -> Option<Vec<Selection>> {
    parse(&text_of(directive, argument, is_old)?).ok()
}

/// Notes every field of a field set by its type; those of an interface for its objects, too.
pub(super) fn each_field(
    schema: &Schema,
    parent: &str,
    selections: &[Selection],
    found: &mut BTreeSet<(String, String)>,
) {
    for selection in selections {
        match selection {
            Selection::Fragment { on, fields, .. } => {
                each_field(schema, on.as_deref().unwrap_or(parent), fields, found);
            }
            Selection::Field { name, fields, .. } => {
                for object in possible(schema, parent) {
                    found.insert((object, name.clone()));
                }
                found.insert((parent.to_owned(), name.clone()));
                let field = schema.types.get(parent).and_then(|known| known.field(name));
                if let Some(field) = field {
                    each_field(schema, ast::named(&field.value_type), fields, found);
                }
            }
        }
    }
}

/// Whether one of the fields is external, by itself or for an object of the interface.
pub(super) fn has_external(schema: &Schema, parent: &str, selections: &[Selection]) -> bool {
    selections.iter().any(|selection| match selection {
        Selection::Fragment { on, fields, .. } => {
            has_external(schema, on.as_deref().unwrap_or(parent), fields)
        }
        Selection::Field { name, fields, .. } => {
            is_external(schema, parent, name)
                || schema
                    .types
                    .get(parent)
                    .and_then(|known| known.field(name))
                    .is_some_and(|field| {
                        has_external(schema, ast::named(&field.value_type), fields)
                    })
        }
    })
}

pub(super) fn is_external(schema: &Schema, parent: &str, name: &str) -> bool {
    let mut objects = possible(schema, parent);
    objects.insert(parent.to_owned());
    objects.iter().any(|object| {
        let field = schema.types.get(object).and_then(|known| known.field(name));
        field.is_some_and(|field| has(&field.directives, "external"))
    })
}

/// The fields that field sets of the subgraph name, by type.
pub(super) fn used(subgraph: &Subgraph) -> BTreeSet<(String, String)> {
    let mut used = BTreeSet::new();
    let is_old = subgraph.links.is_old;
    for definition in subgraph.schema.types.values() {
        let parent = &definition.name;
        for key in definition.directives.iter().filter(|one| one.name == "key") {
            if let Some(fields) = of(key, "fields", is_old) {
                each_field(&subgraph.schema, parent, &fields, &mut used);
            }
        }
        for field in &definition.fields {
            let target = ast::named(&field.value_type);
            for (name, of_type) in [("requires", parent.as_str()), ("provides", target)] {
                let fields =
                    directive(&field.directives, name).and_then(|one| of(one, "fields", is_old));
                if let Some(fields) = fields {
                    each_field(&subgraph.schema, of_type, &fields, &mut used);
                }
            }
        }
        for interface in &definition.interfaces {
            if let Some(interface) = subgraph.type_named(interface) {
                let names = interface.fields.iter().map(|field| field.name.clone());
                used.extend(names.map(|name| (parent.clone(), name)));
            }
        }
    }
    used
}

/// Reads a subgraph of Federation 1 as one of Federation 2: all fields are shareable, external fields that nothing needs
/// do not exist, and keys of interfaces mean nothing.
pub(super) fn upgrade(subgraph: &mut Subgraph) {
    let schema = subgraph.schema.clone();
    for definition in subgraph.schema.types.values_mut() {
        if definition.kind == TypeKind::Interface {
            definition.directives.retain(|one| one.name != "key");
            for field in &mut definition.fields {
                field
                    .directives
                    .retain(|one| !matches!(&*one.name, "external" | "requires" | "provides"));
            }
        }
        if definition.kind != TypeKind::Object {
            continue;
        }
        let parent = definition.name.clone();
        for field in &mut definition.fields {
            let target = ast::named(&field.value_type).to_owned();
            field.directives.retain(|one| {
                let of_type = match one.name.as_str() {
                    "requires" => &parent,
                    "provides" => &target,
                    _ => return true,
                };
                of(one, "fields", true).is_none_or(|fields| has_external(&schema, of_type, &fields))
            });
        }
    }
    let used = used(subgraph);
    for definition in subgraph.schema.types.values_mut() {
        if definition.kind != TypeKind::Object {
            continue;
        }
        let name = definition.name.clone();
        definition.fields.retain(|field| {
            !has(&field.directives, "external")
                || used.contains(&(name.clone(), field.name.clone()))
        });
        for field in &mut definition.fields {
            match has(&field.directives, "external") {
                true => field.directives.retain(|one| one.name != "tag"),
                false => field.directives.push(Directive {
                    position: field.position,
                    name: "shareable".to_owned(),
                    arguments: Vec::new(),
                }),
            }
        }
    }
    let empty = |definition: &ast::TypeDefinition| {
        definition.kind == TypeKind::Object && definition.fields.is_empty()
    };
    subgraph
        .schema
        .types
        .retain(|_, definition| !empty(definition));
}

/// Key fields of a type that is only extended are declared external by custom, and are none.
pub(super) fn preserve_keys_of_extensions(subgraph: &mut Subgraph) {
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (parent, field) in &subgraph.key_fields {
        fields
            .entry(parent.clone())
            .or_default()
            .insert(field.clone());
    }
    for name in &subgraph.extended {
        let (Some(definition), Some(fields)) =
            (subgraph.schema.types.get_mut(name), fields.get(name))
        else {
            continue;
        };
        for field in definition
            .fields
            .iter_mut()
            .filter(|field| fields.contains(&field.name))
        {
            field.directives.retain(|one| one.name != "external");
        }
    }
}
