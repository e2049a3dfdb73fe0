//! A subgraph as the library takes it that merges subgraphs: with federation's directives under their own names, without
//! other directives than those it composes, and with all fields shared, since the rules have checked who shares them.

use super::graph::Graph;
use super::merged;
use super::restore::{Differing, Restore};
use super::subgraph::{Subgraph, has, text};
use crate::type_system::Schema;
use crate::type_system::ast::{self, Directive, Field, Type, TypeDefinition, TypeKind, Value};
use crate::type_system::print::Literal;

/// Imports the directives. The library knows those of costs by their own names only.
const LINK: &str = r#"@link(url: "https://specs.apollo.dev/federation/v2.6", import: ["@key", "@shareable", "@external", "@requires", "@provides", "@override", "@interfaceObject", "@inaccessible", "@tag", "@composeDirective", "@authenticated", "@requiresScopes", "@policy"])"#;

/// What the supergraph keeps, or is made from.
const KEPT: [&str; 17] = [
    "authenticated",
    "composeDirective",
    "cost",
    "deprecated",
    "external",
    "inaccessible",
    "interfaceObject",
    "key",
    "listSize",
    "oneOf",
    "override",
    "policy",
    "provides",
    "requires",
    "requiresScopes",
    "specifiedBy",
    "tag",
];

/// A subgraph for the library.
pub(in super::super) struct PreparedSubgraph {
    pub(in super::super) name: String,
    pub(in super::super) sdl: String,
}

pub(in super::super) struct Prepared {
    pub(in super::super) subgraphs: Vec<PreparedSubgraph>,
    pub(in super::super) restore: Restore,
}

/// The subgraphs, and what the supergraph made of them needs afterwards.
pub(super) fn prepare(subgraphs: &[Subgraph]) -> Prepared {
    let graph = Graph::of(subgraphs);
    let mut restore = Restore::of(merged::of(subgraphs));
    for subgraph in subgraphs {
        restore.rename(&subgraph.name);
    }
    let prepared = subgraphs.iter().map(|subgraph| PreparedSubgraph {
        name: restore.alias(&subgraph.name).to_owned(),
        sdl: String::new(),
    });
    let mut prepared: Vec<PreparedSubgraph> = prepared.collect();
    for (subgraph, prepared) in subgraphs.iter().zip(&mut prepared) {
        prepared.sdl = sdl(subgraph, &graph, &mut restore);
    }
    Prepared {
        subgraphs: prepared,
        restore,
    }
}

fn sdl(subgraph: &Subgraph, graph: &Graph<'_>, restore: &mut Restore) -> String {
    let uses = subgraph
        .schema
        .directives
        .iter()
        .filter(|one| one.name == "composeDirective");
    let composed: Vec<&str> = uses.filter_map(|one| text(one, "name")).collect();
    let is_composed = |name: &str| {
        let mut composed = composed.iter();
        composed.any(|composed| composed.strip_prefix('@') == Some(name))
    };
    let keep = |directives: &mut Vec<Directive>| {
        directives.retain(|one| KEPT.contains(&&*one.name) || is_composed(&one.name));
        for directive in directives {
            for (name, value) in &mut directive.arguments {
                if merged::ARGUMENTS.contains(&(&*directive.name, &**name)) {
                    *value = merged::coerced(&directive.name, value);
                }
            }
        }
    };
    let mut schema = Schema {
        directives: Vec::new(),
        description: None,
        ..subgraph.schema.clone()
    };
    schema
        .directive_definitions
        .retain(|name, _| is_composed(name));
    for definition in schema.types.values_mut() {
        keep(&mut definition.directives);
        if definition.kind == TypeKind::Object {
            definition.directives.retain(|one| one.name != "external");
        }
        for value in &mut definition.values {
            keep(&mut value.directives);
        }
        if definition.kind == TypeKind::Enum {
            add_hidden_values(subgraph, definition, graph, restore);
        }
        add_key(subgraph, definition, graph, restore);
        for field in &mut definition.fields {
            keep(&mut field.directives);
            for argument in &mut field.arguments {
                keep(&mut argument.directives);
            }
            if definition.kind == TypeKind::Object && definition.name != "Subscription" {
                share(field);
            }
            if definition.kind == TypeKind::InputObject {
                let name = field.name.clone();
                let others = graph.sources(&definition.name, &name).map(|one| one.2);
                keep_common_default(field, others);
            } else {
                unify(&definition.name, field, graph, restore);
            }
        }
    }
    let links = composed_links(subgraph, &composed);
    format!("extend schema {LINK}{links}\n{schema}")
}

