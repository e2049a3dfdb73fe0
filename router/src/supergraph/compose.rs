//! Composition: turns the subgraphs' SDL into a supergraph.

mod diagnostics;
mod dropped;
mod features;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use graphql_composition::Subgraphs;
use graphql_composition::diagnostics::Severity;
use graphql_tools::parser::Pos;
use graphql_tools::static_graphql::schema::{
    Directive, Document, Field, ObjectType, Type, TypeDefinition, Value,
};

use self::dropped::Dropped;
use super::{definitions, definitions_mut, directives, named_type, output_fields};
use crate::error::{ComposeError, CompositionCode, Diagnostic};
use crate::type_system;

/// Composes subgraphs, each `(name, SDL, URL)`, into a supergraph SDL with the join directives that federation routers
/// plan by.
///
/// # Errors
/// Every diagnostic of the composer.
pub fn compose(subgraphs: &[(&str, &str, &str)]) -> Result<String, ComposeError> {
    Ok(compose_with_hints(subgraphs)?.sdl)
}

/// A supergraph with the composer's hints.
#[derive(Clone, Debug)]
pub struct Composition {
    pub sdl: String,
    /// Possible mistakes that are not errors.
    pub hints: Vec<String>,
}

/// Like [`compose`], with hints about possible mistakes.
///
/// # Errors
/// Every diagnostic of composition.
pub fn compose_with_hints(subgraphs: &[(&str, &str, &str)]) -> Result<Composition, ComposeError> {
    let prepared = rules::check(subgraphs).map_err(|diagnostics| ComposeError { diagnostics })?;
    let mut set = Subgraphs::default();
    let mut dropped = Dropped::default();
    for ((name, _, url), subgraph) in subgraphs.iter().zip(&prepared.subgraphs) {
        let document = type_system::parse(&subgraph.sdl).map_err(failed)?;
        dropped.add(name, &document);
        set.ingest_str(&subgraph.sdl, &subgraph.name, Some(url))
            .map_err(|error| failed(format!("{error:#}")))?;
    }
    let result = graphql_composition::compose(&mut set);
    let hints = result.diagnostics().iter_warnings().map(str::to_owned);
    let mut hints: Vec<String> = hints.collect();
    let graph = result.into_result().map_err(|diagnostics| ComposeError {
        diagnostics: diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity() == Severity::Error)
            .map(|error| diagnostics::of_composer(error, subgraphs))
            .collect(),
    })?;
    let sdl = graphql_composition::render_federated_sdl(&graph).map_err(failed)?;
    let mut document = graphql_tools::parser::parse_schema::<String>(&sdl)
        .map_err(failed)?
        .into_static();
    drop_copies(&mut document);
    join_root_types(&mut document);
    join_unions(&mut document);
    join_scalars(&mut document);
    join_interfaces(&mut document);
    prepared.restore.apply(&mut document);
    hints.extend(dropped.restore(&mut document));
    features::link_features(&mut document)?;
    Ok(Composition {
        sdl: document.to_string(),
        hints,
    })
}

/// A supergraph without `@authenticated`, `@requiresScopes` and `@policy`, for routers that do not implement them and
/// therefore reject a supergraph that links them. Its subgraphs have to check callers themselves, as they always
/// should.
///
/// # Errors
/// SDL that does not parse.
pub fn omit_authorization(supergraph: &str) -> Result<String, ComposeError> {
    let mut document = graphql_tools::parser::parse_schema::<String>(supergraph)
        .map_err(failed)?
        .into_static();
    features::omit_authorization(&mut document)?;
    Ok(document.to_string())
}

fn failed(error: impl std::fmt::Display) -> ComposeError {
    ComposeError {
        diagnostics: vec![Diagnostic {
            code: CompositionCode::CompositionFailed,
            message: format!("the composed supergraph is not usable: {error}"),
            subgraphs: Vec::new(),
        }],
    }
}

/// The composer omits `@join__type` on root types, where planners need it too: on Query for every subgraph (each can
/// resolve entities), on the others for those with fields there.
fn join_root_types(document: &mut Document) {
    let graphs: BTreeSet<String> = definitions(document)
        .find_map(|definition| match definition {
            TypeDefinition::Enum(graph) if graph.name == "join__Graph" => Some(
                graph
                    .values
                    .iter()
                    .map(|value| value.name.clone())
                    .collect(),
            ),
            _ => None,
        })
        .unwrap_or_default();
    let query = document.query_type_name().cloned();
    let others: Vec<String> = [
        document.mutation_type_name().cloned(),
        document.subscription_type_name().cloned(),
    ]
    .into_iter()
    .flatten()
    .collect();
    for definition in definitions_mut(document) {
        let TypeDefinition::Object(object) = definition else {
            continue;
        };
        if Some(&object.name) == query.as_ref() {
            join(&mut object.directives, object.position, &graphs);
        } else if others.contains(&object.name) {
            let used = graphs_of_fields(object);
            join(&mut object.directives, object.position, &used);
        }
    }
}

