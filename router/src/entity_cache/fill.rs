//! Stores what the fetch of missing values returned: in this process and, if it is public, for other routers.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use platform::cache::tagged::SharedValue;

use super::found::{EntityFields, Found};
use super::lookup::Lookup;
use super::shared::{Looked, Packed, Requested, Stamp};
use super::store::Entry;
use super::versions::Epoch;
use super::{EntityCacheConfig, Scope, SharedValues};
use crate::cache_control::CachePolicy;
use crate::transport::SubgraphResponse;
use crate::value::{Shape, StoredValue, Value, decode_response, write_response};

/// For whom, and for how long, a response may be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    scope: Scope,
    lifetime: Duration,
    client_lifetime: Duration,
}

/// What other routers have of a fetch, and with what the rest may be stored for them.
pub(crate) struct SharedPart {
    /// Positions of the values that were looked up, by variable and index, in this order.
    positions: Vec<(usize, usize)>,
    looked: Looked,
}

impl SharedPart {
    fn stamp(&self, variable: usize, index: usize) -> Option<Stamp> {
        let number = self.positions.binary_search(&(variable, index)).ok()?;
        self.looked.stamps.get(number).copied()
    }
}

/// A fetch's answer, and what was known when it began.
#[derive(Clone, Copy)]
pub(crate) struct Fetched<'r> {
    pub(crate) fields: &'r EntityFields,
    /// What was found before; the response has the rest.
    pub(crate) found: &'r Found,
    pub(crate) response: &'r SubgraphResponse,
    pub(crate) epoch: Epoch,
    pub(crate) shared: Option<&'r SharedPart>,
}

