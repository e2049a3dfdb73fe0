//! Whether the subgraphs' types and fields fit each other.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use super::graph::{Graph, kind_in};
use super::inputs::Input;
use super::subgraph::{Subgraph, directive, has, text};
use crate::error::CompositionCode as Code;
use crate::type_system::ast::{Field, Type, TypeKind, Value};

pub(super) fn check(subgraphs: &[Subgraph], report: &mut Report) {
    let mut rules = Rules {
        graph: &Graph::of(subgraphs),
        report,
    };
    let kinds = rules.graph.kinds.clone();
    for (name, kind) in kinds {
        if !rules.kinds_agree(name) {
            continue;
        }
        rules.is_defined(name);
        if matches!(kind, TypeKind::Object | TypeKind::Interface) {
            for field in rules.graph.fields[name].clone() {
                rules.field(name, field);
            }
        }
        if kind == TypeKind::Interface {
            rules.interface(name);
        }
    }
}

/// Objects have the fields that their interfaces have anywhere. Checked once the rest fits.
pub(super) fn check_implementations(subgraphs: &[Subgraph], report: &mut Report) {
    let mut rules = Rules {
        graph: &Graph::of(subgraphs),
        report,
    };
    let names: Vec<&str> = rules.graph.kinds.keys().copied().collect();
    for name in names {
        rules.implementations(name);
    }
}

struct Rules<'r, 's> {
    graph: &'r Graph<'s>,
    report: &'r mut Report,
}

/// The names of subgraphs, for a message.
fn listed(names: &[&str]) -> String {
    names.join(", ")
}

