//! Looks up the values of one fetch.

use std::time::Instant;

use sha2::{Digest, Sha256};

use super::found::Found;
use super::key::{Key, KeyedFetch};
use super::refresh::RefreshClaim;
use super::store::Age;
use super::tags::FetchTags;
use super::versions::Epoch;
use super::{Inner, RouterCache, Scope};
use crate::in_flight::InFlight;
use crate::value::Value;

/// One fetch and the cache.
pub(crate) struct Lookup<'c> {
    pub(super) router: &'c RouterCache,
    pub(super) fetch: KeyedFetch<'c>,
    pub(super) class: Key,
    /// Whether responses like this could not be stored lately.
    pub(crate) is_private: bool,
    /// Whose values are looked up: everybody's, unless the last response like this was stored for its caller alone.
    pub(super) scope: Scope,
    /// Who the values are for, if the caller is known and may have some alone.
    caller: Option<Key>,
    /// By variable and representation, as the fetch has them; of root fields, a single one. None if it is private.
    pub(super) keys: Vec<Vec<Key>>,
    pub(super) tags: FetchTags<'c>,
}

impl<'c> Lookup<'c> {
    pub(super) fn new(router: &'c RouterCache, fetch: KeyedFetch<'c>) -> Self {
        let inner = &*router.cache.0;
        let (mut class, hash) = fetch.class(&router.schema);
        let caller = match inner.config.allows_private(fetch.operation) {
            true => fetch.caller(),
            false => None,
        };
        if caller.is_some() {
            // Of others, responses like this are not stored.
            class = Sha256::new()
                .chain_update(class)
                .chain_update(b"caller")
                .finalize()
                .into();
        }
        let last = inner.classes.get(&class);
        let (scope, is_private) = match last {
            None | Some(Some(Scope::Public)) => (Scope::Public, false),
            Some(Some(Scope::Private)) => (Scope::Private, caller.is_none()),
            Some(None) => (Scope::Public, true),
        };
        let keys = match (is_private, scope) {
            (true, _) => Vec::new(),
            (false, Scope::Public) => fetch.values(hash, None),
            (false, Scope::Private) => fetch.values(hash, caller.as_ref()),
        };
        let tags = Self::tags_of(inner, &fetch, scope);
        Self {
            router,
            class,
            is_private,
            scope,
            caller,
            keys,
            tags,
            fetch,
        }
    }

    fn tags_of(inner: &'c Inner, fetch: &KeyedFetch<'c>, scope: Scope) -> FetchTags<'c> {
        let caller = match scope {
            Scope::Public => None,
            Scope::Private => fetch.context.caller.subject.as_deref(),
        };
        let (symbols, types) = (fetch.symbols, fetch.types);
        FetchTags::new(&inner.versions, fetch.operation, symbols, types, caller)
    }

    /// The same lookup of the values of another scope.
    pub(super) fn in_scope(&self, scope: Scope) -> (Vec<Vec<Key>>, FetchTags<'c>) {
        let (_, hash) = self.fetch.class(&self.router.schema);
        let caller = match scope {
            Scope::Public => None,
            Scope::Private => self.caller.as_ref(),
        };
        let keys = self.fetch.values(hash, caller);
        (keys, Self::tags_of(self.inner(), &self.fetch, scope))
    }

    /// Whether the caller may have values that are stored for them alone.
    pub(super) fn may_be_private(&self) -> bool {
        self.caller.is_some()
    }

    pub(super) fn inner(&self) -> &'c Inner {
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
        let mut found = Found {
            values: self.keys.iter().map(find).collect(),
            expired: 0,
            invalidated: 0,
            now,
        };
        self.remove_invalid(&mut found);
        found
    }

    /// Removes what was invalidated and what is too old.
    pub(super) fn remove_invalid(&self, found: &mut Found) {
        if found.is_empty() {
            return;
        }
        let now = found.now;
        let (expired, invalidated) = (&mut found.expired, &mut found.invalidated);
        self.inner().versions.read(|table| {
            let common = self.tags.common(table);
            for (variable, list) in found.values.iter_mut().enumerate() {
                for (index, slot) in list.iter_mut().enumerate() {
                    slot.take_if(|entry| {
                        let last = match self.representation(variable, index) {
                            Some(entity) => common.max(self.tags.of_entity(entity, table)),
                            None => common,
                        };
                        let is_invalid = entry.epoch < last;
                        let is_expired = !is_invalid && entry.age(now) == Age::Expired;
                        *invalidated += usize::from(is_invalid);
                        *expired += usize::from(is_expired);
                        is_invalid || is_expired
                    });
                }
            }
        });
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

    pub(super) fn representation(&self, variable: usize, index: usize) -> Option<&'c Value> {
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
}
