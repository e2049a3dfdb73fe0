//! Composition: the SDL of every subgraph becomes one supergraph.

mod costs;
mod links;

use std::collections::{BTreeMap, BTreeSet};

use graphql_composition::Subgraphs;
use graphql_composition::diagnostics::Severity;
use graphql_tools::parser::Pos;
use graphql_tools::parser::schema::Definition;
use graphql_tools::static_graphql::schema::{
    Directive, Document, Field, ObjectType, TypeDefinition, Value,
};

use super::{definitions, definitions_mut};
use crate::error::ComposeError;

/// Composes subgraphs, each `(name, SDL, URL)`, into a supergraph SDL with the join directives that
/// federation routers plan by.
///
/// # Errors
/// Every diagnostic of composition, in the composer's words.
pub fn compose(subgraphs: &[(&str, &str, &str)]) -> Result<String, ComposeError> {
    let mut set = Subgraphs::default();
    let mut diagnostics = Vec::new();
    for (name, sdl, url) in subgraphs {
        // The composer would give the argument to clients.
        if links::uses(sdl, "fromContext") {
            diagnostics.push(format!(
                "[{name}] @fromContext is not supported here: compose with another tool, such as rover, and serve its supergraph"
            ));
        }
        if let Err(error) = set.ingest_str(&costs::by_their_own_names(sdl), name, Some(url)) {
            diagnostics.push(format!("[{name}] {error:#}"));
        }
    }
    if !diagnostics.is_empty() {
        return Err(ComposeError { diagnostics });
    }
    let graph = graphql_composition::compose(&mut set)
        .into_result()
        .map_err(|diagnostics| ComposeError {
            diagnostics: diagnostics
                .iter()
                .filter(|diagnostic| diagnostic.severity() == Severity::Error)
                .map(|diagnostic| diagnostic.message().to_owned())
                .collect(),
        })?;
    let sdl = graphql_composition::render_federated_sdl(&graph).map_err(failed)?;
    let mut document = graphql_tools::parser::parse_schema::<String>(&sdl)
        .map_err(failed)?
        .into_static();
    drop_copies(&mut document);
    join_root_types(&mut document);
    join_unions(&mut document);
    join_interfaces(&mut document);
    allow_repeated_joins(&mut document);
    Ok(document.to_string())
}

fn failed(error: impl std::fmt::Display) -> ComposeError {
    ComposeError {
        diagnostics: vec![format!("the composed supergraph is not usable: {error}")],
    }
}

/// The composer writes `@join__type` on every type but the root types, where planners need it too:
/// on Query for every subgraph (each can resolve entities), on the others for those that have fields there.
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

/// It gives the objects of an interface with keys what other subgraphs' interface of that name has, even where they
/// have such fields of their own.
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

/// Whether it is of no subgraph in particular.
fn is_copy(field: &Field) -> bool {
    let mut joins = field.directives.iter();
    joins.any(|directive| directive.name == "join__field" && directive.arguments.is_empty())
}

/// Nor does it write `@join__type` on unions, which belong to the subgraphs of their members: without it planners do
/// not look for fields of different types below them.
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

/// Of interfaces with keys it leaves out the subgraphs that have no key for them.
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

/// The composer defines the join directives without `repeatable`, but repeats them.
fn allow_repeated_joins(document: &mut Document) {
    for definition in &mut document.definitions {
        if let Definition::DirectiveDefinition(directive) = definition
            && directive.name.starts_with("join__")
        {
            directive.repeatable |= directive.name != "join__graph";
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
    let joined: BTreeSet<String> = directives
        .iter()
        .filter(|directive| directive.name == "join__type")
        .filter_map(graph_of)
        .collect();
    for graph in graphs.difference(&joined) {
        directives.push(Directive {
            position,
            name: "join__type".to_owned(),
            arguments: vec![("graph".to_owned(), Value::Enum(graph.clone()))],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@external", "@requires", "@shareable", "@authenticated", "@requiresScopes"])"#;

    #[test]
    fn root_types_are_joined_to_their_subgraphs() {
        let a = format!(
            "{LINK} type Query {{ a: A }} type A @key(fields: \"id\") {{ id: ID! }} type Mutation {{ go: Int }}"
        );
        let b = format!(
            "{LINK} type A @key(fields: \"id\") {{ id: ID! b: Int @authenticated c: Int @requiresScopes(scopes: [[\"x\"]]) }}"
        );
        let sdl = compose(&[("a", &a, "http://a"), ("b", &b, "http://b")]).expect("composes");
        let line = |start: &str| {
            sdl.lines()
                .find(|line| line.starts_with(start))
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!(
            line("type Query"),
            "type Query @join__type(graph: A) @join__type(graph: B) {"
        );
        assert_eq!(
            line("type Mutation"),
            "type Mutation @join__type(graph: A) {"
        );
        assert!(
            sdl.contains("b: Int @authenticated @join__field(graph: B)"),
            "{sdl}"
        );
        assert!(sdl.contains("@requiresScopes(scopes: [[\"x\"]])"), "{sdl}");
    }

    #[test]
    fn every_diagnostic_is_reported() {
        let a = format!("{LINK} type Query {{ a: Int b: Int }}");
        let b = format!("{LINK} type Query {{ a: Int b: Int }}");
        let error = compose(&[("a", &a, "http://a"), ("b", &b, "http://b")]).expect_err("conflict");
        assert_eq!(error.diagnostics.len(), 2, "{error}");
        let error = compose(&[("a", "type Query {", "http://a")]).expect_err("syntax");
        assert!(error.to_string().contains("[a]"), "{error}");
    }

    #[test]
    fn arguments_from_contexts_are_refused_under_any_name() {
        for (import, name) in [
            (
                r#", import: ["@key", "@context", "@fromContext"]"#,
                "fromContext",
            ),
            (
                r#", import: ["@key", "@context", { name: "@fromContext", as: "@within" }]"#,
                "within",
            ),
            (
                r#", import: ["@key", "@context"]"#,
                "federation__fromContext",
            ),
        ] {
            let sdl = format!(
                r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.8"{import})
                type Query {{ user: User }}
                type User @key(fields: "id") @context(name: "u") {{ id: ID! currency: String tx: Tx }}
                type Tx @key(fields: "id") {{ id: ID! amount(code: String @{name}(field: "$u {{ currency }}")): Int }}"#
            );
            let error = compose(&[("a", &sdl, "http://a")]).expect_err(name);
            assert!(error.to_string().contains("[a] @fromContext"), "{error}");
        }
    }
}
