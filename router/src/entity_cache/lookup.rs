//! Looks up the values of one fetch, and stores those that were missing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::key::{Key, KeyedFetch};
use super::refresh::RefreshClaim;
use super::store::{Age, Entry};
use super::tags::FetchTags;
use super::versions::Epoch;
use super::{Inner, RouterCache, lifetime};
use crate::cache_control::CachePolicy;
use crate::in_flight::InFlight;
use crate::prepare::plan::{EntityAlias, Inputs, Target};
use crate::transport::SubgraphResponse;
use crate::value::{Shape, StoredValue, Symbol, Value};

/// One fetch and the cache.
pub(crate) struct Lookup<'c> {
    router: &'c RouterCache,
    fetch: KeyedFetch<'c>,
    class: Key,
    /// Whether responses like this were not public lately.
    pub(crate) is_private: bool,
    /// By variable and representation, as the fetch has them; of root fields, a single one. None if it is private.
    keys: Vec<Vec<Key>>,
    tags: FetchTags<'c>,
}

/// The values of a fetch that are stored and valid.
pub(crate) struct Found {
    /// By variable and representation, as the fetch has them; of root fields, a single one.
    values: Vec<Vec<Option<Arc<Entry>>>>,
    /// How many of the others are stored, but too old.
    pub(crate) expired: usize,
    /// How many of them were invalidated.
    pub(crate) invalidated: usize,
    now: Instant,
}

impl<'c> Lookup<'c> {
    pub(super) fn new(router: &'c RouterCache, fetch: KeyedFetch<'c>) -> Self {
        let inner = &*router.cache.0;
        let (class, hash) = fetch.class(&router.schema);
        let is_private = inner.classes.get(&class) == Some(false);
        let keys = match is_private {
            true => Vec::new(),
            false => fetch.values(hash),
        };
        let tags = FetchTags::new(&inner.versions, fetch.operation, fetch.symbols, fetch.types);
        Self {
            router,
            class,
            is_private,
            keys,
            tags,
            fetch,
        }
    }

