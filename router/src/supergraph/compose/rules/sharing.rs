//! Who may resolve a field beside another subgraph.

use super::Report;
use super::graph::{Graph, Labels, kind_in};
use super::subgraph::{Subgraph, has};
use crate::error::CompositionCode;
use crate::type_system::ast::{Field, TypeKind};

pub(super) fn check(subgraphs: &[Subgraph], report: &mut Report) {
    let graph = Graph::of(subgraphs);
    for (of, kind) in &graph.kinds {
        let mut kinds = subgraphs.iter().filter_map(|one| kind_in(one, of));
        if kinds.any(|other| other != *kind) {
            continue;
        }
        let is_resolved = *kind == TypeKind::Object || graph.interface_objects.contains(of);
        if !is_resolved {
            continue;
        }
        for name in &graph.fields[of] {
            field(&graph, of, name, report);
        }
    }
}

fn field(graph: &Graph<'_>, of: &str, name: &str, report: &mut Report) {
    let interfaces = graph.interfaces.get(of).into_iter().flatten();
    let holders: Vec<&str> = std::iter::once(of)
        .chain(
            interfaces
                .copied()
                .filter(|one| graph.interface_objects.contains(one)),
        )
        .collect();
    let mut resolving: Vec<(&Subgraph, bool)> = Vec::new();
    for holder in holders {
        let is_other = holder != of || graph.kinds.get(of) == Some(&TypeKind::Interface);
        for (index, subgraph, field) in graph.sources(holder, name) {
            if (is_other && !subgraph.is_interface_object(holder))
                || graph.is_overridden(index, holder, name, Labels::All)
            {
                continue;
            }
            if let Some(is_shared) = sharing(subgraph, holder, field) {
                resolving.push((subgraph, is_shared));
            }
        }
    }
    let names = || resolving.iter().map(|(one, _)| one.name.as_str());
    if resolving.len() < 2 {
        return;
    }
    let listed: Vec<&str> = names().collect();
    let listed = listed.join(", ");
    let not_shared = resolving.iter().filter(|(_, is_shared)| !is_shared);
    let not_shared: Vec<&str> = not_shared.map(|(one, _)| one.name.as_str()).collect();
    let problem = if of == "Subscription" {
        format!("{of}.{name} is in {listed}: only one subgraph can resolve a subscription")
    } else if not_shared.is_empty() {
        return;
    } else {
        format!(
            "{of}.{name} is resolved in {listed}: add @shareable in {}, or remove it from all but one",
            not_shared.join(", ")
        )
    };
    report.add(CompositionCode::InvalidFieldSharing, names(), problem);
}

/// Whether a subgraph shares a field; none if it does not resolve it.
fn sharing(subgraph: &Subgraph, of: &str, field: &Field) -> Option<bool> {
    let place = (of.to_owned(), field.name.clone());
    if has(&field.directives, "external") {
        return subgraph.provided_fields.contains(&place).then_some(true);
    }
    Some(has(&field.directives, "shareable") || subgraph.key_fields.contains(&place))
}
