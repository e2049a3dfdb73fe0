//! Whether every field that clients may select can be resolved, whatever path of fields leads to it.
//!
//! A path leads to places: types of subgraphs where an object can be. From there the object's keys lead to its places in
//! other subgraphs. A field whose parent has no place that resolves it cannot be answered.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use super::field_sets::{self, Selection};
use super::graph::{Graph, Labels};
use super::subgraph::{Subgraph, directive, has, text};
use crate::error::CompositionCode;
use crate::type_system::ast::{self, Field, TypeKind};

/// A type of a subgraph, with the external fields that come along.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    subgraph: usize,
    of: String,
    provided: Vec<Selection>,
}

type Places = BTreeSet<Place>;

pub(super) fn check(subgraphs: &[Subgraph], report: &mut Report) {
    let graph = Graph::of(subgraphs);
    for labels in label_sets(subgraphs) {
        let mut search = Search {
            graph: &graph,
            labels: &labels,
            seen: BTreeMap::new(),
            found: BTreeMap::new(),
            closing: Vec::new(),
        };
        search.walk();
        for ((of, field), (path, names)) in search.found {
            report.add(
                CompositionCode::SatisfiabilityError,
                names.iter().map(String::as_str),
                format!(
                    "{of}.{field} cannot be resolved at {path}: {of} there comes from {}, and no @key leads to a subgraph that resolves the field with what it requires",
                    names.iter().cloned().collect::<Vec<_>>().join(", ")
                ),
            );
        }
    }
}

/// The labelled overrides that apply: none, all, each alone, and all but each.
fn label_sets(subgraphs: &[Subgraph]) -> BTreeSet<BTreeSet<String>> {
    let types = subgraphs.iter().flat_map(|one| one.schema.types.values());
    let fields = types.flat_map(|definition| &definition.fields);
    let all: BTreeSet<String> = fields
        .filter_map(|field| text(directive(&field.directives, "override")?, "label"))
        .map(str::to_owned)
        .collect();
    let mut sets = BTreeSet::from([BTreeSet::new(), all.clone()]);
    for label in &all {
        sets.insert([label.clone()].into());
        sets.insert(all.iter().filter(|one| *one != label).cloned().collect());
    }
    sets
}

struct Search<'s> {
    graph: &'s Graph<'s>,
    labels: &'s BTreeSet<String>,
    /// The places of each object that have been looked at.
    seen: BTreeMap<String, Vec<Places>>,
    /// Fields that cannot be resolved, with a path to them and the subgraphs where it ends.
    found: BTreeMap<(String, String), (String, BTreeSet<String>)>,
    /// What is being closed, against circular keys and requirements.
    closing: Vec<(String, Places)>,
}

