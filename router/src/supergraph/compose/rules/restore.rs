//! Gives the supergraph what the merging library cannot be told: any names of subgraphs, types that differ between them,
//! and entities without a key in some of them.

use std::collections::{BTreeMap, BTreeSet};

use graphql_tools::static_graphql::schema::{Directive, Document, Type, TypeDefinition, Value};

use super::super::{definitions_mut, graph_of};
use super::merged::{ARGUMENTS, Merged};

#[derive(Default)]
pub(in super::super) struct Restore {
    /// The library's names of subgraphs, by their own.
    names: BTreeMap<String, String>,
    /// Keys that do not exist: the type, the library's name of the subgraph, the field.
    pub(super) keys: BTreeSet<(String, String, String)>,
    /// Fields whose types differ, by type and name.
    pub(super) types: BTreeMap<(String, String), Differing>,
    /// Values that are not in a subgraph: the enum, the value, the library's name of the subgraph.
    pub(super) values: BTreeSet<(String, String, String)>,
    /// Fields that are overridden under a label, by type and name: the library's name of the subgraph, the label.
    pub(super) labels: BTreeMap<(String, String), (String, String)>,
    merged: Merged,
}

/// The types of a field.
pub(in super::super) struct Differing {
    /// In the supergraph.
    pub(super) merged: Type,
    /// By the library's names of subgraphs.
    pub(super) by_graph: Vec<(String, String)>,
}

impl Restore {
    pub(super) fn of(merged: Merged) -> Self {
        Self {
            merged,
            ..Self::default()
        }
    }

    /// Chooses the library's name for a subgraph: letters, digits and `-`, a letter first, distinct in capitals.
    pub(super) fn rename(&mut self, name: &str) {
        let letters = name.chars().map(|c| match c.is_ascii_alphanumeric() {
            true => c,
            false => '-',
        });
        let mut alias: String = letters.collect();
        if !alias.starts_with(|first: char| first.is_ascii_alphabetic()) {
            alias.insert_str(0, "s-");
        }
        let is_taken = |alias: &str, names: &BTreeMap<String, String>| {
            names
                .values()
                .any(|known| known.eq_ignore_ascii_case(alias))
        };
        let base = alias.clone();
        let mut number = 2;
        while is_taken(&alias, &self.names) {
            alias = format!("{base}-{number}");
            number += 1;
        }
        self.names.insert(name.to_owned(), alias);
    }

    /// The library's name of a subgraph.
    pub(super) fn alias<'n>(&'n self, name: &'n str) -> &'n str {
        self.names.get(name).map_or(name, String::as_str)
    }

    fn name_of<'n>(&'n self, alias: &'n str) -> &'n str {
        let mut names = self.names.iter();
        let found = names.find(|(_, known)| *known == alias);
        found.map_or(alias, |(name, _)| name)
    }

