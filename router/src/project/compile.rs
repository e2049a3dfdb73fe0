//! Compiles the client's selection for every possible type.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use graphql_tools::parser::query::{Definition, SelectionSet};
use graphql_tools::static_graphql::query::{Document, FragmentDefinition};
use graphql_tools::static_graphql::schema::{Type, TypeDefinition};

use super::collect::{Collected, Occurrence};
use super::deferred::DeferredFragments;
use super::{
    AbstractSelection, DeferredFragment, Delivery, Denials, EnumValues, Field, IntrospectionField,
    Kind, Leaf, NullReason, ObjectSelection, Projection, Selection, Wrapping,
};
use crate::prepare::{Aliases, Variables, operation, root_type};
use crate::supergraph::{AccessDecision, Supergraph, named_type};
use crate::value::Symbols;

pub(super) type Selections = SelectionSet<'static, String>;

/// A selection set in the document, with the type it applies to.
#[derive(Clone, Copy)]
pub(super) struct TypedSelection<'d> {
    pub(super) set: &'d Selections,
    pub(super) on: &'d str,
}

impl Projection {
    /// `symbols` are those of the plan whose data will be projected.
    pub(crate) fn compile<'d>(
        document: &'d Document,
        supergraph: &'d Supergraph,
        symbols: &'d Symbols,
        denials: &'d Denials,
        variables: &'d Variables,
        aliases: &'d Aliases,
        delivery: Delivery,
    ) -> Self {
        let fragments = document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
                Definition::Operation(_) => None,
            })
            .collect();
        let deferred = match delivery {
            Delivery::Whole => DeferredFragments::default(),
            Delivery::Incremental => DeferredFragments::of(document, variables),
        };
        let mut compiler = Compiler {
            supergraph,
            symbols,
            denials,
            variables,
            aliases,
            fragments,
            deferred,
            enums: HashMap::new(),
            known: HashMap::new(),
            known_fragments: HashMap::new(),
        };
        let root = match operation(document) {
            Some(operation) => {
                let name = root_type(operation, supergraph);
                let written = TypedSelection {
                    set: operation.selection_set(),
                    on: name,
                };
                compiler.selection(name, &[written])
            }
            None => Arc::new(Selection::Object(Arc::default())),
        };
        Self {
            root,
            aliases: aliases.clone(),
            labels: compiler.deferred.labels,
            last_bytes: AtomicUsize::new(0),
        }
    }
}

pub(super) struct Compiler<'d> {
    pub(super) supergraph: &'d Supergraph,
    symbols: &'d Symbols,
    denials: &'d Denials,
    pub(super) variables: &'d Variables,
    aliases: &'d Aliases,
    pub(super) fragments: HashMap<&'d str, &'d FragmentDefinition>,
    pub(super) deferred: DeferredFragments,
    enums: HashMap<String, Arc<EnumValues>>,
    /// Memoizes selections by type and merged document fields: otherwise a document could expand into exponentially
    /// many.
    known: HashMap<(&'d str, Vec<*const Selections>), Arc<Selection>>,
    /// Likewise, deferred fragments by number, declaring type and object type.
    known_fragments: HashMap<(usize, &'d str, &'d str), Arc<ObjectSelection>>,
}

