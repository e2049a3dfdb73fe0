//! The composite types of a supergraph, numbered, so that type conditions are bit tests.

use std::collections::{BTreeSet, HashMap};

use async_graphql::Name;
use graphql_tools::static_graphql::schema::{Document, TypeDefinition};

use super::definitions;

/// A composite type of the supergraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(u32);

impl TypeId {
    /// An object whose `__typename` was not selected, or a type that the supergraph does not have.
    pub const NONE: Self = Self(u32::MAX);
}

/// A set of types; for an abstract type it contains the type and all its possible types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeSet(Vec<u64>);

impl TypeSet {
    fn insert(&mut self, id: TypeId) {
        let word = id.0 as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (id.0 % 64);
    }

    pub fn contains(&self, id: TypeId) -> bool {
        self.0
            .get(id.0 as usize / 64)
            .is_some_and(|word| word & (1 << (id.0 % 64)) != 0)
    }

    pub fn union(&self, other: &Self) -> Self {
        let mut words = self.0.clone();
        words.resize(words.len().max(other.0.len()), 0);
        for (word, other) in words.iter_mut().zip(&other.0) {
            *word |= other;
        }
        Self(words)
    }

    pub fn intersection(&self, other: &Self) -> Self {
        let words = self.0.iter().zip(&other.0);
        Self(words.map(|(word, other)| word & other).collect())
    }
}

/// Names of composite types, both ways.
#[derive(Debug)]
pub struct TypeNames {
    names: Vec<Name>,
    lookup: HashMap<Box<[u8]>, TypeId>,
    /// The possible types of an abstract type; an object's is itself.
    possible: HashMap<String, BTreeSet<String>>,
    objects: TypeSet,
    typename: Name,
}

impl TypeNames {
    pub fn of_document(document: &Document) -> Self {
        let mut types = Self {
            names: Vec::new(),
            lookup: HashMap::new(),
            possible: possible_types(document),
            objects: TypeSet::default(),
            typename: Name::new("__typename"),
        };
        for definition in definitions(document) {
            let object = matches!(definition, TypeDefinition::Object(_));
            let composite = object
                || matches!(
                    definition,
                    TypeDefinition::Interface(_) | TypeDefinition::Union(_)
                );
            if composite {
                let id = TypeId(types.names.len() as u32);
                types.names.push(Name::new(definition.name()));
                types.lookup.insert(definition.name().as_bytes().into(), id);
                if object {
                    types.objects.insert(id);
                }
            }
        }
        types
    }

    pub fn find(&self, name: &str) -> TypeId {
        self.find_bytes(name.as_bytes())
    }

    pub fn find_bytes(&self, name: &[u8]) -> TypeId {
        self.lookup.get(name).copied().unwrap_or(TypeId::NONE)
    }

    pub fn name(&self, id: TypeId) -> Option<&str> {
        self.names.get(id.0 as usize).map(|name| name.as_str())
    }

    pub fn shared_name(&self, id: TypeId) -> Option<&Name> {
        self.names.get(id.0 as usize)
    }

    /// `__typename` as an object key within this process.
    pub fn typename_key(&self) -> Name {
        self.typename.clone()
    }

    pub fn is_object(&self, id: TypeId) -> bool {
        self.objects.contains(id)
    }

    /// A type's possible types, by name and in alphabetical order.
    pub fn possible(&self, name: &str) -> impl Iterator<Item = &str> {
        self.possible
            .get(name)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// The named types and all their possible types.
    pub fn set<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> TypeSet {
        let mut set = TypeSet::default();
        for name in names {
            set = set.union(&self.exactly(self.possible(name).chain([name])));
        }
        set
    }

    /// The named types and no others.
    pub fn exactly<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> TypeSet {
        let mut set = TypeSet::default();
        for name in names {
            let id = self.find(name);
            if id != TypeId::NONE {
                set.insert(id);
            }
        }
        set
    }
}

fn possible_types(document: &Document) -> HashMap<String, BTreeSet<String>> {
    let mut possible: HashMap<String, BTreeSet<String>> = HashMap::new();
    for definition in definitions(document) {
        match definition {
            TypeDefinition::Object(object) => {
                for name in object.implements_interfaces.iter().chain([&object.name]) {
                    possible
                        .entry(name.clone())
                        .or_default()
                        .insert(object.name.clone());
                }
            }
            TypeDefinition::Union(union) => {
                let members = possible.entry(union.name.clone()).or_default();
                members.extend(union.types.iter().cloned());
            }
            _ => {}
        }
    }
    possible
}
