//! The values that routers share, on a server that is slow, away, restarted, or forgets things.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use platform::cache::tagged::{
    SharedValue, Snapshot, TagKey, TaggedCache, ValueKey, listed_name, listed_names,
};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// How the server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Up,
    /// Changes happen, but nobody hears that they did.
    Unacknowledged,
    Away,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    values: BTreeMap<ValueKey, Bytes>,
    versions: BTreeMap<TagKey, Vec<u8>>,
}

#[derive(Debug, Default)]
struct State {
    contents: Contents,
    saved: Contents,
    mode: Mode,
    /// For versions that never were before.
    next: u64,
}

impl State {
    fn unique(&mut self) -> String {
        self.next += 1;
        self.next.to_string()
    }

    fn renew(&mut self, tag: TagKey) {
        let version = self.unique().into_bytes();
        self.contents.versions.insert(tag, version);
    }

    fn versions(&self, tags: &[TagKey]) -> Vec<Option<Bytes>> {
        let versions = tags.iter().map(|tag| self.contents.versions.get(tag));
        versions
            .map(|version| version.map(|version| Bytes::copy_from_slice(version)))
            .collect()
    }
}

#[derive(Debug)]
pub(super) struct Server {
    state: Mutex<State>,
    /// How many writes of values may arrive.
    pub(super) puts: Semaphore,
}

impl Server {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            puts: Semaphore::new(0),
        })
    }

    pub(super) fn set(&self, mode: Mode) {
        self.state.lock().mode = mode;
    }

    /// Takes a snapshot, with which the server may be restarted.
    pub(super) fn save(&self) {
        let mut state = self.state.lock();
        state.saved = state.contents.clone();
    }

    /// With what was saved, or nothing. Routers recognize that it is another process, and begin anew.
    pub(super) fn restart(&self, with_saved: bool) {
        let mut state = self.state.lock();
        state.contents = match with_saved {
            true => state.saved.clone(),
            false => Contents::default(),
        };
        state.renew(TagKey::ALL);
    }

    /// Forgets one value or version, as a full server does.
    pub(super) fn evict(&self, which: usize) {
        let mut state = self.state.lock();
        let Contents { values, versions } = &mut state.contents;
        let count = values.len() + versions.len();
        let Some(which) = which.checked_rem(count) else {
            return;
        };
        if let Some(key) = values.keys().nth(which).copied() {
            values.remove(&key);
        } else if let Some(tag) = versions.keys().nth(which - values.len()).copied() {
            versions.remove(&tag);
        }
    }

    pub(super) fn values(&self) -> usize {
        self.state.lock().contents.values.len()
    }
}

/// Requests and answers take some time on their way.
#[async_trait]
impl TaggedCache for Server {
    async fn read(&self, keys: &[ValueKey], tags: &[TagKey]) -> Option<Snapshot> {
        yield_now().await;
        let read = {
            let state = self.state.lock();
            let values = keys.iter().map(|key| state.contents.values.get(key));
            (state.mode != Mode::Away).then(|| Snapshot {
                values: values.map(|value| value.cloned()).collect(),
                versions: state.versions(tags),
                now: 1_000_000,
            })
        };
        yield_now().await;
        read
    }

    async fn create(&self, tags: &[TagKey]) -> Option<Vec<Option<Bytes>>> {
        yield_now().await;
        let created = {
            let mut state = self.state.lock();
            if state.mode == Mode::Away {
                return None;
            }
            for tag in tags {
                if !state.contents.versions.contains_key(tag) {
                    state.renew(*tag);
                }
            }
            state.versions(tags)
        };
        yield_now().await;
        Some(created)
    }

    async fn put(&self, values: Vec<SharedValue>) {
        let Ok(allowed) = self.puts.acquire().await else {
            return;
        };
        allowed.forget();
        let mut state = self.state.lock();
        if state.mode != Mode::Away {
            let values = values.into_iter();
            let values = values.map(|value| (value.key, value.value));
            state.contents.values.extend(values);
        }
    }

    async fn change(&self, tags: &[TagKey], names: &[(TagKey, String)]) -> bool {
        yield_now().await;
        let mode = {
            let mut state = self.state.lock();
            if state.mode != Mode::Away {
                for tag in tags {
                    state.renew(*tag);
                }
                for (tag, name) in names {
                    let unique = state.unique();
                    let version = state.contents.versions.entry(*tag).or_default();
                    if !listed_names(version).any(|listed| listed == name) {
                        version.extend(listed_name(&unique, name).into_bytes());
                    }
                }
            }
            state.mode
        };
        yield_now().await;
        mode == Mode::Up
    }
}