impl<'s> Search<'s> {
    fn subgraph(&self, index: usize) -> &'s Subgraph {
        &self.graph.subgraphs[index]
    }

    fn walk(&mut self) {
        let mut left: Vec<(&'s str, Places, String)> = Vec::new();
        for (_, root) in crate::type_system::ROOTS {
            let places: Places = self.roots(root).collect();
            if let Some((root, _)) = self.graph.kinds.get_key_value(root) {
                left.push((root, places, (*root).to_owned()));
            }
        }
        while let Some((object, places, path)) = left.pop() {
            let seen = self.seen.entry(object.to_owned()).or_default();
            if seen.iter().any(|seen| seen.is_subset(&places)) {
                continue;
            }
            seen.push(places.clone());
            let closed = self.close(object, &places);
            if !self.has_typename(&closed) {
                self.note(object, "__typename", &path, &places);
                continue;
            }
            for name in &self.graph.fields[object] {
                let next = self.step(object, &closed, name);
                let Some(target) = self.target(object, name) else {
                    continue;
                };
                if next.is_none() {
                    self.note(object, name, &path, &places);
                }
                let next = next.unwrap_or_default();
                for possible in self.graph.possible(target) {
                    let at = self.narrow(&next, possible);
                    if !at.is_empty() {
                        left.push((possible, at, format!("{path}.{name}")));
                    }
                }
            }
        }
    }

    fn note(&mut self, object: &str, field: &str, path: &str, places: &Places) {
        let names = places
            .iter()
            .map(|place| self.subgraph(place.subgraph).name.clone());
        let names = names.collect();
        self.found
            .entry((object.to_owned(), field.to_owned()))
            .or_insert_with(|| (path.to_owned(), names));
    }

    /// A root type is resolved by each subgraph that has it.
    fn roots(&self, name: &str) -> impl Iterator<Item = Place> {
        let subgraphs = self.graph.subgraphs.iter().enumerate();
        let of = name.to_owned();
        let with = subgraphs.filter(move |(_, one)| one.type_named(&of).is_some());
        let of = name.to_owned();
        with.map(move |(subgraph, _)| Place {
            subgraph,
            of: of.clone(),
            provided: Vec::new(),
        })
    }

    /// The named type of a field, if it has fields.
    fn target(&self, object: &str, name: &str) -> Option<&'s str> {
        let mut types = self.graph.output_type(object, name);
        for interface in &self.graph.interfaces[object] {
            types = types.or_else(|| self.graph.output_type(interface, name));
        }
        Some(ast::named(types?))
    }

    /// Whether the object's type can be told: an interface that is an object in a subgraph cannot.
    fn has_typename(&self, places: &Places) -> bool {
        let mut places = places.iter();
        places.any(|place| !self.subgraph(place.subgraph).is_interface_object(&place.of))
    }

    /// The places where an object of this type can be, of those for a more general type.
    fn narrow(&self, places: &Places, object: &str) -> Places {
        let narrowed = places.iter().filter_map(|place| {
            let subgraph = self.subgraph(place.subgraph);
            if subgraph.is_interface_object(&place.of) {
                let implements = self.graph.interfaces[object].contains(place.of.as_str());
                return implements.then(|| place.clone());
            }
            let mut provided = Vec::new();
            self.narrow_provided(&place.provided, object, &mut provided);
            subgraph
                .possible(&place.of)
                .contains(object)
                .then(|| Place {
                    subgraph: place.subgraph,
                    of: object.to_owned(),
                    provided,
                })
        });
        narrowed.collect()
    }

    fn narrow_provided(&self, from: &[Selection], object: &str, into: &mut Vec<Selection>) {
        for selection in from {
            match selection {
                Selection::Field { .. } => into.push(selection.clone()),
                Selection::Fragment { on, fields, .. } => {
                    let applies = on
                        .as_ref()
                        .is_none_or(|on| self.graph.possible(on).contains(object));
                    if applies {
                        self.narrow_provided(fields, object, into);
                    }
                }
            }
        }
    }

    /// The places with those that keys lead to.
    fn close(&mut self, object: &str, places: &Places) -> Places {
        let state = (object.to_owned(), places.clone());
        if self.closing.contains(&state) {
            return places.clone();
        }
        self.closing.push(state);
        let mut closed = places.clone();
        if object == "Query" {
            closed.extend(self.roots("Query"));
        }
        let mut is_growing = true;
        while is_growing {
            is_growing = false;
            for target in self.entries(object) {
                if !closed.contains(&target) && self.can_enter(object, &closed, &target) {
                    closed.insert(target);
                    is_growing = true;
                }
            }
        }
        self.closing.pop();
        closed
    }

    /// The places of an object that keys may lead to.
    fn entries(&self, object: &str) -> Vec<Place> {
        let mut entries = Vec::new();
        for (index, subgraph) in self.graph.subgraphs.iter().enumerate() {
            let interfaces = self.graph.interfaces.get(object).into_iter().flatten();
            let interfaces = interfaces.filter(|name| subgraph.is_interface_object(name));
            let known = subgraph.type_named(object).map(|_| object);
            for of in known.into_iter().chain(interfaces.copied()) {
                entries.push(Place {
                    subgraph: index,
                    of: of.to_owned(),
                    provided: Vec::new(),
                });
            }
        }
        entries
    }

    /// Whether a key of the place is known at the others.
    fn can_enter(&mut self, object: &str, from: &Places, target: &Place) -> bool {
        let subgraph = self.subgraph(target.subgraph);
        let interfaces = self.graph.interfaces.get(object).into_iter().flatten();
        // Those of interfaces, too, if the object's type is not known before.
        let known = match self.has_typename(from) {
            true => vec![target.of.as_str()],
            false if subgraph.is_interface_object(&target.of) => vec![target.of.as_str()],
            false => interfaces.copied().collect(),
        };
        let keys = known
            .into_iter()
            .filter_map(|of| subgraph.keys.get(of))
            .flatten();
        for key in keys.filter(|key| key.is_resolvable) {
            if self.resolves(object, from, &key.fields) {
                return true;
            }
        }
        false
    }

    /// Whether places resolve all these fields of an object, with the keys of nested objects.
    fn resolves(&mut self, object: &str, places: &Places, selections: &[Selection]) -> bool {
        selections.iter().all(|selection| match selection {
            Selection::Fragment { on, fields, .. } => {
                let applies = on
                    .as_ref()
                    .is_none_or(|on| self.graph.possible(on).contains(object));
                !applies || self.resolves(object, places, fields)
            }
            Selection::Field { name, .. } if name == "__typename" => self.has_typename(places),
            Selection::Field { name, fields, .. } => {
                let (Some(next), Some(target)) =
                    (self.step(object, places, name), self.target(object, name))
                else {
                    return false;
                };
                fields.is_empty()
                    || self.graph.possible(target).into_iter().all(|possible| {
                        let at = self.narrow(&next, possible);
                        let closed = self.close(possible, &at);
                        at.is_empty() || self.resolves(possible, &closed, fields)
                    })
            }
        })
    }

    /// The places that a field leads to, from all places of its parent. None if nothing resolves it.
    fn step(&mut self, object: &str, places: &Places, name: &str) -> Option<Places> {
        let mut next = Places::new();
        let mut is_resolved = false;
        for place in places {
            let subgraph = self.subgraph(place.subgraph);
            let Some(field) = subgraph.field(&place.of, name) else {
                continue;
            };
            let come_along = place.provided.iter().find_map(|selection| match selection {
                Selection::Field {
                    name: known,
                    fields,
                    ..
                } if known == name => Some(fields.clone()),
                _ => None,
            });
            let is_external = has(&field.directives, "external");
            let labels = Labels::These(self.labels);
            let is_here = !is_external
                && !self
                    .graph
                    .is_overridden(place.subgraph, &place.of, name, labels)
                && !self.is_waiting(subgraph, field)
                && self.requirements_are_met(object, places, place, field);
            if !is_here && come_along.is_none() {
                continue;
            }
            is_resolved = true;
            let mut provided = come_along.unwrap_or_default();
            let found = directive(&field.directives, "provides");
            provided.extend(
                found
                    .and_then(|one| field_sets::of(one, "fields", subgraph.links.is_old))
                    .unwrap_or_default(),
            );
            let of = ast::named(&field.value_type);
            if subgraph.schema.kind(of).is_some_and(TypeKind::is_composite) {
                next.insert(Place {
                    subgraph: place.subgraph,
                    of: of.to_owned(),
                    provided,
                });
            }
        }
        is_resolved.then_some(next)
    }

    /// Whether a field overrides another under a label that does not apply.
    fn is_waiting(&self, subgraph: &Subgraph, field: &Field) -> bool {
        let Some(found) = directive(&field.directives, "override") else {
            return false;
        };
        let from = text(found, "from");
        let is_known = self
            .graph
            .subgraphs
            .iter()
            .any(|one| one.name != subgraph.name && Some(one.name.as_str()) == from);
        is_known && text(found, "label").is_some_and(|label| !self.labels.contains(label))
    }

    fn requirements_are_met(
        &mut self,
        object: &str,
        places: &Places,
        place: &Place,
        field: &Field,
    ) -> bool {
        let subgraph = self.subgraph(place.subgraph);
        let Some(found) = directive(&field.directives, "requires") else {
            return true;
        };
        let Some(required) = field_sets::of(found, "fields", subgraph.links.is_old) else {
            return true;
        };
        let here = Places::from([place.clone()]);
        if !place.provided.is_empty() && self.resolves(object, &here, &required) {
            return true;
        }
        let state = (format!("{object}.{}", field.name), here.clone());
        if self.closing.contains(&state) {
            return false;
        }
        self.closing.push(state);
        let entry = Place {
            provided: Vec::new(),
            ..place.clone()
        };
        let is_met =
            self.can_enter(object, places, &entry) && self.resolves(object, places, &required);
        self.closing.pop();
        is_met
    }
}
