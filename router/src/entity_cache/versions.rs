//! When what was invalidated last. A cached value records the epoch at which its fetch began; it is valid unless any of
//! its tags was invalidated in a later one. So a response that was on its way during an invalidation is never used.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use parking_lot::RwLock;

use super::invalidation::Invalidation;

/// Tags remembered; beyond it, values older than the older half of them are invalid.
const MAX_TAGS: usize = 65_536;

/// A number of invalidations.
pub(super) type Epoch = u64;

/// What a value may be invalidated by, hashed. A collision only invalidates too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tag(u64);

/// What tags name. Without a subgraph, in all of them.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) enum Tagged<'a> {
    Subgraph,
    RootField(&'a str),
    /// All objects of a type.
    Type(&'a str),
    /// Any object of a type, for data that has such objects somewhere inside.
    AnyOf(&'a str),
    /// The entities of a type that have this value in a field of their key.
    Entity(&'a str, &'a str, &'a str),
    /// What is stored for a caller alone.
    Caller(&'a str),
}

#[derive(Debug)]
pub(super) struct Versions {
    hasher: RandomState,
    current: AtomicU64,
    table: RwLock<Table>,
    max_tags: usize,
}

/// Key fields with the last epoch at which an entity was invalidated by each.
type KeyFields = Vec<(Box<str>, Epoch)>;

#[derive(Debug, Default)]
pub(super) struct Table {
    tags: HashMap<Tag, Epoch, RandomState>,
    /// By type, the key fields that its entities were invalidated by, with the last epoch. For entities that were
    /// requested by another key.
    fields: HashMap<Box<str>, KeyFields, RandomState>,
    /// Anything older is invalid.
    floor: Epoch,
}

impl Versions {
    pub(super) fn new() -> Self {
        Self::with_capacity(MAX_TAGS)
    }

    fn with_capacity(max_tags: usize) -> Self {
        Self {
            hasher: RandomState::default(),
            current: AtomicU64::new(0),
            table: RwLock::default(),
            max_tags,
        }
    }

    /// The epoch of a fetch that begins now.
    pub(super) fn current(&self) -> Epoch {
        self.current.load(Ordering::Acquire)
    }

    pub(super) fn tag(&self, subgraph: Option<&str>, tagged: Tagged<'_>) -> Tag {
        Tag(self.hasher.hash_one((subgraph, tagged)))
    }

    /// Looks at the epochs; invalidations wait for the end.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.table.read())
    }

    pub(super) fn invalidate(&self, invalid: &Invalidation) {
        let (mut tags, mut fields) = (Vec::new(), Vec::new());
        invalid.each(
            |subgraph, tagged| tags.push(self.tag(subgraph, tagged)),
            |name, field| fields.push((name, field)),
        );
        let mut table = self.table.write();
        let epoch = self.current.load(Ordering::Relaxed) + 1;
        for tag in tags {
            table.tags.insert(tag, epoch);
        }
        for (name, field) in fields {
            table.record_field(name, field, epoch);
        }
        table.shrink_to(self.max_tags);
        // Last: a fetch that sees this epoch began after all of it.
        self.current.store(epoch, Ordering::Release);
    }

    /// Makes everything invalid whose fetch has begun.
    pub(super) fn invalidate_all(&self) {
        let mut table = self.table.write();
        let epoch = self.current.load(Ordering::Relaxed) + 1;
        table.tags.clear();
        table.fields.clear();
        table.floor = epoch;
        self.current.store(epoch, Ordering::Release);
    }
}

impl Table {
    /// The epoch of the last invalidation of any of these tags.
    pub(super) fn last(&self, tags: impl IntoIterator<Item = Tag>) -> Epoch {
        let epochs = tags.into_iter().filter_map(|tag| self.tags.get(&tag));
        epochs.copied().max().unwrap_or_default().max(self.floor)
    }

    /// The key fields by which entities of a type were invalidated, with the last epoch.
    pub(super) fn fields(&self, type_name: &str) -> &[(Box<str>, Epoch)] {
        let fields = self.fields.get(type_name);
        fields.map(Vec::as_slice).unwrap_or_default()
    }

    fn record_field(&mut self, type_name: &str, field: &str, epoch: Epoch) {
        if !self.fields.contains_key(type_name) {
            self.fields.insert(type_name.into(), Vec::new());
        }
        let Some(known) = self.fields.get_mut(type_name) else {
            return;
        };
        match known.iter_mut().find(|(name, _)| **name == *field) {
            Some((_, last)) => *last = epoch,
            None => known.push((field.into(), epoch)),
        }
    }

    fn shrink_to(&mut self, max_tags: usize) {
        let fields: usize = self.fields.values().map(Vec::len).sum();
        if fields > max_tags {
            // Nobody has so many key fields: an operator invalidates names that mean nothing.
            let epochs = self.fields.values().flatten().map(|(_, epoch)| *epoch);
            self.floor = self.floor.max(epochs.max().unwrap_or_default());
            self.fields.clear();
        }
        if self.tags.len() <= max_tags {
            return;
        }
        let mut epochs: Vec<Epoch> = self.tags.values().copied().collect();
        let middle = epochs.len() / 2;
        let (_, median, _) = epochs.select_nth_unstable(middle);
        self.floor = self.floor.max(*median);
        let floor = self.floor;
        self.tags.retain(|_, epoch| *epoch > floor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity_cache::invalidation::InvalidEntity;

    fn product(id: &str) -> Invalidation {
        Invalidation {
            entities: vec![InvalidEntity::new("Product", "id", id)],
            ..Invalidation::default()
        }
    }

    #[test]
    fn a_fetch_that_began_before_an_invalidation_is_older_than_it() {
        let versions = Versions::new();
        let one = versions.tag(None, Tagged::Entity("Product", "id", "1"));
        let other = versions.tag(None, Tagged::Entity("Product", "id", "2"));
        let any = versions.tag(None, Tagged::AnyOf("Product"));
        let before = versions.current();
        versions.invalidate(&product("1"));
        let last = |tag| versions.read(|table| table.last([tag]));
        assert!(before < last(one) && before < last(any));
        assert!(before >= last(other));
        assert!(versions.current() >= last(one));
        versions.invalidate_all();
        assert!(before < last(other));
    }

    #[test]
    fn only_the_named_subgraphs_are_concerned() {
        let versions = Versions::new();
        let tag = |subgraph| versions.tag(Some(subgraph), Tagged::Type("Product"));
        let before = versions.current();
        versions.invalidate(&Invalidation {
            types: vec!["Product".to_owned()],
            subgraphs: vec!["pricing".to_owned()],
            ..Invalidation::default()
        });
        let is_valid = |tag| versions.read(|table| table.last([tag])) <= before;
        assert!(!is_valid(tag("pricing")));
        assert!(is_valid(tag("search")));
        let whole = versions.tag(Some("pricing"), Tagged::Subgraph);
        assert!(is_valid(whole), "only its products");
    }

    #[test]
    fn when_too_many_tags_are_remembered_older_values_are_invalid() {
        let versions = Versions::with_capacity(100);
        let mut begun = Vec::new();
        for number in 0..10_000 {
            begun.push((number.to_string(), versions.current()));
            versions.invalidate(&product(&number.to_string()));
            let remembered = versions.read(|table| table.tags.len());
            assert!(remembered <= 100, "{remembered} tags");
        }
        for (id, epoch) in begun {
            let tag = versions.tag(None, Tagged::Entity("Product", "id", &id));
            let last = versions.read(|table| table.last([tag]));
            assert!(epoch < last, "{id} was invalidated after {epoch}");
        }
    }
}
