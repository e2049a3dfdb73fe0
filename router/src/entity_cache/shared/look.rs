//! Looks up the values of one fetch that this process does not have.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use platform::cache::tagged::{Snapshot, TagKey, ValueKey, listed_names};
use sha2::{Digest, Sha256};

use super::codec::{Packed, Stamp};
use super::tags::SharedTag;
use super::{Fields, SharedValues};
use crate::entity_cache::key;
use crate::entity_cache::tags::{each_common, entity_of, may_be, scalar};
use crate::entity_cache::versions::Tagged;
use crate::prepare::plan::FetchOperation;
use crate::supergraph::TypeNames;
use crate::value::{Symbols, Value};

/// How often the versions are read again because other key fields count than was known.
const ATTEMPTS: usize = 3;

/// Key fields of a type beyond which its entities are not looked up: an operator invalidates names that mean nothing.
const MAX_FIELDS: usize = 16;

/// A fetch's values to look up: their keys, and the representations of entities.
pub(in crate::entity_cache) struct Requested<'f> {
    pub(in crate::entity_cache) operation: &'f FetchOperation,
    pub(in crate::entity_cache) symbols: &'f Symbols,
    pub(in crate::entity_cache) types: &'f TypeNames,
    pub(in crate::entity_cache) values: Vec<(ValueKey, Option<&'f Value>)>,
}

/// What was found, in the order of what was requested.
#[derive(Debug)]
pub(in crate::entity_cache) struct Looked {
    pub(in crate::entity_cache) found: Vec<Option<Packed>>,
    /// With what a value may be stored whose fetch begins after this.
    pub(in crate::entity_cache) stamps: Vec<Stamp>,
    /// The server's clock, in milliseconds, and when it was read.
    server_now: u64,
    read_at: Instant,
}

impl Looked {
    /// A time on the server's clock.
    pub(in crate::entity_cache) fn server_time(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.read_at).as_millis();
        self.server_now
            .saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// How long it is until this time on the server's clock.
    pub(in crate::entity_cache) fn left(&self, until: u64) -> Duration {
        Duration::from_millis(until.saturating_sub(self.server_now))
    }
}

impl SharedValues {
    /// What is stored and valid; `None` if that cannot be known now.
    pub(in crate::entity_cache) async fn look(&self, requested: &Requested<'_>) -> Option<Looked> {
        if !self.is_usable() {
            return None;
        }
        let keys: Vec<ValueKey> = requested.values.iter().map(|(key, _)| *key).collect();
        for _ in 0..ATTEMPTS {
            let dependencies = Dependencies::of(requested, self)?;
            let tags = &dependencies.tags;
            let mut snapshot = self.0.cache.read(&keys, tags).await?;
            let read_at = Instant::now();
            self.complete(tags, &mut snapshot).await?;
            if dependencies.fields_are_current(&snapshot, self)? {
                return dependencies.check(snapshot, read_at);
            }
        }
        None
    }

    /// Gives a version to each tag that has none. Values that depend on it are not valid, and others can be stored.
    async fn complete(&self, tags: &[TagKey], snapshot: &mut Snapshot) -> Option<()> {
        if snapshot.versions.len() != tags.len() {
            return None;
        }
        let missing = tags.iter().zip(&mut snapshot.versions);
        let (missing, slots): (Vec<TagKey>, Vec<&mut Option<Bytes>>) = missing
            .filter(|(_, version)| version.is_none())
            .map(|(tag, version)| (*tag, version))
            .unzip();
        if missing.is_empty() {
            return Some(());
        }
        let created = self.0.cache.create(&missing).await?;
        for (slot, version) in slots.into_iter().zip(created) {
            *slot = version;
        }
        Some(())
    }

    fn fields(&self, type_name: &str) -> Fields {
        let known = self.0.fields.read();
        known.get(type_name).cloned().unwrap_or_default()
    }
}

/// The tags that values depend on.
struct Dependencies<'f> {
    tags: Vec<TagKey>,
    /// How many of the first tags all values depend on.
    common: usize,
    /// The positions of each value's further tags.
    own: Vec<Vec<usize>>,
    /// By type, the position of the list of its key fields, and what was known of it.
    fields: BTreeMap<&'f str, (usize, Fields)>,
}