/// Gives a field the arguments and the type that it has in the supergraph.
fn unify(of: &str, field: &mut Field, graph: &Graph<'_>, restore: &mut Restore) {
    let sources: Vec<_> = graph.sources(of, &field.name).collect();
    field.arguments.retain(|argument| {
        sources
            .iter()
            .all(|(_, _, field)| field.argument(&argument.name).is_some())
    });
    for argument in &mut field.arguments {
        let name = argument.name.clone();
        let others = sources.iter().filter_map(|(_, _, one)| one.argument(&name));
        keep_common_default(argument, others);
    }
    overriding(of, field, graph, restore);
    let Some(merged) = graph.output_type(of, &field.name) else {
        return;
    };
    if sources.iter().all(|(_, _, one)| one.value_type == *merged) {
        return;
    }
    // One that all of them know, such as a member of the union that only some of them have.
    let types =
        std::iter::once(merged).chain(sources.iter().map(|(_, _, field)| &field.value_type));
    let is_known = |value_type: &&Type| {
        let named = ast::named(value_type);
        sources
            .iter()
            .all(|(_, one, _)| one.schema.kind(named).is_some())
    };
    let Some(common) = types.into_iter().find(is_known) else {
        return;
    };
    let by_graph = sources.iter().map(|(_, subgraph, field)| {
        let graph = restore.alias(&subgraph.name).to_owned();
        (graph, field.value_type.to_string())
    });
    let differing = Differing {
        merged: merged.clone(),
        by_graph: by_graph.collect(),
    };
    field.value_type = common.clone();
    let place = (of.to_owned(), field.name.clone());
    restore.types.insert(place, differing);
}

/// A default value counts if all subgraphs have it.
fn keep_common_default<'f>(input: &mut Field, mut others: impl Iterator<Item = &'f Field>) {
    if others.any(|other| other.default.is_none()) {
        input.default = None;
    }
}

/// An `@override` counts if there is a field to override.
fn overriding(of: &str, field: &mut Field, graph: &Graph<'_>, restore: &mut Restore) {
    let Some(at) = field
        .directives
        .iter()
        .position(|one| one.name == "override")
    else {
        return;
    };
    let from = text(&field.directives[at], "from").unwrap_or_default();
    let mut subgraphs = graph.subgraphs.iter();
    let source = subgraphs.find(|one| one.name == from && one.field(of, &field.name).is_some());
    let Some(source) = source else {
        field.directives.remove(at);
        return;
    };
    let alias = restore.alias(&source.name).to_owned();
    if let Some(label) = text(&field.directives[at], "label") {
        let place = (of.to_owned(), field.name.clone());
        let label = (alias.clone(), label.to_owned());
        restore.labels.insert(place, label);
    }
    let arguments = field.directives[at].arguments.iter_mut();
    for (_, value) in arguments.filter(|(name, _)| name == "from") {
        *value = Value::String(alias.clone());
    }
}

/// Adds values that another subgraph hides from clients.
fn add_hidden_values(
    subgraph: &Subgraph,
    definition: &mut TypeDefinition,
    graph: &Graph<'_>,
    restore: &mut Restore,
) {
    for other in graph.subgraphs {
        let Some(other) = other.type_named(&definition.name) else {
            continue;
        };
        for value in &other.values {
            if has(&value.directives, "inaccessible") && definition.value(&value.name).is_none() {
                let alias = restore.alias(&subgraph.name).to_owned();
                let added = (definition.name.clone(), value.name.clone(), alias);
                restore.values.insert(added);
                definition.values.push(value.clone());
            }
        }
    }
}

/// The library requires a key in all subgraphs of a type if one has a key.
fn add_key(
    subgraph: &Subgraph,
    definition: &mut TypeDefinition,
    graph: &Graph<'_>,
    restore: &mut Restore,
) {
    let name = &definition.name;
    let is_entity = match definition.kind {
        TypeKind::Object => graph
            .subgraphs
            .iter()
            .any(|one| one.keys.contains_key(name)),
        TypeKind::Interface => graph.interface_objects.contains(name.as_str()),
        _ => false,
    };
    if !is_entity || subgraph.keys.contains_key(name) {
        return;
    }
    let leaf = definition.fields.iter().find(|field| {
        let kind = subgraph.schema.kind(ast::named(&field.value_type));
        field.arguments.is_empty()
            && !has(&field.directives, "external")
            && !kind.is_some_and(TypeKind::is_composite)
    });
    let Some(leaf) = leaf else { return };
    restore.keys.insert((
        name.clone(),
        restore.alias(&subgraph.name).to_owned(),
        leaf.name.clone(),
    ));
    definition.directives.push(Directive {
        position: definition.position,
        name: "key".to_owned(),
        arguments: vec![
            ("fields".to_owned(), Value::String(leaf.name.clone())),
            ("resolvable".to_owned(), Value::Boolean(false)),
        ],
    });
}

fn share(field: &mut Field) {
    if !has(&field.directives, "external") {
        field.directives.push(Directive {
            position: field.position,
            name: "shareable".to_owned(),
            arguments: Vec::new(),
        });
    }
}

/// The links of composed directives, with their `@composeDirective`.
fn composed_links(subgraph: &Subgraph, composed: &[&str]) -> String {
    let links = subgraph.schema.directives.iter().filter(|one| {
        let imports = ast::argument(one, "import").map(|value| Literal(value).to_string());
        let imports = imports.unwrap_or_default();
        let is_named = |name: &&str| imports.contains(&format!("\"{name}\""));
        one.name == "composeDirective" || (one.name == "link" && composed.iter().any(is_named))
    });
    let links = links.map(|link| {
        let arguments = link.arguments.iter();
        let arguments = arguments.map(|(name, value)| format!("{name}: {}", Literal(value)));
        let arguments: Vec<String> = arguments.collect();
        format!(" @{}({})", link.name, arguments.join(", "))
    });
    links.collect()
}