impl<'s> Rules<'_, 's> {
    fn kinds_agree(&mut self, name: &str) -> bool {
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for subgraph in self.graph.subgraphs {
            if let Some(kind) = kind_in(subgraph, name) {
                kinds.entry(kind.name()).or_default().push(&subgraph.name);
            }
        }
        if kinds.len() < 2 {
            return true;
        }
        let all: Vec<String> = kinds
            .iter()
            .map(|(kind, names)| format!("{kind} in {}", listed(names)))
            .collect();
        self.report.add(
            Code::TypeKindMismatch,
            kinds.values().flatten().copied(),
            format!("{name} is {}: it needs one kind", all.join(" and ")),
        );
        false
    }

    fn is_defined(&mut self, name: &str) {
        let with = self
            .graph
            .subgraphs
            .iter()
            .filter(|one| one.type_named(name).is_some());
        let is_root = crate::type_system::ROOTS
            .iter()
            .any(|(_, root)| *root == name);
        if !is_root && with.clone().all(|one| one.extended.contains(name)) {
            let names: Vec<&str> = with.map(|one| one.name.as_str()).collect();
            self.report.add(
                Code::ExtensionWithNoBase,
                names.iter().copied(),
                format!(
                    "{name} is only extended, in {}: define it in one subgraph",
                    listed(&names)
                ),
            );
        }
    }

    fn field(&mut self, of: &str, name: &str) {
        let place = format!("{of}.{name}");
        let sources: Vec<(usize, &Subgraph, &Field)> = self.graph.sources(of, name).collect();
        // Only in the interface's objects.
        if sources.is_empty() {
            return;
        }
        let is_external = |field: &Field| has(&field.directives, "external");
        let (external, resolved): (Vec<_>, Vec<_>) =
            sources.iter().partition(|(_, _, field)| is_external(field));
        if resolved.is_empty() {
            let names = external
                .iter()
                .map(|(_, subgraph, _)| subgraph.name.as_str());
            self.report.add(
                Code::ExternalMissingOnBase,
                names,
                format!("{place} is @external wherever it is: one subgraph has to resolve it"),
            );
            return;
        }
        let names: Vec<&str> = resolved
            .iter()
            .map(|(_, one, _)| one.name.as_str())
            .collect();
        let fields: Vec<(&str, &Field)> = resolved
            .iter()
            .map(|(_, one, field)| (one.name.as_str(), *field))
            .collect();
        let arguments = self.arguments(&place, &fields);
        let Some(merged) = self.graph.output_type(of, name) else {
            let types = resolved
                .iter()
                .map(|(_, one, field)| format!("{} in {}", field.value_type, one.name));
            let types: Vec<String> = types.collect();
            self.report.add(
                Code::FieldTypeMismatch,
                names.iter().copied(),
                format!(
                    "{place} is {}: its types have to fit one another",
                    types.join(" and ")
                ),
            );
            return;
        };
        for (_, subgraph, field) in external {
            self.external(&place, &subgraph.name, field, merged, &arguments);
        }
        self.overriding(of, name, &sources);
        self.runtime_types(of, name, &fields);
    }

    /// Checks the arguments of a field, and gives their types and default values in the supergraph.
    fn arguments<'f>(
        &mut self,
        place: &str,
        fields: &[(&'f str, &'f Field)],
    ) -> BTreeMap<&'f str, (&'f Type, Option<&'f Value>)> {
        let all = fields.iter().flat_map(|(_, field)| &field.arguments);
        let names: BTreeSet<&str> = all.map(|argument| argument.name.as_str()).collect();
        let mut merged = BTreeMap::new();
        for name in names {
            let with: Vec<(&str, &Field)> = fields
                .iter()
                .filter_map(|(one, field)| Some((*one, field.argument(name)?)))
                .collect();
            let place = format!("{place}({name}:)");
            if with.len() < fields.len() {
                let required = with.iter().find(|(_, argument)| argument.is_required());
                if let Some((requiring, _)) = required {
                    let lacking = fields
                        .iter()
                        .filter(|(_, field)| field.argument(name).is_none());
                    let lacking: Vec<&str> = lacking.map(|(one, _)| *one).collect();
                    self.report.add(
                        Code::RequiredArgumentMissingInSomeSubgraph,
                        fields.iter().map(|(one, _)| *one),
                        format!(
                            "{place} is required in {requiring}, and missing in {}: add it there, or make it optional",
                            listed(&lacking)
                        ),
                    );
                }
                continue;
            }
            let input = Input {
                place: &place,
                mismatch: Code::FieldArgumentTypeMismatch,
                default_mismatch: Code::FieldArgumentDefaultMismatch,
            };
            if let Some(of) = input.check(&with, self.report) {
                merged.insert(name, of);
            }
        }
        merged
    }

    fn external(
        &mut self,
        place: &str,
        subgraph: &str,
        field: &Field,
        merged: &Type,
        arguments: &BTreeMap<&str, (&Type, Option<&Value>)>,
    ) {
        let mut add = |code, problem: String| {
            let message = format!(
                "[{subgraph}] {place} is @external, and differs from where it is resolved: {problem}"
            );
            self.report.add(code, [subgraph], message);
        };
        if !self.graph.is_subtype(merged, &field.value_type) {
            add(
                Code::ExternalTypeMismatch,
                format!("the type is {merged} there, {} here", field.value_type),
            );
        }
        for (name, (value_type, default)) in arguments {
            match field.argument(name) {
                None => add(
                    Code::ExternalArgumentMissing,
                    format!("there is an argument {name}: {value_type}"),
                ),
                Some(own) => {
                    if !self.graph.is_subtype(value_type, &own.value_type) {
                        add(
                            Code::ExternalArgumentTypeMismatch,
                            format!("{name} is {value_type} there, {} here", own.value_type),
                        );
                    }
                    if own.default.as_ref() != *default {
                        add(
                            Code::ExternalArgumentDefaultMismatch,
                            format!("{name} has another default value"),
                        );
                    }
                }
            }
        }
    }

    fn overriding(&mut self, of: &str, name: &str, sources: &[(usize, &'s Subgraph, &'s Field)]) {
        for (_, subgraph, field) in sources {
            let found = directive(&field.directives, "override");
            let Some(from) = found.and_then(|found| text(found, "from")) else {
                continue;
            };
            let source = self.graph.subgraphs.iter().find(|one| one.name == from);
            let Some(source) = source.filter(|source| source.name != subgraph.name) else {
                continue;
            };
            let names = [subgraph.name.as_str(), from];
            if subgraph.is_interface_object(of) && source.type_named(of).is_some() {
                self.report.add(
                    Code::OverrideCollisionWithAnotherDirective,
                    names,
                    format!(
                        "{of}.{name} of an @interfaceObject in {} cannot override the fields in {from}",
                        subgraph.name
                    ),
                );
            }
            let overridden = source.field(of, name);
            let overrides = overridden.is_some_and(|field| self.graph.overrides(field));
            if overrides {
                self.report.add(
                    Code::OverrideSourceHasOverride,
                    names,
                    format!(
                        "{of}.{name} in {} overrides the one in {from}, which overrides another: keep one @override",
                        subgraph.name
                    ),
                );
            }
        }
    }

    /// A field of an abstract type that several subgraphs resolve needs an object that all of them know.
    fn runtime_types(&mut self, of: &str, name: &str, fields: &[(&str, &Field)]) {
        if fields.len() < 2 {
            return;
        }
        let possible = fields.iter().filter_map(|(one, field)| {
            let subgraph = self
                .graph
                .subgraphs
                .iter()
                .find(|subgraph| subgraph.name == **one)?;
            let target = crate::type_system::ast::named(&field.value_type);
            let is_abstract = matches!(
                subgraph.schema.kind(target),
                Some(TypeKind::Interface | TypeKind::Union)
            );
            (is_abstract && has(&field.directives, "shareable")).then(|| subgraph.possible(target))
        });
        let possible: Vec<BTreeSet<String>> = possible.collect();
        let common = possible
            .iter()
            .skip(1)
            .fold(possible.first().cloned(), |common, one| {
                common.map(|common| common.intersection(one).cloned().collect())
            });
        if possible.len() > 1 && common.is_some_and(|common| common.is_empty()) {
            self.report.add(
                Code::ShareableHasMismatchedRuntimeTypes,
                fields.iter().map(|(one, _)| *one),
                format!(
                    "{of}.{name} is @shareable, and its subgraphs have no object of its type in common"
                ),
            );
        }
    }

    fn implementations(&mut self, name: &str) {
        let own = &self.graph.fields[name];
        for interface in &self.graph.interfaces[name] {
            let Some(fields) = self.graph.fields.get(interface) else {
                continue;
            };
            for field in fields.difference(own) {
                let with = self.graph.subgraphs.iter().filter(|one| {
                    one.field(interface, field).is_some()
                        || one.type_named(name).is_some_and(|known| {
                            known.interfaces.iter().any(|one| one == interface)
                        })
                });
                self.report.add(
                    Code::InterfaceFieldNoImplem,
                    with.map(|one| one.name.as_str()),
                    format!(
                        "{interface}.{field} is in one subgraph, and {name} implements {interface} in another: {name} needs the field"
                    ),
                );
            }
        }
    }

    fn interface(&mut self, name: &str) {
        let (objects, interfaces): (Vec<&Subgraph>, Vec<&Subgraph>) = self
            .graph
            .subgraphs
            .iter()
            .filter(|one| one.type_named(name).is_some())
            .partition(|one| one.is_interface_object(name));
        let implementing = self.graph.possible(name);
        if interfaces.is_empty() {
            let names = objects.iter().map(|one| one.name.as_str());
            self.report.add(
                Code::InterfaceObjectUsageError,
                names,
                format!("{name} has @interfaceObject, and no subgraph has an interface {name}"),
            );
        }
        for subgraph in &objects {
            let known = implementing
                .iter()
                .filter(|object| subgraph.type_named(object).is_some());
            for object in known {
                self.report.add(
                    Code::InterfaceObjectUsageError,
                    [subgraph.name.as_str()],
                    format!(
                        "[{}] {name} has @interfaceObject, so its object {object} cannot be in the same subgraph",
                        subgraph.name
                    ),
                );
            }
        }
        for subgraph in interfaces.iter().filter(|one| one.keys.contains_key(name)) {
            let known = subgraph.possible(name);
            for object in implementing
                .iter()
                .filter(|object| !known.contains(**object))
            {
                self.report.add(
                    Code::InterfaceKeyMissingImplementationType,
                    [subgraph.name.as_str()],
                    format!(
                        "[{}] the interface {name} has a key, and its object {object} is not in the subgraph: add it",
                        subgraph.name
                    ),
                );
            }
        }
    }
}
