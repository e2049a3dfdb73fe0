//! What was found of a fetch.

use std::sync::Arc;
use std::time::Instant;

use super::store::{Age, Entry};
use crate::cache_control::CachePolicy;
use crate::prepare::plan::{EntityAlias, Inputs, Target};
use crate::value::{Shape, Symbol, Value};

/// The values of a fetch that are stored and valid.
#[derive(Clone)]
pub(crate) struct Found {
    /// By variable and representation, as the fetch has them; of root fields, a single one.
    pub(super) values: Vec<Vec<Option<Arc<Entry>>>>,
    /// How many of the others are stored, but too old.
    pub(crate) expired: usize,
    /// How many of them were invalidated.
    pub(crate) invalidated: usize,
    pub(super) now: Instant,
}

/// The `_entities` fields of a fetch: their keys in its data, and the variables that they get their representations
/// from. None for root fields.
#[derive(Clone, Debug)]
pub(crate) struct EntityFields(Vec<(Symbol, usize)>);

impl EntityFields {
    pub(crate) fn of(target: &Target) -> Self {
        let aliases: &[EntityAlias] = match target {
            Target::Fields { .. } => &[],
            Target::Entities(aliases) => aliases,
        };
        let fields = aliases.iter();
        let fields = fields.map(|alias| (alias.key, alias.representations));
        Self(fields.collect())
    }

    /// The keys of those that get their representations from this variable.
    pub(super) fn of_variable(&self, variable: usize) -> impl Iterator<Item = Symbol> {
        let of_variable = self.0.iter().filter(move |(_, of)| *of == variable);
        of_variable.map(|(key, _)| *key)
    }
}

impl Found {
    pub(crate) fn is_complete(&self) -> bool {
        self.values.iter().flatten().all(Option::is_some)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().flatten().all(Option::is_none)
    }

    /// The same without what may be used, but should be fetched anew; `None` if there is no such value.
    pub(crate) fn without_stale(&self) -> Option<Self> {
        let is_stale = |entry: &Arc<Entry>| entry.age(self.now) == Age::Stale;
        if !self.values.iter().flatten().flatten().any(is_stale) {
            return None;
        }
        let fresh = |list: &Vec<Option<Arc<Entry>>>| {
            let list = list.iter().cloned();
            // What was not found is fetched already.
            list.map(|entry| entry.filter(|entry| !is_stale(entry)))
                .collect()
        };
        Some(Self {
            values: self.values.iter().map(fresh).collect(),
            expired: self.expired,
            invalidated: self.invalidated,
            now: self.now,
        })
    }

    /// The policy that the remaining time of its values allows; `None` if nothing was found.
    pub(crate) fn policy(&self) -> Option<CachePolicy> {
        // As a cache counts: its age in whole seconds.
        let left = |until: Instant| {
            let left = until.saturating_duration_since(self.now).as_millis();
            u32::try_from(left.div_ceil(1_000)).unwrap_or(u32::MAX)
        };
        let policies = self.values.iter().flatten().flatten();
        let policies = policies.map(|entry| CachePolicy {
            max_age: left(entry.client_expires),
            shared_max_age: left(entry.expires),
            public: entry.caller.is_none(),
        });
        policies.reduce(CachePolicy::and)
    }

    /// The inputs without what was found.
    pub(crate) fn missing(&self, inputs: &Inputs) -> Inputs {
        let lists = inputs.representations.iter().zip(&self.values);
        let representations = lists.map(|(list, values)| {
            let missing = list.iter().zip(values).filter(|(_, value)| value.is_none());
            missing
                .map(|(representation, _)| representation.clone())
                .collect()
        });
        Inputs {
            representations: representations.collect(),
            context: inputs.context.clone(),
        }
    }

    /// For each representation of a variable that was not found, its index among all of them.
    pub(crate) fn missing_indexes(&self, variable: usize) -> Vec<usize> {
        let list = self.values.get(variable).into_iter().flatten().enumerate();
        list.filter(|(_, value)| value.is_none())
            .map(|(index, _)| index)
            .collect()
    }

    /// The stored value of root fields.
    pub(crate) fn root(&self, shape: &Shape) -> Option<Value> {
        let entry = self.values.first()?.first()?.as_ref()?;
        Some(entry.values.first()?.read(shape))
    }

    /// The entities of a variable for the `number`th `_entities` field that it is sent to; null for those that were not
    /// found.
    pub(crate) fn entities(&self, variable: usize, number: usize, shape: &Shape) -> Vec<Value> {
        let list = self.values.get(variable).into_iter().flatten();
        let entity = |entry: &Option<Arc<Entry>>| {
            let value = entry.as_ref()?.values.get(number)?;
            Some(value.read(shape))
        };
        list.map(|entry| entity(entry).unwrap_or_default())
            .collect()
    }

    /// How many values were found and not, by variable.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.values.iter().map(|list| {
            let found = list.iter().flatten().count();
            (found, list.len() - found)
        })
    }
}
