//! Copies restrictions of an interface object to the objects of the interface.

use std::collections::HashMap;

use graphql_tools::static_graphql::schema::{Directive, Document, TypeDefinition, Value};

use super::{definitions, definitions_mut};
use crate::type_system::ast::argument;

/// Directives that restrict who sees a field.
const RESTRICTIONS: [&str; 4] = ["inaccessible", "authenticated", "requiresScopes", "policy"];

/// Composers copy the fields of an interface object to the objects of the interface, but some omit the directives that
/// restrict these fields.
pub(super) fn share_restrictions(document: &mut Document) {
    let mut restrictions: HashMap<String, HashMap<String, Vec<Directive>>> = HashMap::new();
    for definition in definitions(document) {
        let TypeDefinition::Interface(interface) = definition else {
            continue;
        };
        let graphs: Vec<&str> = interface
            .directives
            .iter()
            .filter(|directive| {
                directive.name == "join__type"
                    && argument(directive, "isInterfaceObject") == Some(&Value::Boolean(true))
            })
            .filter_map(graph)
            .collect();
        if graphs.is_empty() {
            continue;
        }
        for field in &interface.fields {
            let mut joins = field
                .directives
                .iter()
                .filter(|directive| directive.name == "join__field")
                .filter_map(graph)
                .peekable();
            // A field without a join belongs to all subgraphs.
            let of_interface_object =
                joins.peek().is_none() || joins.any(|graph| graphs.contains(&graph));
            let own: Vec<Directive> = field
                .directives
                .iter()
                .filter(|directive| RESTRICTIONS.contains(&directive.name.as_str()))
                .cloned()
                .collect();
            if of_interface_object && !own.is_empty() {
                let of_interface = restrictions.entry(interface.name.clone()).or_default();
                of_interface.insert(field.name.clone(), own);
            }
        }
    }
    for definition in definitions_mut(document) {
        let TypeDefinition::Object(object) = definition else {
            continue;
        };
        for field in &mut object.fields {
            for interface in &object.implements_interfaces {
                let shared = restrictions.get(interface);
                let shared = shared.and_then(|fields| fields.get(&field.name));
                for directive in shared.into_iter().flatten() {
                    let mut known = field.directives.iter();
                    let is_known = known.any(|known| {
                        known.name == directive.name && known.arguments == directive.arguments
                    });
                    if !is_known {
                        field.directives.push(directive.clone());
                    }
                }
            }
        }
    }
}

fn graph(directive: &Directive) -> Option<&str> {
    match argument(directive, "graph")? {
        Value::Enum(graph) | Value::String(graph) => Some(graph),
        _ => None,
    }
}
