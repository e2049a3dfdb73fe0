//! The expected shape of a fetch's response, known from its selection.

use hive_router_planner::ast::document::Document;
use hive_router_planner::ast::fragment::FragmentDefinition;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::{FieldSelection, SelectionSet};

use super::{Symbol, Symbols};
use crate::supergraph::{TypeId, TypeSet};

/// The response keys of a selection, over all its fragments, in the order a subgraph writes them.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    fields: Vec<(Box<str>, Slot)>,
    /// Which objects must have each key.
    required: Vec<Objects>,
}

/// Where a response key's value goes.
#[derive(Debug)]
pub(crate) enum Slot {
    /// `__typename`, under any alias.
    Typename,
    Leaf(Symbol),
    Composite(Symbol, Shape),
}

impl Slot {
    fn symbol(&self) -> Option<Symbol> {
        match self {
            Self::Typename => None,
            Self::Leaf(symbol) | Self::Composite(symbol, _) => Some(*symbol),
        }
    }
}

/// Objects for which something is certainly selected.
#[derive(Clone, Debug)]
pub(super) enum Objects {
    All,
    Of(TypeSet),
}

impl Objects {
    fn none() -> Self {
        Self::Of(TypeSet::default())
    }

    /// Whether an object of this type is included; unknown for one whose type was not selected.
    pub(super) fn include(&self, typename: TypeId) -> bool {
        match self {
            Self::All => true,
            Self::Of(types) => types.contains(typename),
        }
    }

    fn or(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Of(one), Self::Of(other)) => Self::Of(one.union(other)),
            _ => Self::All,
        }
    }

    fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, objects) | (objects, Self::All) => objects.clone(),
            (Self::Of(one), Self::Of(other)) => Self::Of(one.intersection(other)),
        }
    }
}

impl Shape {
    /// The shape of a whole operation. `possible` returns the object types that the subgraph matches a fragment on.
    pub(crate) fn of_document(
        document: &Document,
        possible: &dyn Fn(&str) -> TypeSet,
        symbols: &mut Symbols,
    ) -> Self {
        let mut builder = Builder {
            document,
            possible,
            symbols,
        };
        let operation = Selection {
            set: &document.operation.selection_set,
            is_certain: true,
        };
        builder.shape(&[operation])
    }

    /// The shape of a query without fragments.
    #[cfg(test)]
    pub(super) fn of_query(query: &str, symbols: &mut Symbols) -> Self {
        let parsed = graphql_tools::parser::parse_query::<String>(query)
            .expect("a document")
            .into_static();
        let mut definitions = parsed.definitions.into_iter();
        let operation = definitions.find_map(|definition| match definition {
            graphql_tools::parser::query::Definition::Operation(operation) => {
                Some(operation.into())
            }
            graphql_tools::parser::query::Definition::Fragment(_) => None,
        });
        let document = Document {
            operation: operation.expect("an operation"),
            fragments: Vec::new(),
        };
        Self::of_document(&document, &|_| TypeSet::default(), symbols)
    }

    /// The keys with their slots, and which objects have them.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &Slot, &Objects)> {
        let fields = self.fields.iter().zip(&self.required);
        fields.map(|((name, slot), required)| (&**name, slot, required))
    }

    /// A key's slot. `expected` is where the previous key left off: subgraphs respond in selection order, so the first
    /// comparison nearly always hits.
    pub(crate) fn slot(&self, key: &[u8], expected: &mut usize) -> Option<&Slot> {
        if let Some((name, slot)) = self.fields.get(*expected)
            && name.as_bytes() == key
        {
            *expected += 1;
            return Some(slot);
        }
        let position = self
            .fields
            .iter()
            .position(|(name, _)| name.as_bytes() == key)?;
        *expected = position + 1;
        self.fields.get(position).map(|(_, slot)| slot)
    }

    /// The position and slot of a symbol. `expected` is where the previous one left off, as in [`Self::slot`].
    pub(super) fn position(&self, symbol: Symbol, expected: &mut usize) -> Option<(usize, &Slot)> {
        let is_it = |(_, slot): &(Box<str>, Slot)| slot.symbol() == Some(symbol);
        let position = match self.fields.get(*expected) {
            Some(field) if is_it(field) => *expected,
            _ => self.fields.iter().position(is_it)?,
        };
        *expected = position + 1;
        self.fields.get(position).map(|(_, slot)| (position, slot))
    }

    /// The slot at a position.
    pub(super) fn at(&self, position: usize) -> Option<&Slot> {
        self.fields.get(position).map(|(_, slot)| slot)
    }

    /// A key under which `__typename` is selected.
    pub(super) fn typename_key(&self) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(name, slot)| matches!(slot, Slot::Typename).then_some(&**name))
    }

    /// The shape of the objects below a key.
    pub(crate) fn below(&self, symbol: Symbol) -> Option<&Self> {
        self.fields.iter().find_map(|(_, slot)| match slot {
            Slot::Composite(known, inner) if *known == symbol => Some(inner),
            _ => None,
        })
    }

    /// The top-level keys in the data.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = Symbol> {
        self.fields.iter().filter_map(|(_, slot)| slot.symbol())
    }

    /// Whether it tells the type of its objects.
    pub(crate) fn has_typename(&self) -> bool {
        let mut slots = self.fields.iter();
        slots.any(|(_, slot)| matches!(slot, Slot::Typename))
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The top-level keys: the fetch's root fields.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| &**name)
    }
}