    fn inner(&self) -> &'c Inner {
        &self.router.cache.0
    }

    /// The fetches of missing values.
    pub(crate) fn fills(&self) -> &'c InFlight<Key, bool> {
        &self.inner().fills
    }

    /// Any fill may be waited for: what it stores is checked like any other value.
    pub(crate) fn oldest_fill(&self) -> Instant {
        self.inner().created
    }

    /// The epoch of a fetch that begins now.
    pub(crate) fn epoch(&self) -> Epoch {
        self.inner().versions.current()
    }

    /// What is stored and valid.
    pub(crate) fn find(&self, now: Instant) -> Found {
        let inner = self.inner();
        let find = |keys: &Vec<Key>| keys.iter().map(|key| inner.store.get(key)).collect();
        let mut values: Vec<Vec<Option<Arc<Entry>>>> = self.keys.iter().map(find).collect();
        let (mut expired, mut invalidated) = (0, 0);
        if values.iter().flatten().any(Option::is_some) {
            inner.versions.read(|table| {
                let common = self.tags.common(table);
                for (variable, list) in values.iter_mut().enumerate() {
                    for (index, slot) in list.iter_mut().enumerate() {
                        slot.take_if(|entry| {
                            let last = match self.representation(variable, index) {
                                Some(entity) => common.max(self.tags.of_entity(entity, table)),
                                None => common,
                            };
                            let is_invalid = entry.epoch < last;
                            let is_expired = !is_invalid && entry.age(now) == Age::Expired;
                            invalidated += usize::from(is_invalid);
                            expired += usize::from(is_expired);
                            is_invalid || is_expired
                        });
                    }
                }
            });
        }
        Found {
            values,
            expired,
            invalidated,
            now,
        }
    }

    /// As if nothing was found.
    pub(crate) fn nothing(&self) -> Found {
        let nothing = |keys: &Vec<Key>| vec![None; keys.len()];
        Found {
            values: self.keys.iter().map(nothing).collect(),
            expired: 0,
            invalidated: 0,
            now: Instant::now(),
        }
    }

    /// The right to fetch what is missing beside `fresh`, unless somebody does.
    pub(crate) fn claim_refresh(&self, fresh: &Found) -> Option<RefreshClaim> {
        RefreshClaim::new(&self.router.cache, self.missing_key(fresh))
    }

    fn representation(&self, variable: usize, index: usize) -> Option<&Value> {
        self.fetch.inputs.representations.get(variable)?.get(index)
    }

    /// What identifies the fetch of what was not found.
    pub(crate) fn missing_key(&self, found: &Found) -> Key {
        let mut hash = Sha256::new();
        for (keys, values) in self.keys.iter().zip(&found.values) {
            let missing = keys.iter().zip(values).filter(|(_, value)| value.is_none());
            for (key, _) in missing {
                hash.update(key);
            }
        }
        hash.finalize().into()
    }

    /// How long a response may be stored; `None` if it may not. Remembers whether responses like this are public.
    pub(crate) fn learn(&self, response: &SubgraphResponse) -> Option<Duration> {
        if !response.errors.is_empty() {
            return None;
        }
        let inner = self.inner();
        let lifetime = lifetime(response.cache, &inner.config);
        inner.classes.insert(self.class, lifetime.is_some());
        lifetime
    }

    /// Stores what a fetch of the missing values returned, which began at this epoch. Returns whether it is stored.
    pub(crate) fn store(
        &self,
        fields: &EntityFields,
        found: &Found,
        response: &SubgraphResponse,
        epoch: Epoch,
        now: Instant,
    ) -> bool {
        let Some(lifetime) = self.learn(response) else {
            return false;
        };
        let stale_for = response.stale_for;
        let stale_for = stale_for.unwrap_or(self.inner().config.stale_while_revalidate.get());
        let for_clients = response.cache.map_or(0, |policy| policy.max_age);
        let for_clients = Duration::from_secs(for_clients.into());
        let entry = |values: Vec<StoredValue>| Entry {
            values: values.into(),
            epoch,
            expires: now + lifetime,
            client_expires: now + for_clients.min(self.inner().config.max_age.get()),
            stale_for,
        };
        let shape = &self.fetch.operation.shape;
        let is_stored = if self.fetch.operation.representations.is_empty() {
            self.store_root(shape, &response.data, entry)
        } else {
            self.store_entities(fields, found, shape, &response.data, entry)
        };
        self.router.cache.report_size();
        is_stored.is_some()
    }

    fn store_root(
        &self,
        shape: &Shape,
        data: &Value,
        entry: impl Fn(Vec<StoredValue>) -> Entry,
    ) -> Option<()> {
        if !matches!(data, Value::Object(_)) {
            return None;
        }
        let key = self.keys.first()?.first()?;
        let value = StoredValue::new(data, shape)?;
        self.inner().store.put(*key, entry(vec![value]));
        Some(())
    }

    fn store_entities(
        &self,
        fields: &EntityFields,
        found: &Found,
        shape: &Shape,
        data: &Value,
        entry: impl Fn(Vec<StoredValue>) -> Entry,
    ) -> Option<()> {
        let Value::Object(data) = data else {
            return None;
        };
        for (variable, (keys, values)) in self.keys.iter().zip(&found.values).enumerate() {
            let missing = keys.iter().zip(values).filter(|(_, value)| value.is_none());
            let count = missing.clone().count();
            let lists: Vec<(&[Value], &Shape)> = fields
                .of_variable(variable)
                .map(|key| match data.get(key) {
                    Some(Value::List(entities)) if entities.len() == count => {
                        Some((entities.as_slice(), shape.below(key)?))
                    }
                    _ => None,
                })
                .collect::<Option<_>>()?;
            for (index, (key, _)) in missing.enumerate() {
                // An absent entity is not stored: it may be about to appear, which no event of its key may say.
                let values = lists.iter().map(|(entities, shape)| {
                    let entity = entities.get(index).filter(|entity| !entity.is_null())?;
                    StoredValue::new(entity, shape)
                });
                if let Some(values) = values.collect::<Option<Vec<_>>>() {
                    self.inner().store.put(*key, entry(values));
                }
            }
        }
        Some(())
    }
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
    fn of_variable(&self, variable: usize) -> impl Iterator<Item = Symbol> {
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
            public: true,
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
