//! `@override`, and directives of the supergraph on fields that another subgraph resolves.

use super::Report;
use super::graph::Graph;
use super::subgraph::{Subgraph, directive, has, text};
use crate::error::CompositionCode as Code;
use crate::type_system::ast::{Field, TypeDefinition, TypeKind};

/// Directives that the supergraph keeps.
const KEPT: [&str; 7] = [
    "tag",
    "inaccessible",
    "authenticated",
    "requiresScopes",
    "policy",
    "cost",
    "listSize",
];

pub(super) fn check(subgraphs: &[Subgraph], report: &mut Report) {
    let graph = Graph::of(subgraphs);
    for subgraph in subgraphs {
        let mut rules = Rules { subgraph, report };
        for definition in subgraph.schema.types.values() {
            if !matches!(definition.kind, TypeKind::Object | TypeKind::Interface) {
                continue;
            }
            for field in &definition.fields {
                rules.overriding(definition, field);
                let mut sources = graph.sources(&definition.name, &field.name);
                if sources.any(|(_, _, field)| !has(&field.directives, "external")) {
                    rules.external(definition, field);
                }
            }
        }
    }
}

struct Rules<'r> {
    subgraph: &'r Subgraph,
    report: &'r mut Report,
}

impl Rules<'_> {
    fn add(&mut self, code: Code, problem: &str) {
        let name = self.subgraph.name.as_str();
        self.report.add(code, [name], format!("[{name}] {problem}"));
    }

    fn external(&mut self, definition: &TypeDefinition, field: &Field) {
        if !has(&field.directives, "external") {
            return;
        }
        let place = format!("{}.{}", definition.name, field.name);
        let mut kept = KEPT.iter().filter(|name| has(&field.directives, name));
        if let Some(kept) = kept.next() {
            self.add(
                Code::MergedDirectiveApplicationOnExternal,
                &format!("{place} is @external: write @{kept} where the field is resolved"),
            );
        }
    }

    fn overriding(&mut self, definition: &TypeDefinition, field: &Field) {
        let Some(found) = directive(&field.directives, "override") else {
            return;
        };
        let place = format!("{}.{}", definition.name, field.name);
        if definition.kind == TypeKind::Interface {
            self.add(
                Code::OverrideOnInterface,
                &format!(
                    "@override is on {place} of an interface: write it on the fields of the objects"
                ),
            );
        } else if text(found, "from") == Some(&self.subgraph.name) {
            self.add(
                Code::OverrideFromSelfError,
                &format!("{place} overrides itself: @override names the subgraph that the field comes from"),
            );
        }
        if let Some(label) = text(found, "label")
            && !is_label(label)
        {
            self.add(
                Code::OverrideLabelInvalid,
                &format!("the label `{label}` of @override on {place} is neither percent(0) to percent(100) nor a name of letters, digits, `_`, `-`, `:`, `.` and `/`"),
            );
        }
        if has(&field.directives, "external") {
            self.add(
                Code::OverrideCollisionWithAnotherDirective,
                &format!("{place} has @override and @external: it is either resolved here or not"),
            );
        }
    }
}

/// Labels of progressive overrides.
fn is_label(label: &str) -> bool {
    if let Some(percent) = label.strip_prefix("percent(") {
        let percent = percent
            .strip_suffix(')')
            .filter(|text| text.chars().all(|c| c.is_ascii_digit() || c == '.'));
        let percent = percent.and_then(|text| text.parse::<f64>().ok());
        return percent.is_some_and(|percent| (0.0..=100.0).contains(&percent));
    }
    let mut chars = label.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || "_-:./".contains(c))
}