/// One of the selections that fragments contribute below the same key.
struct Selection<'d> {
    set: &'d SelectionSet,
    /// Whether it applies to every object below that key.
    is_certain: bool,
}

/// A response key of some selections.
struct Key<'d> {
    field: &'d FieldSelection,
    /// For each selection, the objects on which it selects the key.
    asked: Vec<Objects>,
    below: Vec<Selection<'d>>,
}

struct Builder<'d, 's> {
    document: &'d Document,
    possible: &'s dyn Fn(&str) -> TypeSet,
    symbols: &'s mut Symbols,
}

impl<'d> Builder<'d, '_> {
    fn shape(&mut self, selections: &[Selection<'d>]) -> Shape {
        let mut keys = Vec::new();
        for number in 0..selections.len() {
            self.collect(
                selections,
                number,
                selections[number].set,
                &Objects::All,
                &mut keys,
            );
        }
        let mut shape = Shape::default();
        for mut key in keys {
            shape.required.push(required(selections, &key.asked));
            let name = key.field.selection_identifier();
            let slot = if key.field.name == "__typename" {
                Slot::Typename
            } else if key.field.selections.items.is_empty() {
                Slot::Leaf(self.symbols.intern(name))
            } else {
                // A key from a single selection is present whenever that selection applies.
                if let [only] = key.below.as_mut_slice() {
                    only.is_certain = true;
                }
                Slot::Composite(self.symbols.intern(name), self.shape(&key.below))
            };
            shape.fields.push((name.into(), slot));
        }
        shape
    }

    /// Adds the keys of part of a selection, which applies to these objects.
    fn collect(
        &self,
        selections: &[Selection<'d>],
        number: usize,
        part: &'d SelectionSet,
        objects: &Objects,
        keys: &mut Vec<Key<'d>>,
    ) {
        for item in &part.items {
            match item {
                SelectionItem::Field(field) => {
                    let name = field.selection_identifier();
                    let position = keys
                        .iter()
                        .position(|known| known.field.selection_identifier() == name);
                    let position = position.unwrap_or_else(|| {
                        keys.push(Key {
                            field,
                            asked: vec![Objects::none(); selections.len()],
                            below: Vec::new(),
                        });
                        keys.len() - 1
                    });
                    let key = &mut keys[position];
                    key.asked[number] = key.asked[number].or(objects);
                    key.below.push(Selection {
                        set: self.below(field),
                        is_certain: selections[number].is_certain
                            && matches!(objects, Objects::All),
                    });
                }
                SelectionItem::InlineFragment(fragment) => {
                    let objects = objects.and(&self.about(&fragment.type_condition));
                    self.collect(selections, number, &fragment.selections, &objects, keys);
                }
                SelectionItem::FragmentSpread(name) => {
                    if let Some(fragment) = self.fragment(name) {
                        let objects = objects.and(&self.about(&fragment.type_condition));
                        self.collect(selections, number, &fragment.selection_set, &objects, keys);
                    }
                }
            }
        }
    }

    fn about(&self, condition: &str) -> Objects {
        Objects::Of((self.possible)(condition))
    }

    fn fragment(&self, name: &str) -> Option<&'d FragmentDefinition> {
        let mut fragments = self.document.fragments.iter();
        fragments.find(|known| known.name == name)
    }

    /// The selection below a field. For entities, a single fragment covers all of them.
    fn below(&self, field: &'d FieldSelection) -> &'d SelectionSet {
        let below = &field.selections;
        if field.name != "_entities" {
            return below;
        }
        match below.items.as_slice() {
            [SelectionItem::InlineFragment(fragment)] => &fragment.selections,
            [SelectionItem::FragmentSpread(name)] => self
                .fragment(name)
                .map_or(below, |fragment| &fragment.selection_set),
            _ => below,
        }
    }
}

/// Which objects must have a key: those of a selection that always applies, else those common to all selections.
fn required(selections: &[Selection], asked: &[Objects]) -> Objects {
    let with = || selections.iter().zip(asked);
    let certain = with().filter(|(selection, _)| selection.is_certain);
    let certain = certain.map(|(_, objects)| objects.clone());
    certain
        .reduce(|one, other| one.or(&other))
        .unwrap_or_else(|| asked.iter().fold(Objects::All, |all, some| all.and(some)))
}
