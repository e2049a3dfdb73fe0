//! Rules that concern a single subgraph.

use super::field_sets::{self, Selection};
use super::selections::{KEY, PROVIDES, REQUIRES};
use super::subgraph::{Subgraph, directive, has};
use super::{Report, costs};
use crate::error::CompositionCode as Code;
use crate::type_system::ast::{self, Field, TypeDefinition, TypeKind};

pub(super) fn check(subgraph: &Subgraph, report: &mut Report) {
    let mut rules = Rules { subgraph, report };
    let used = field_sets::used(subgraph);
    for definition in subgraph.schema.types.values() {
        rules.keys(definition);
        rules.interface_object(definition);
        if !matches!(definition.kind, TypeKind::Object | TypeKind::Interface) {
            continue;
        }
        for field in &definition.fields {
            rules.contexts(definition, field);
            rules.sharing(definition, field);
            rules.external(definition, field, &used);
            rules.requires(definition, field);
            rules.provides(definition, field);
        }
    }
    costs::check(subgraph, report);
}

pub(super) struct Rules<'r> {
    pub(super) subgraph: &'r Subgraph,
    report: &'r mut Report,
}

impl Rules<'_> {
    pub(super) fn add(&mut self, code: Code, problem: &str) {
        let name = self.subgraph.name.as_str();
        self.report.add(code, [name], format!("[{name}] {problem}"));
    }

    fn keys(&mut self, definition: &TypeDefinition) {
        let name = &definition.name;
        for key in definition.directives.iter().filter(|one| one.name == "key") {
            self.field_set(&KEY, name, key, name);
        }
        if definition.kind != TypeKind::Interface {
            return;
        }
        let keys = self.subgraph.keys.get(name).map_or(&[][..], Vec::as_slice);
        for object in self.subgraph.possible(name) {
            let own = self
                .subgraph
                .keys
                .get(&object)
                .map_or(&[][..], Vec::as_slice);
            let has = |fields: &[Selection]| own.iter().any(|known| known.fields == fields);
            if keys.iter().any(|key| !has(&key.fields)) {
                self.add(
                    Code::InterfaceKeyNotOnImplementation,
                    &format!(
                        "{name} has a key that its object {object} has not: add it to {object}"
                    ),
                );
            }
        }
    }

    fn interface_object(&mut self, definition: &TypeDefinition) {
        let name = &definition.name;
        if has(&definition.directives, "interfaceObject") && !self.subgraph.keys.contains_key(name)
        {
            self.add(
                Code::InterfaceObjectUsageError,
                &format!(
                    "{name} has @interfaceObject and no @key: add one of the interface's keys"
                ),
            );
        }
    }

    /// The merging library would expose the argument to clients.
    fn contexts(&mut self, definition: &TypeDefinition, field: &Field) {
        let mut arguments = field.arguments.iter();
        if arguments.any(|argument| has(&argument.directives, "fromContext")) {
            self.add(
                Code::FeatureNotSupported,
                &format!(
                    "@fromContext, on an argument of {}.{}, is not supported here: compose with another tool, such as rover, and serve its supergraph",
                    definition.name, field.name
                ),
            );
        }
    }

    fn sharing(&mut self, definition: &TypeDefinition, field: &Field) {
        let place = format!("{}.{}", definition.name, field.name);
        let uses = field
            .directives
            .iter()
            .filter(|one| one.name == "shareable")
            .count();
        if uses == 0 || self.subgraph.links.is_old {
            return;
        }
        if definition.kind == TypeKind::Interface {
            self.add(
                Code::InvalidShareableUsage,
                &format!("@shareable is on {place} of an interface: write it on the fields of the objects"),
            );
        } else if uses > 1 {
            self.add(
                Code::InvalidShareableUsage,
                &format!("@shareable is repeated on {place}"),
            );
        }
    }

    fn external(
        &mut self,
        definition: &TypeDefinition,
        field: &Field,
        used: &std::collections::BTreeSet<(String, String)>,
    ) {
        if !has(&field.directives, "external") {
            return;
        }
        let place = format!("{}.{}", definition.name, field.name);
        if definition.kind == TypeKind::Interface {
            self.add(
                Code::ExternalOnInterface,
                &format!(
                    "@external is on {place} of an interface: write it on the fields of the objects"
                ),
            );
        }
        let is_used = used.contains(&(definition.name.clone(), field.name.clone()));
        if !is_used && !has(&definition.directives, "external") {
            self.add(
                Code::ExternalUnused,
                &format!("{place} is @external, and no @key, @requires, @provides or interface needs it: remove it"),
            );
        }
    }

    fn requires(&mut self, definition: &TypeDefinition, field: &Field) {
        let Some(found) = directive(&field.directives, "requires") else {
            return;
        };
        let place = format!("{}.{}", definition.name, field.name);
        if definition.kind == TypeKind::Interface {
            self.add(
                Code::RequiresUnsupportedOnInterface,
                &format!(
                    "@requires is on {place} of an interface: write it on the fields of the objects"
                ),
            );
        }
        self.field_set(&REQUIRES, &place, found, &definition.name);
    }

    fn provides(&mut self, definition: &TypeDefinition, field: &Field) {
        let Some(found) = directive(&field.directives, "provides") else {
            return;
        };
        let place = format!("{}.{}", definition.name, field.name);
        let target = ast::named(&field.value_type);
        let kind = self.subgraph.schema.kind(target);
        if !kind.is_some_and(TypeKind::is_composite) {
            return self.add(
                Code::ProvidesOnNonObjectField,
                &format!("@provides is on {place}, whose type {target} has no fields"),
            );
        }
        if definition.kind == TypeKind::Interface {
            self.add(
                Code::ProvidesUnsupportedOnInterface,
                &format!(
                    "@provides is on {place} of an interface: write it on the fields of the objects"
                ),
            );
        }
        self.field_set(&PROVIDES, &place, found, target);
    }
}
