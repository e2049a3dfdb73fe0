//! What subgraphs have in common: each type with its kind, its fields and who resolves them.

use std::collections::{BTreeMap, BTreeSet};

use super::graphql::is_subtype_by;
use super::subgraph::{Subgraph, directive, has, text};
use crate::type_system::ast::{Field, Type, TypeKind};

pub(super) struct Graph<'s> {
    pub(super) subgraphs: &'s [Subgraph],
    pub(super) kinds: BTreeMap<&'s str, TypeKind>,
    /// The interfaces of each object and interface.
    pub(super) interfaces: BTreeMap<&'s str, BTreeSet<&'s str>>,
    members: BTreeMap<&'s str, BTreeSet<&'s str>>,
    /// The names of each type's fields.
    pub(super) fields: BTreeMap<&'s str, BTreeSet<&'s str>>,
    /// Interfaces that are objects in some subgraphs.
    pub(super) interface_objects: BTreeSet<&'s str>,
}

/// The kind of a type here, in the supergraph.
pub(super) fn kind_in(subgraph: &Subgraph, name: &str) -> Option<TypeKind> {
    match subgraph.is_interface_object(name) {
        true => Some(TypeKind::Interface),
        false => subgraph.type_named(name).map(|definition| definition.kind),
    }
}

impl<'s> Graph<'s> {
    pub(super) fn of(subgraphs: &'s [Subgraph]) -> Self {
        let mut graph = Self {
            subgraphs,
            kinds: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            members: BTreeMap::new(),
            fields: BTreeMap::new(),
            interface_objects: BTreeSet::new(),
        };
        for subgraph in subgraphs {
            for (name, definition) in &subgraph.schema.types {
                let name = name.as_str();
                if let Some(kind) = kind_in(subgraph, name) {
                    graph.kinds.entry(name).or_insert(kind);
                }
                if subgraph.is_interface_object(name) {
                    graph.interface_objects.insert(name);
                }
                let interfaces = definition.interfaces.iter().map(String::as_str);
                graph.interfaces.entry(name).or_default().extend(interfaces);
                let members = definition.members.iter().map(String::as_str);
                graph.members.entry(name).or_default().extend(members);
                let fields = definition.fields.iter().map(|field| field.name.as_str());
                graph.fields.entry(name).or_default().extend(fields);
            }
        }
        for &interface in &graph.interface_objects {
            let added: BTreeSet<&str> = graph.fields.get(interface).cloned().unwrap_or_default();
            let holders = subgraphs
                .iter()
                .filter(|one| one.is_interface_object(interface));
            let added: BTreeSet<&str> = added
                .into_iter()
                .filter(|field| {
                    holders
                        .clone()
                        .any(|one| one.field(interface, field).is_some())
                })
                .collect();
            let implementing = graph.interfaces.iter();
            let objects: Vec<&str> = implementing
                .filter(|(_, interfaces)| interfaces.contains(interface))
                .map(|(name, _)| *name)
                .collect();
            for object in objects {
                graph
                    .fields
                    .entry(object)
                    .or_default()
                    .extend(added.iter().copied());
            }
        }
        graph
    }

    /// The objects of a type.
    pub(super) fn possible(&self, name: &str) -> BTreeSet<&'s str> {
        match self.kinds.get_key_value(name) {
            Some((name, TypeKind::Object)) => [*name].into(),
            Some((name, TypeKind::Union)) => self.members[name].clone(),
            Some((name, TypeKind::Interface)) => {
                let objects = self.kinds.iter().filter(|(object, kind)| {
                    **kind == TypeKind::Object && self.interfaces[*object].contains(name)
                });
                objects.map(|(object, _)| *object).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// The subgraphs with a field.
    pub(super) fn sources(
        &self,
        of: &str,
        name: &str,
    ) -> impl Iterator<Item = (usize, &'s Subgraph, &'s Field)> {
        let subgraphs = self.subgraphs.iter().enumerate();
        subgraphs.filter_map(move |(index, subgraph)| {
            subgraph
                .field(of, name)
                .map(|field| (index, subgraph, field))
        })
    }

    /// Whether another subgraph has taken over a field. A label counts if it is among those that apply.
    pub(super) fn is_overridden(
        &self,
        index: usize,
        of: &str,
        name: &str,
        labels: Labels<'_>,
    ) -> bool {
        let from = self.subgraphs[index].name.as_str();
        let own = self.subgraphs[index].field(of, name);
        // Two that override each other are an error, and neither does.
        if own.is_some_and(|own| self.overrides(own)) {
            return false;
        }
        self.sources(of, name).any(|(other, subgraph, field)| {
            let found = directive(&field.directives, "override");
            other != index
                && !subgraph.is_interface_object(of)
                && found.is_some_and(|found| {
                    text(found, "from") == Some(from)
                        && text(found, "label").is_none_or(|label| labels.has(label))
                })
        })
    }

    /// Whether a field overrides one of a known subgraph.
    pub(super) fn overrides(&self, field: &Field) -> bool {
        let found = directive(&field.directives, "override");
        let from = found.and_then(|found| text(found, "from"));
        from.is_some_and(|from| self.subgraphs.iter().any(|one| one.name == from))
    }

    /// The type of a field: of those in the subgraphs that resolve it, the one that all others fit. None if there is no
    /// such type.
    pub(super) fn output_type(&self, of: &str, name: &str) -> Option<&'s Type> {
        let resolved = self.sources(of, name);
        let mut types: Vec<&Type> = resolved
            .filter(|(_, _, field)| !has(&field.directives, "external"))
            .map(|(_, _, field)| &field.value_type)
            .collect();
        if types.is_empty() {
            types = self
                .sources(of, name)
                .map(|(_, _, field)| &field.value_type)
                .collect();
        }
        let mut candidates = types.iter();
        candidates
            .find(|candidate| types.iter().all(|one| self.is_subtype(one, candidate)))
            .copied()
    }

    pub(super) fn is_subtype(&self, one: &Type, other: &Type) -> bool {
        is_subtype_by(one, other, &|one, other| {
            let has = |known: &BTreeMap<&str, BTreeSet<&str>>, key: &str, value: &str| {
                known.get(key).is_some_and(|names| names.contains(value))
            };
            has(&self.interfaces, one, other) || has(&self.members, other, one)
        })
    }
}

/// The labels of overrides that apply.
#[derive(Clone, Copy)]
pub(super) enum Labels<'l> {
    All,
    These(&'l BTreeSet<String>),
}

impl Labels<'_> {
    fn has(self, label: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(labels) => labels.contains(label),
        }
    }
}

/// The type of an input: of these, the one that fits all others.
pub(super) fn input_type<'t>(types: &[&'t Type]) -> Option<&'t Type> {
    let fits = |one: &Type, other: &Type| is_subtype_by(one, other, &|_, _| false);
    let mut candidates = types.iter();
    candidates
        .find(|candidate| types.iter().all(|one| fits(candidate, one)))
        .copied()
}