impl Lookup<'_> {
    /// How a response may be stored; `None` if it may not. Remembers that for responses like this.
    pub(crate) fn learn(&self, response: &SubgraphResponse) -> Option<Allowed> {
        if !response.errors.is_empty() {
            return None;
        }
        let inner = self.inner();
        let allowed = response
            .cache
            .and_then(|policy| allowed(policy, &inner.config, self.may_be_private()));
        let scope = allowed.map(|allowed| allowed.scope);
        inner.classes.insert(self.class, scope);
        allowed
    }

    /// What was found, with what other routers have stored of the rest, and what is needed to store the others; `None` if
    /// that cannot be known. `epoch` was current before.
    pub(crate) async fn find_shared(
        &self,
        fields: &EntityFields,
        found: &Found,
        epoch: Epoch,
    ) -> Option<(Found, SharedPart)> {
        let shared = self.inner().shared.as_ref()?;
        if self.is_private || self.scope == Scope::Private {
            return None;
        }
        let (mut positions, mut values) = (Vec::new(), Vec::new());
        for (variable, (keys, slots)) in self.keys.iter().zip(&found.values).enumerate() {
            for (index, (key, slot)) in keys.iter().zip(slots).enumerate() {
                if slot.is_none() {
                    positions.push((variable, index));
                    values.push((*key, self.representation(variable, index)));
                }
            }
        }
        let requested = Requested {
            operation: self.fetch.operation,
            symbols: self.fetch.symbols,
            types: self.fetch.types,
            values,
        };
        let mut looked = shared.look(&requested).await?;
        let mut found = Found {
            now: Instant::now(),
            ..found.clone()
        };
        let packed = std::mem::take(&mut looked.found);
        let mut added = Vec::new();
        for ((variable, index), packed) in positions.iter().zip(packed) {
            let entry =
                packed.and_then(|packed| self.unpack(fields, *variable, &packed, &looked, epoch));
            let slot = found.values.get_mut(*variable);
            let slot = slot.and_then(|list| list.get_mut(*index));
            if let (Some(entry), Some(slot)) = (entry, slot) {
                let entry = Arc::new(entry);
                *slot = Some(Arc::clone(&entry));
                added.push(((*variable, *index), entry));
            }
        }
        // What was invalidated meanwhile is removed again.
        self.remove_invalid(&mut found);
        for ((variable, index), entry) in added {
            if let Some(key) = self.keys.get(variable).and_then(|keys| keys.get(index)) {
                self.inner().store.put(*key, entry);
            }
        }
        Some((found, SharedPart { positions, looked }))
    }

    fn unpack(
        &self,
        fields: &EntityFields,
        variable: usize,
        packed: &Packed,
        looked: &Looked,
        epoch: Epoch,
    ) -> Option<Entry> {
        let shapes = self.shapes(fields, variable)?;
        if shapes.len() != packed.bodies.len() {
            return None;
        }
        let values = shapes.into_iter().zip(&packed.bodies).map(|(shape, body)| {
            let response = decode_response(body, shape, self.fetch.types).ok()?;
            StoredValue::new(&response.data, shape)
        });
        let max_age = self.inner().config.max_age.get();
        let until = |time: u64| Instant::now() + looked.left(time).min(max_age);
        Some(Entry {
            values: values.collect::<Option<_>>()?,
            epoch,
            expires: until(packed.expires),
            client_expires: until(packed.client_expires),
            stale_for: packed.stale_for,
            caller: None,
        })
    }

    /// The shapes of a value: of each `_entities` field that its representation is sent to, or of all root fields.
    fn shapes(&self, fields: &EntityFields, variable: usize) -> Option<Vec<&Shape>> {
        let shape = &self.fetch.operation.shape;
        if self.fetch.operation.representations.is_empty() {
            return Some(vec![shape]);
        }
        let keys = fields.of_variable(variable);
        keys.map(|key| shape.below(key)).collect()
    }

    /// Stores what a fetch of the missing values returned. Returns whether lookups like this find it now.
    pub(crate) fn store(&self, fetched: &Fetched<'_>, now: Instant) -> bool {
        let Some(allowed) = self.learn(fetched.response) else {
            return false;
        };
        let is_same = allowed.scope == self.scope;
        let (keys, tags) = if is_same {
            (Cow::Borrowed(&self.keys), None)
        } else {
            let (keys, tags) = self.in_scope(allowed.scope);
            (Cow::Owned(keys), Some(tags))
        };
        let tags = tags.as_ref().unwrap_or(&self.tags);
        // Otherwise what belongs to an erased customer could be stored after that.
        let last = self.inner().versions.read(|table| tags.common(table));
        if allowed.scope == Scope::Private && fetched.epoch < last {
            return false;
        }
        let Some(values) = self.values(fetched) else {
            return false;
        };
        let config = &self.inner().config;
        let stale_for = fetched.response.stale_for;
        let stale_for = stale_for.unwrap_or(config.stale_while_revalidate.get());
        let caller = match allowed.scope {
            Scope::Public => None,
            Scope::Private => self.fetch.context.caller.subject.as_deref(),
        };
        let sharing = match (allowed.scope, fetched.shared, &self.inner().shared) {
            (Scope::Public, Some(part), Some(shared)) => {
                let lifetime = allowed.lifetime.min(shared.config().max_age.get());
                let client_lifetime = allowed.client_lifetime.min(lifetime);
                Some(Sharing {
                    shared,
                    part,
                    lifetime,
                    expires: part.looked.server_time(now + lifetime),
                    client_expires: part.looked.server_time(now + client_lifetime),
                    stale_for,
                })
            }
            _ => None,
        };
        let mut to_share = Vec::new();
        for (position @ (variable, index), parts) in values {
            let Some(key) = keys.get(variable).and_then(|keys| keys.get(index)) else {
                continue;
            };
            if let Some(sharing) = &sharing {
                let packed = self.pack(sharing, position, &parts);
                to_share.extend(packed.map(|value| SharedValue {
                    key: *key,
                    value,
                    lifetime: sharing.lifetime,
                }));
            }
            let stored = parts
                .iter()
                .map(|(data, shape)| StoredValue::new(data, shape));
            if let Some(values) = stored.collect::<Option<Box<[StoredValue]>>>() {
                let entry = Entry {
                    values,
                    epoch: fetched.epoch,
                    expires: now + allowed.lifetime,
                    client_expires: now + allowed.client_lifetime,
                    stale_for,
                    caller: caller.map(Box::from),
                };
                self.inner().store.put(*key, entry);
            }
        }
        if let Some(sharing) = sharing
            && !to_share.is_empty()
        {
            sharing.shared.put(to_share);
        }
        self.router.cache.report_size();
        is_same
    }

    fn pack(
        &self,
        sharing: &Sharing<'_>,
        (variable, index): (usize, usize),
        parts: &[(&Value, &Shape)],
    ) -> Option<Bytes> {
        let stamp = sharing.part.stamp(variable, index)?;
        let (symbols, types) = (self.fetch.symbols, self.fetch.types);
        let bodies = parts.iter().map(|(data, shape)| {
            let mut body = Vec::new();
            write_response(data, shape, symbols, types, &mut body);
            Bytes::from(body)
        });
        let packed = Packed {
            stamp,
            expires: sharing.expires,
            client_expires: sharing.client_expires,
            stale_for: sharing.stale_for,
            bodies: bodies.collect(),
        };
        packed.to_bytes(sharing.shared.config().max_value_bytes)
    }

    /// The parts of the response that are stored, with their shapes: by variable and index. `None` if it lacks some.
    fn values<'r>(&'r self, fetched: &Fetched<'r>) -> Option<Vec<Part<'r>>> {
        let data = &fetched.response.data;
        let Value::Object(object) = data else {
            return None;
        };
        let shape = &self.fetch.operation.shape;
        if self.fetch.operation.representations.is_empty() {
            return Some(vec![((0, 0), vec![(data, shape)])]);
        }
        let mut parts = Vec::new();
        for variable in 0..fetched.found.values.len() {
            let missing = fetched.found.missing_indexes(variable);
            let lists: Vec<(&[Value], &Shape)> = fetched
                .fields
                .of_variable(variable)
                .map(|key| match object.get(key) {
                    Some(Value::List(entities)) if entities.len() == missing.len() => {
                        Some((entities.as_slice(), shape.below(key)?))
                    }
                    _ => None,
                })
                .collect::<Option<_>>()?;
            for (number, index) in missing.into_iter().enumerate() {
                // An absent entity is not stored: it may be about to appear, which no event of its key may say.
                let values = lists.iter().map(|(entities, shape)| {
                    let entity = entities.get(number).filter(|entity| !entity.is_null())?;
                    Some((entity, *shape))
                });
                let values: Option<Vec<_>> = values.collect();
                parts.extend(values.map(|values| ((variable, index), values)));
            }
        }
        Some(parts)
    }
}

/// How values are stored for other routers.
struct Sharing<'s> {
    shared: &'s SharedValues,
    part: &'s SharedPart,
    lifetime: Duration,
    /// On the server's clock.
    expires: u64,
    client_expires: u64,
    stale_for: Duration,
}

/// A value's position by variable and index, and its data for each field that its representation is sent to.
type Part<'r> = ((usize, usize), Vec<(&'r Value, &'r Shape)>);

/// How a response with this policy may be stored; `None` if it may not.
fn allowed(
    policy: CachePolicy,
    config: &EntityCacheConfig,
    may_be_private: bool,
) -> Option<Allowed> {
    let (scope, seconds) = match policy.public {
        true => (Scope::Public, policy.shared_max_age),
        false if may_be_private => (Scope::Private, policy.max_age),
        false => return None,
    };
    let at_most = |seconds: u32| Duration::from_secs(seconds.into()).min(config.max_age.get());
    let lifetime = at_most(seconds);
    (!lifetime.is_zero()).then_some(Allowed {
        scope,
        lifetime,
        client_lifetime: at_most(policy.max_age),
    })
}