    pub(in super::super) fn apply(&self, document: &mut Document) {
        let graphs = self.rename_graphs(document);
        let graph = |alias: &str| graphs.get(alias).cloned().unwrap_or_default();
        for definition in definitions_mut(document) {
            let (name, directives, fields) = match definition {
                TypeDefinition::Object(object) => {
                    (&object.name, &mut object.directives, &mut object.fields)
                }
                TypeDefinition::Interface(interface) => (
                    &interface.name,
                    &mut interface.directives,
                    &mut interface.fields,
                ),
                TypeDefinition::Scalar(scalar) => {
                    self.merge(&scalar.name, &mut scalar.directives);
                    continue;
                }
                TypeDefinition::Enum(definition) => {
                    self.merge(&definition.name, &mut definition.directives);
                    let added = self.values.iter().filter(|one| one.0 == definition.name);
                    for (_, value, alias) in added {
                        let of = graph(alias);
                        let values = definition.values.iter_mut();
                        for known in values.filter(|one| one.name == *value) {
                            known.directives.retain(|one| {
                                one.name != "join__enumValue" || graph_of(one).as_ref() != Some(&of)
                            });
                        }
                    }
                    continue;
                }
                _ => continue,
            };
            self.merge(name, directives);
            for (of, alias, key) in &self.keys {
                let keyed = directives.iter_mut().filter(|one| {
                    of == name
                        && one.name == "join__type"
                        && graph_of(one) == Some(graph(alias))
                        && has(one, "key", &Value::String(key.clone()))
                        && has(one, "resolvable", &Value::Boolean(false))
                });
                for directive in keyed {
                    directive
                        .arguments
                        .retain(|(name, _)| name != "key" && name != "resolvable");
                }
            }
            for field in fields {
                self.name_overridden(&mut field.directives);
                self.merge(&format!("{name}.{}", field.name), &mut field.directives);
                let place = (name.clone(), field.name.clone());
                if let Some((alias, label)) = self.labels.get(&place) {
                    let of = graph(alias);
                    let joins = field.directives.iter_mut();
                    let mut joins = joins.filter(|one| one.name == "join__field");
                    if let Some(join) = joins.find(|one| graph_of(one).as_ref() == Some(&of)) {
                        let label = Value::String(label.clone());
                        join.arguments.push(("overrideLabel".to_owned(), label));
                    }
                }
                let Some(differing) = self.types.get(&place) else {
                    continue;
                };
                field.field_type = differing.merged.clone();
                for (alias, value_type) in &differing.by_graph {
                    let of = graph(alias);
                    let joins = field.directives.iter_mut();
                    let mut joins = joins.filter(|one| one.name == "join__field");
                    let typed = ("type".to_owned(), Value::String(value_type.clone()));
                    match joins.find(|one| graph_of(one).as_ref() == Some(&of)) {
                        Some(join) => {
                            join.arguments.retain(|(name, _)| name != "type");
                            join.arguments.push(typed);
                        }
                        None => field.directives.push(Directive {
                            position: field.position,
                            name: "join__field".to_owned(),
                            arguments: vec![("graph".to_owned(), Value::Enum(of)), typed],
                        }),
                    }
                }
            }
        }
    }

    /// Gives directives that are merged their arguments.
    fn merge(&self, place: &str, directives: &mut [Directive]) {
        for (name, argument) in ARGUMENTS {
            let Some(value) = self.merged.get(&(place.to_owned(), name)) else {
                continue;
            };
            let uses = directives.iter_mut().filter(|one| one.name == name);
            for (known, given) in uses.flat_map(|one| &mut one.arguments) {
                if known == argument {
                    given.clone_from(value);
                }
            }
        }
    }

    /// Gives the subgraphs their names; returns the names of their enum values by the library's names.
    fn rename_graphs(&self, document: &mut Document) -> BTreeMap<String, String> {
        let mut graphs = BTreeMap::new();
        for definition in definitions_mut(document) {
            let TypeDefinition::Enum(definition) = definition else {
                continue;
            };
            if definition.name != "join__Graph" {
                continue;
            }
            for value in &mut definition.values {
                let directives = value.directives.iter_mut();
                for (argument, name) in directives.flat_map(|one| &mut one.arguments) {
                    if let Value::String(alias) = name
                        && argument == "name"
                    {
                        graphs.insert(alias.clone(), value.name.clone());
                        *alias = self.name_of(alias).to_owned();
                    }
                }
            }
        }
        graphs
    }

    fn name_overridden(&self, directives: &mut [Directive]) {
        let joins = directives
            .iter_mut()
            .filter(|one| one.name == "join__field");
        for (argument, value) in joins.flat_map(|one| &mut one.arguments) {
            if let Value::String(alias) = value
                && argument == "override"
            {
                *alias = self.name_of(alias).to_owned();
            }
        }
    }
}

fn has(directive: &Directive, name: &str, value: &Value) -> bool {
    let mut arguments = directive.arguments.iter();
    arguments.any(|(known, given)| known == name && given == value)
}