impl<'f> Dependencies<'f> {
    /// `None` if that cannot be said of all of the values.
    fn of(requested: &Requested<'f>, shared: &SharedValues) -> Option<Self> {
        let subgraph = &*requested.operation.subgraph;
        let mut tags = vec![TagKey::ALL];
        each_common(requested.operation, |subgraph, tagged| {
            tags.push(SharedTag::Tagged(subgraph, tagged).key());
        });
        let common = tags.len();
        let mut positions: HashMap<TagKey, usize> = HashMap::new();
        let mut position = |tag: SharedTag<'_>| {
            let tag = tag.key();
            *positions.entry(tag).or_insert_with(|| {
                tags.push(tag);
                tags.len() - 1
            })
        };
        let mut fields: BTreeMap<&'f str, (usize, Fields)> = BTreeMap::new();
        let mut own = Vec::with_capacity(requested.values.len());
        for (_, representation) in &requested.values {
            let mut of_value = Vec::new();
            let Some(representation) = *representation else {
                own.push(of_value);
                continue;
            };
            let (name, object) = entity_of(representation, requested.types)?;
            for name in may_be(name, requested.types) {
                let (list, known) = fields
                    .entry(name)
                    .or_insert_with(|| (position(SharedTag::FieldsOf(name)), shared.fields(name)));
                of_value.push(*list);
                for field in known.iter() {
                    let value = object.get(requested.symbols.find(field)).and_then(scalar);
                    let Some(value) = value else {
                        of_value.push(position(SharedTag::ByField(name, field)));
                        continue;
                    };
                    let entity = Tagged::Entity(name, field, &value);
                    for subgraph in [None, Some(subgraph)] {
                        of_value.push(position(SharedTag::Tagged(subgraph, entity)));
                    }
                }
            }
            own.push(of_value);
        }
        Some(Self {
            tags,
            common,
            own,
            fields,
        })
    }

    /// Whether entities are invalidated by the key fields that were known. Others are known from now on.
    fn fields_are_current(&self, snapshot: &Snapshot, shared: &SharedValues) -> Option<bool> {
        let mut are_current = true;
        for (name, (position, known)) in &self.fields {
            let version = snapshot.versions.get(*position)?.as_ref()?;
            let listed: BTreeSet<Box<str>> = listed_names(version).map(Box::from).collect();
            if listed.len() > MAX_FIELDS {
                return None;
            }
            if listed != **known {
                are_current = false;
                let mut all = shared.0.fields.write();
                all.insert((*name).into(), Arc::new(listed));
            }
        }
        Some(are_current)
    }

    /// The values whose stamps are current and whose time is not over.
    fn check(&self, snapshot: Snapshot, read_at: Instant) -> Option<Looked> {
        let stamps: Option<Vec<Stamp>> = self.stamps(&snapshot.versions);
        let stamps = stamps?;
        let found = snapshot.values.into_iter().zip(&stamps);
        let found: Vec<Option<Packed>> = found
            .map(|(value, stamp)| {
                let packed = Packed::read(value?)?;
                let is_valid = packed.stamp == *stamp && packed.expires > snapshot.now;
                is_valid.then_some(packed)
            })
            .collect();
        (found.len() == stamps.len()).then_some(Looked {
            found,
            stamps,
            server_now: snapshot.now,
            read_at,
        })
    }

    fn stamps(&self, versions: &[Option<Bytes>]) -> Option<Vec<Stamp>> {
        let mut common = Sha256::new();
        for version in versions.get(..self.common)? {
            key::text(&mut common, version.as_ref()?);
        }
        let stamps = self.own.iter().map(|own| {
            let mut hash = common.clone();
            for position in own {
                key::text(&mut hash, versions.get(*position)?.as_ref()?);
            }
            let digest: [u8; 32] = hash.finalize().into();
            let mut stamp = Stamp::default();
            stamp.copy_from_slice(&digest[..16]);
            Some(stamp)
        });
        stamps.collect()
    }
}