impl<'d> Compiler<'d> {
    /// Merges selection sets written on a type, or on its supertypes, into one selection.
    fn selection(&mut self, type_name: &'d str, sets: &[TypedSelection<'d>]) -> Arc<Selection> {
        let key = (
            type_name,
            sets.iter()
                .map(|written| std::ptr::from_ref(written.set))
                .collect(),
        );
        if let Some(known) = self.known.get(&key) {
            return Arc::clone(known);
        }
        let is_object = matches!(
            self.supergraph.schema.types.get(type_name),
            Some(TypeDefinition::Object(_))
        );
        let selection = if is_object {
            Selection::Object(self.fields(type_name, sets))
        } else {
            let supergraph = self.supergraph;
            let possible: Vec<&str> = supergraph.types.possible(type_name).collect();
            let is_visible = |name: &&str| supergraph.schema.types.contains_key(*name);
            let all_visible = possible.iter().all(is_visible);
            let of_interface = if all_visible {
                self.uniform(type_name, &possible, sets)
            } else {
                None
            };
            let mut only = None;
            let mut by_type = HashMap::new();
            for name in possible.iter().copied().filter(is_visible) {
                let fields = self.fields(name, sets);
                if possible.len() == 1 {
                    only = Some(Arc::clone(&fields));
                }
                by_type.insert(supergraph.types.find(name), fields);
            }
            Selection::Abstract(AbstractSelection {
                by_type,
                some_hidden: !all_visible,
                only,
                of_interface,
            })
        };
        let selection = Arc::new(selection);
        self.known.insert(key, Arc::clone(&selection));
        selection
    }

    /// The fields of an object of which only the interface is known. Possible if they are the same for all its types,
    /// the same fields are denied on all of them, and the type is not selected.
    fn uniform(
        &mut self,
        interface: &'d str,
        possible: &[&'d str],
        sets: &[TypedSelection<'d>],
    ) -> Option<Arc<ObjectSelection>> {
        // If no type implements the interface, it is all there is.
        let (&first, others) = possible.split_first().unwrap_or((&interface, &[]));
        let collected = self.collect_all(first, sets, Delivery::Whole);
        let refusals = |type_name: &str| -> Vec<Option<NullReason>> {
            let fields = collected.fields.values();
            fields
                .map(|occurrences| self.refusal(type_name, occurrences))
                .collect()
        };
        let of_interface_itself = refusals(interface);
        if possible
            .iter()
            .any(|name| refusals(name) != of_interface_itself)
        {
            return None;
        }
        let types = &self.supergraph.schema;
        let mut occurrences = collected.fields.values().flatten();
        let of_interface = occurrences.all(|occurrence| {
            types.field(interface, &occurrence.field.name).is_some()
                && occurrence.field.name != "__typename"
        });
        let same = |other: &Collected<'d>| {
            collected.fields.len() == other.fields.len()
                && collected.fields.iter().all(|(key, known)| {
                    other.fields.get(key).is_some_and(|others| {
                        let pairs = known.iter().zip(others);
                        known.len() == others.len()
                            && pairs
                                .into_iter()
                                .all(|(a, b)| std::ptr::eq(a.field, b.field))
                    })
                })
        };
        let uniform = of_interface
            && others
                .iter()
                .all(|name| same(&self.collect_all(name, sets, Delivery::Whole)));
        uniform.then(|| {
            let collected = self.collect_all(first, sets, Delivery::Incremental);
            self.compiled(interface, first, collected)
        })
    }

    /// The fields of a type.
    fn fields(&mut self, type_name: &'d str, sets: &[TypedSelection<'d>]) -> Arc<ObjectSelection> {
        let collected = self.collect_all(type_name, sets, Delivery::Incremental);
        self.compiled(type_name, type_name, collected)
    }

    /// Compiles fields of a type, as collected for `object`: itself, or any type that implements it.
    fn compiled(
        &mut self,
        type_name: &'d str,
        object: &'d str,
        collected: Collected<'d>,
    ) -> Arc<ObjectSelection> {
        let parent: Arc<str> = type_name.into();
        let fields = collected.fields.into_iter();
        let fields = fields
            .filter_map(|(key, occurrences)| self.field(&parent, key, &occurrences))
            .collect();
        let deferred = collected.deferred.into_iter();
        let deferred = deferred
            .map(|(number, written)| {
                let key = (number, type_name, object);
                let known = self.known_fragments.get(&key).cloned();
                let selection = known.unwrap_or_else(|| {
                    let collected = self.collect_all(object, &[written], Delivery::Incremental);
                    let selection = self.compiled(type_name, object, collected);
                    self.known_fragments.insert(key, Arc::clone(&selection));
                    selection
                });
                DeferredFragment { number, selection }
            })
            .collect();
        Arc::new(ObjectSelection { fields, deferred })
    }

    fn field(
        &mut self,
        parent: &Arc<str>,
        key: &'d str,
        occurrences: &[Occurrence<'d>],
    ) -> Option<Field> {
        let first = occurrences.first()?.field;
        let refusal = self.refusal(parent, occurrences);
        let mut wrapping = Wrapping {
            non_null: true,
            list: None,
        };
        let kind = if first.name == "__typename" {
            Kind::Typename((&**parent).into())
        } else {
            let supergraph = self.supergraph;
            // A denied field is nullable, or not as the client wrote it, whatever the object's type.
            let owner = match (refusal, occurrences) {
                (Some(_), [occurrence, ..]) => occurrence.parent,
                _ => &**parent,
            };
            let known = supergraph.schema.field(owner, &first.name)?;
            wrapping = Wrapping::of(&known.field_type);
            let inner = named_type(&known.field_type);
            if first.selection_set.items.is_empty() {
                Kind::Leaf(self.leaf(inner))
            } else {
                let sets: Vec<TypedSelection<'d>> = occurrences
                    .iter()
                    .filter_map(|occurrence| self.written_in(occurrence))
                    .collect();
                let selection = self.selection(inner, &sets);
                match first.name.as_str() {
                    "__schema" => Kind::Introspection(IntrospectionField::Schema, selection),
                    "__type" => Kind::Introspection(IntrospectionField::Type, selection),
                    _ => Kind::Composite(selection),
                }
            }
        };
        Some(Field {
            symbol: match self.aliases.key(first, &self.supergraph.needed) {
                Some(other) => self.symbols.find(&other),
                None => self.symbols.find(key),
            },
            key: key.into(),
            json_key: format!("\"{key}\":").into_bytes().into(),
            name: first.name.as_str().into(),
            arguments: first.arguments.as_slice().into(),
            refusal,
            parent: Arc::clone(parent),
            wrapping,
            kind,
        })
    }

    /// A field's subselection, with the type it applies to.
    fn written_in(&self, occurrence: &Occurrence<'d>) -> Option<TypedSelection<'d>> {
        let supergraph = self.supergraph;
        let known = supergraph
            .schema
            .field(occurrence.parent, &occurrence.field.name)?;
        Some(TypedSelection {
            set: &occurrence.field.selection_set,
            on: named_type(&known.field_type),
        })
    }

    /// A field is denied if any of its occurrences selects it through a type whose field is denied, or if the object's
    /// own field is denied or hidden. Nothing is fetched for such an occurrence, so no other occurrence can answer for
    /// it.
    fn refusal(&self, parent: &str, occurrences: &[Occurrence<'d>]) -> Option<NullReason> {
        let name = &occurrences.first()?.field.name;
        if name == "__typename" {
            return None;
        }
        let denied = |type_name: &str| {
            let is_denied = |id| self.denials.contains_key(&id);
            match self.supergraph.access_decision(type_name, name, is_denied) {
                AccessDecision::Denied(id) => self.denials.get(&id).copied(),
                AccessDecision::Given | AccessDecision::Hidden => None,
            }
        };
        let mut places = occurrences.iter();
        if let Some(code) = places.find_map(|occurrence| denied(occurrence.parent)) {
            return Some(NullReason::Denied(code));
        }
        let is_denied = |id| self.denials.contains_key(&id);
        match self.supergraph.access_decision(parent, name, is_denied) {
            AccessDecision::Given => None,
            AccessDecision::Hidden => Some(NullReason::Hidden),
            AccessDecision::Denied(_) => denied(parent).map(NullReason::Denied),
        }
    }

    fn leaf(&mut self, name: &str) -> Leaf {
        match name {
            "Int" => Leaf::Int,
            "Float" => Leaf::Float,
            "String" => Leaf::String,
            "Boolean" => Leaf::Boolean,
            "ID" => Leaf::Id,
            _ => match self.supergraph.schema.types.get(name) {
                Some(TypeDefinition::Enum(definition)) => {
                    let supergraph = self.supergraph;
                    let values = self.enums.entry(name.to_owned()).or_insert_with(|| {
                        Arc::new(EnumValues {
                            visible: definition
                                .values
                                .iter()
                                .map(|value| value.name.clone())
                                .collect(),
                            all: supergraph.enum_values(name),
                        })
                    });
                    Leaf::Enum(Arc::clone(values))
                }
                _ => Leaf::Custom,
            },
        }
    }
}

impl Wrapping {
    fn of(ty: &Type) -> Self {
        match ty {
            Type::NonNullType(inner) => Self {
                non_null: true,
                ..Self::of(inner)
            },
            Type::ListType(inner) => Self {
                non_null: false,
                list: Some(Box::new(Self::of(inner))),
            },
            Type::NamedType(_) => Self {
                non_null: false,
                list: None,
            },
        }
    }
}
