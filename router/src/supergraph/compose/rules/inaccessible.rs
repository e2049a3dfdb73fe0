//! What `@inaccessible` hides must not be needed by what remains.

use std::collections::BTreeSet;

use super::Report;
use super::graph::Graph;
use super::subgraph::{Subgraph, has};
use crate::error::CompositionCode as Code;
use crate::type_system::ast::{self, Directive, Field, TypeDefinition, TypeKind, Value};

pub(super) fn check(subgraphs: &[Subgraph], report: &mut Report) {
    let mut rules = Rules {
        graph: &Graph::of(subgraphs),
        hidden: hidden(subgraphs),
        report,
    };
    if rules.hidden.is_empty() {
        return;
    }
    if rules.is_hidden("Query") {
        let message = "Query is @inaccessible: clients could ask for nothing".to_owned();
        rules
            .report
            .add(Code::QueryRootTypeInaccessible, [], message);
        return;
    }
    for subgraph in subgraphs {
        for definition in subgraph.schema.types.values() {
            if !rules.is_hidden(&definition.name) {
                rules.definition(definition);
            }
        }
    }
    let names: Vec<&str> = rules.graph.kinds.keys().copied().collect();
    for name in names {
        rules.children(name);
    }
}

/// The coordinates of hidden elements.
fn hidden(subgraphs: &[Subgraph]) -> BTreeSet<String> {
    let mut hidden = BTreeSet::new();
    let mut note = |coordinate: String, directives: &[Directive]| {
        if has(directives, "inaccessible") {
            hidden.insert(coordinate);
        }
    };
    for definition in subgraphs.iter().flat_map(|one| one.schema.types.values()) {
        let name = &definition.name;
        note(name.clone(), &definition.directives);
        for value in &definition.values {
            note(format!("{name}.{}", value.name), &value.directives);
        }
        for field in &definition.fields {
            note(format!("{name}.{}", field.name), &field.directives);
            for argument in &field.arguments {
                let coordinate = format!("{name}.{}({}:)", field.name, argument.name);
                note(coordinate, &argument.directives);
            }
        }
    }
    hidden
}

struct Rules<'r, 's> {
    graph: &'r Graph<'s>,
    hidden: BTreeSet<String>,
    report: &'r mut Report,
}

impl Rules<'_, '_> {
    fn is_hidden(&self, coordinate: &str) -> bool {
        self.hidden.contains(coordinate)
    }

    fn add(&mut self, code: Code, message: String) {
        self.report.add(code, [], message);
    }

    fn definition(&mut self, definition: &TypeDefinition) {
        for field in &definition.fields {
            let place = format!("{}.{}", definition.name, field.name);
            let is_input = definition.kind == TypeKind::InputObject;
            if self.is_hidden(&place) {
                if is_input && field.is_required() {
                    self.add(
                        Code::RequiredInaccessible,
                        format!("{place} is required, so it cannot be @inaccessible"),
                    );
                }
                continue;
            }
            self.reference(&place, field);
            for argument in &field.arguments {
                let place = format!("{place}({}:)", argument.name);
                if !self.is_hidden(&place) {
                    self.reference(&place, argument);
                } else if argument.is_required() {
                    self.add(
                        Code::RequiredInaccessible,
                        format!("{place} is required, so it cannot be @inaccessible"),
                    );
                }
            }
        }
        for interface in &definition.interfaces {
            if !self.is_hidden(interface) {
                self.implementation(definition, interface);
            }
        }
    }

    fn reference(&mut self, place: &str, field: &Field) {
        let target = ast::named(&field.value_type);
        if self.is_hidden(target) {
            self.add(
                Code::ReferencedInaccessible,
                format!("{place} has the type {target}, which is @inaccessible: hide {place}, too"),
            );
        }
        if let Some(default) = &field.default
            && self.default_is_hidden(target, default)
        {
            self.add(
                Code::DefaultValueUsesInaccessible,
                format!("the default value of {place} has a part that is @inaccessible"),
            );
        }
    }

    fn default_is_hidden(&self, target: &str, value: &Value) -> bool {
        match value {
            Value::Enum(value) => self.is_hidden(&format!("{target}.{value}")),
            Value::List(items) => items
                .iter()
                .any(|item| self.default_is_hidden(target, item)),
            Value::Object(fields) => fields.iter().any(|(name, value)| {
                let mut definitions = self.graph.sources(target, name);
                self.is_hidden(&format!("{target}.{name}"))
                    || definitions.next().is_some_and(|(_, _, field)| {
                        self.default_is_hidden(ast::named(&field.value_type), value)
                    })
            }),
            _ => false,
        }
    }

    fn implementation(&mut self, definition: &TypeDefinition, interface: &str) {
        let name = &definition.name;
        for field in &definition.fields {
            let (own, of_interface) = (
                format!("{name}.{}", field.name),
                format!("{interface}.{}", field.name),
            );
            if self.graph.sources(interface, &field.name).next().is_none()
                || self.is_hidden(&of_interface)
            {
                continue;
            }
            let mut hidden = self.is_hidden(&own).then(|| own.clone());
            for argument in &field.arguments {
                let argument = format!("({}:)", argument.name);
                let own = format!("{own}{argument}");
                let is_there = !self.is_hidden(&format!("{of_interface}{argument}"));
                if is_there
                    && self.is_hidden(&own)
                    && self.argument_of(interface, &field.name, &argument)
                {
                    hidden.get_or_insert(own);
                }
            }
            if let Some(hidden) = hidden {
                self.add(
                    Code::ImplementedByInaccessible,
                    format!(
                        "{hidden} is @inaccessible, and {of_interface} is not: hide both or none"
                    ),
                );
            }
        }
    }

    fn argument_of(&self, interface: &str, field: &str, argument: &str) -> bool {
        let mut sources = self.graph.sources(interface, field);
        sources.any(|(_, _, field)| {
            field
                .arguments
                .iter()
                .any(|known| format!("({}:)", known.name) == argument)
        })
    }

    /// A type that remains needs a child that remains.
    fn children(&mut self, name: &str) {
        if self.is_hidden(name) {
            return;
        }
        let definitions: Vec<&TypeDefinition> = self
            .graph
            .subgraphs
            .iter()
            .filter_map(|one| one.type_named(name))
            .collect();
        let mut children: Vec<String> = Vec::new();
        for definition in definitions {
            let fields = definition.fields.iter().map(|field| &field.name);
            let values = definition.values.iter().map(|value| &value.name);
            children.extend(fields.chain(values).map(|child| format!("{name}.{child}")));
            children.extend(definition.members.iter().cloned());
        }
        if !children.is_empty() && children.iter().all(|child| self.is_hidden(child)) {
            self.add(
                Code::OnlyInaccessibleChildren,
                format!("everything in {name} is @inaccessible: hide {name} itself, too"),
            );
        }
    }
}