/// The composer copies fields of other subgraphs' interfaces of the same name onto the objects of an interface with
/// keys, even if the objects have such fields themselves.
fn drop_copies(document: &mut Document) {
    for definition in definitions_mut(document) {
        let TypeDefinition::Object(object) = definition else {
            continue;
        };
        let owned: BTreeSet<String> = object
            .fields
            .iter()
            .filter(|field| !is_copy(field))
            .map(|field| field.name.clone())
            .collect();
        object
            .fields
            .retain(|field| !is_copy(field) || !owned.contains(&field.name));
    }
}

/// Whether it belongs to no particular subgraph.
fn is_copy(field: &Field) -> bool {
    let mut joins = field.directives.iter();
    joins.any(|directive| directive.name == "join__field" && directive.arguments.is_empty())
}

/// The composer also omits `@join__type` on unions, which belong to the subgraphs of their members: without it,
/// planners do not look for fields of different types below them.
fn join_unions(document: &mut Document) {
    for definition in definitions_mut(document) {
        if let TypeDefinition::Union(union) = definition {
            let members = union.directives.iter();
            let graphs = members
                .filter(|directive| directive.name == "join__unionMember")
                .filter_map(graph_of)
                .collect();
            join(&mut union.directives, union.position, &graphs);
        }
    }
}

/// The same for scalars, which belong to the subgraphs with fields or arguments of that type.
fn join_scalars(document: &mut Document) {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut note = |value_type: &Type, graphs: &BTreeSet<String>| {
        let known = used.entry(named_type(value_type).to_owned()).or_default();
        known.extend(graphs.iter().cloned());
    };
    for definition in definitions(document) {
        let owners = graphs_in(directives(definition), "join__type");
        let graphs = |directives: &[Directive]| {
            let own = graphs_in(directives, "join__field");
            if own.is_empty() { owners.clone() } else { own }
        };
        for field in output_fields(definition) {
            let graphs = graphs(&field.directives);
            note(&field.field_type, &graphs);
            for argument in &field.arguments {
                note(&argument.value_type, &graphs);
            }
        }
        if let TypeDefinition::InputObject(input) = definition {
            for field in &input.fields {
                note(&field.value_type, &graphs(&field.directives));
            }
        }
    }
    for definition in definitions_mut(document) {
        if let TypeDefinition::Scalar(scalar) = definition
            && let Some(graphs) = used.get(&scalar.name)
        {
            join(&mut scalar.directives, scalar.position, graphs);
        }
    }
}

/// The subgraphs named by directives of this name.
fn graphs_in(directives: &[Directive], name: &str) -> BTreeSet<String> {
    let named = directives.iter().filter(|directive| directive.name == name);
    named.filter_map(graph_of).collect()
}

/// For interfaces with keys, the composer omits the subgraphs that have no key for them.
fn join_interfaces(document: &mut Document) {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for definition in definitions(document) {
        let directives = match definition {
            TypeDefinition::Object(object) => &object.directives,
            TypeDefinition::Interface(interface) => &interface.directives,
            _ => continue,
        };
        for directive in directives {
            let interface = directive
                .arguments
                .iter()
                .find_map(|(name, value)| match value {
                    Value::String(interface) if name == "interface" => Some(interface.clone()),
                    _ => None,
                });
            if directive.name == "join__implements" {
                let graphs = used.entry(interface.unwrap_or_default()).or_default();
                graphs.extend(graph_of(directive));
            }
        }
    }
    for definition in definitions_mut(document) {
        if let TypeDefinition::Interface(interface) = definition
            && let Some(graphs) = used.get(&interface.name)
        {
            join(&mut interface.directives, interface.position, graphs);
        }
    }
}

fn graphs_of_fields(object: &ObjectType) -> BTreeSet<String> {
    object
        .fields
        .iter()
        .flat_map(|field| &field.directives)
        .filter(|directive| directive.name == "join__field")
        .filter_map(graph_of)
        .collect()
}

fn graph_of(directive: &Directive) -> Option<String> {
    directive
        .arguments
        .iter()
        .find_map(|(name, value)| match value {
            Value::Enum(graph) if name == "graph" => Some(graph.clone()),
            _ => None,
        })
}

fn join(directives: &mut Vec<Directive>, position: Pos, graphs: &BTreeSet<String>) {
    let joined = graphs_in(directives, "join__type");
    for graph in graphs.difference(&joined) {
        directives.push(Directive {
            position,
            name: "join__type".to_owned(),
            arguments: vec![("graph".to_owned(), Value::Enum(graph.clone()))],
        });
    }
}

#[cfg(test)]
mod tests;
