//! Input objects and enums, of which the supergraph has what all subgraphs take.

use std::collections::BTreeSet;

use super::Report;
use super::graph::{Graph, input_type};
use super::subgraph::{Subgraph, has};
use crate::error::CompositionCode as Code;
use crate::type_system::ast::{self, Field, Type, TypeDefinition, TypeKind, Value};

pub(super) fn check(subgraphs: &[Subgraph], report: &mut Report) {
    let graph = Graph::of(subgraphs);
    for (name, kind) in &graph.kinds {
        let with: Vec<(&Subgraph, &TypeDefinition)> = subgraphs
            .iter()
            .filter_map(|one| Some((one, one.type_named(name)?)))
            .filter(|(_, definition)| definition.kind == *kind)
            .collect();
        match kind {
            TypeKind::InputObject => input_object(name, &with, report),
            TypeKind::Enum => enumeration(name, &with, subgraphs, report),
            _ => {}
        }
    }
}

fn input_object(name: &str, with: &[(&Subgraph, &TypeDefinition)], report: &mut Report) {
    let names = || with.iter().map(|(one, _)| one.name.as_str());
    let all = with.iter().flat_map(|(_, definition)| &definition.fields);
    let fields: BTreeSet<&str> = all.map(|field| field.name.as_str()).collect();
    let mut is_empty = true;
    for field in fields {
        let known: Vec<(&str, &Field)> = with
            .iter()
            .filter_map(|(one, definition)| Some((one.name.as_str(), definition.field(field)?)))
            .collect();
        let place = format!("{name}.{field}");
        if known.len() < with.len() {
            let required = known.iter().find(|(_, field)| field.is_required());
            if let Some((requiring, _)) = required {
                report.add(
                    Code::RequiredInputFieldMissingInSomeSubgraph,
                    names(),
                    format!(
                        "{place} is required in {requiring}, and missing in another subgraph with {name}: add it there, or make it optional"
                    ),
                );
            }
            continue;
        }
        is_empty = false;
        let input = Input {
            place: &place,
            mismatch: Code::FieldTypeMismatch,
            default_mismatch: Code::InputFieldDefaultMismatch,
        };
        input.check(&known, report);
    }
    if is_empty {
        report.add(
            Code::EmptyMergedInputType,
            names(),
            format!("{name} has no field that all of its subgraphs have"),
        );
    }
}

/// Where a type is used, in all subgraphs.
fn uses(name: &str, subgraphs: &[Subgraph]) -> (bool, bool) {
    let (mut is_input, mut is_output) = (false, false);
    for definition in subgraphs.iter().flat_map(|one| one.schema.types.values()) {
        for field in &definition.fields {
            let mut arguments = field.arguments.iter();
            is_input |= arguments.any(|argument| ast::named(&argument.value_type) == name);
            if ast::named(&field.value_type) == name {
                match definition.kind {
                    TypeKind::InputObject => is_input = true,
                    _ => is_output = true,
                }
            }
        }
    }
    (is_input, is_output)
}

fn enumeration(
    name: &str,
    with: &[(&Subgraph, &TypeDefinition)],
    subgraphs: &[Subgraph],
    report: &mut Report,
) {
    let names = || with.iter().map(|(one, _)| one.name.as_str());
    let (is_input, is_output) = uses(name, subgraphs);
    if !is_input || with.len() < 2 {
        return;
    }
    let all = with.iter().flat_map(|(_, definition)| &definition.values);
    let values: BTreeSet<&str> = all.map(|value| value.name.as_str()).collect();
    let partial: Vec<&str> = values
        .iter()
        .copied()
        .filter(|value| {
            with.iter()
                .any(|(_, definition)| definition.value(value).is_none())
        })
        .collect();
    if is_output {
        for value in partial {
            let mut known = with
                .iter()
                .filter_map(|(_, definition)| definition.value(value));
            if known.any(|known| has(&known.directives, "inaccessible")) {
                continue;
            }
            report.add(
                Code::EnumValueMismatch,
                names(),
                format!(
                    "{name} is both taken and returned, and its value {value} is not in all of its subgraphs: add it to the others"
                ),
            );
        }
        return;
    }
    if partial.len() == values.len() {
        let message = format!("{name} is only taken, and no value is in all of its subgraphs");
        report.add(Code::EmptyMergedEnumType, names(), message);
        return;
    }
    for subgraph in subgraphs {
        for definition in subgraph.schema.types.values() {
            let fields = definition.fields.iter();
            for input in fields.flat_map(|field| std::iter::once(field).chain(&field.arguments)) {
                if let Some(default) = &input.default
                    && ast::named(&input.value_type) == name
                    && partial.iter().any(|value| contains(default, value))
                {
                    report.add(
                        Code::InvalidGraphQL,
                        names(),
                        format!(
                            "the default value of {} in {} is a value of {name} that is not in all of its subgraphs",
                            input.name, definition.name
                        ),
                    );
                }
            }
        }
    }
}

fn contains(value: &Value, name: &str) -> bool {
    match value {
        Value::Enum(value) => value == name,
        Value::List(items) => items.iter().any(|item| contains(item, name)),
        _ => false,
    }
}

/// An argument or an input field.
pub(super) struct Input<'i> {
    pub(super) place: &'i str,
    pub(super) mismatch: Code,
    pub(super) default_mismatch: Code,
}

impl Input<'_> {
    /// Its type and default value in the supergraph.
    pub(super) fn check<'f>(
        &self,
        with: &[(&str, &'f Field)],
        report: &mut Report,
    ) -> Option<(&'f Type, Option<&'f Value>)> {
        let place = self.place;
        let names = || with.iter().map(|(one, _)| *one);
        let types: Vec<&Type> = with.iter().map(|(_, field)| &field.value_type).collect();
        let merged = input_type(&types);
        if merged.is_none() {
            let types = with
                .iter()
                .map(|(one, field)| format!("{} in {one}", field.value_type));
            let types: Vec<String> = types.collect();
            let message = format!(
                "{place} is {}: its types have to fit one another",
                types.join(" and ")
            );
            report.add(self.mismatch, names(), message);
        }
        let mut defaults: Vec<&Value> = Vec::new();
        for default in with.iter().filter_map(|(_, field)| field.default.as_ref()) {
            if !defaults.contains(&default) {
                defaults.push(default);
            }
        }
        if defaults.len() > 1 {
            let listed: Vec<String> = defaults.iter().map(ToString::to_string).collect();
            let message = format!(
                "{place} has the default values {}: it needs one",
                listed.join(" and ")
            );
            report.add(self.default_mismatch, names(), message);
        }
        merged.map(|merged| (merged, defaults.first().copied()))
    }
}
