//! A loader of one request: it collects keys until its batch leaves, and knows what came of them. async-graphql has
//! one, which hands each resolver a map of its own and hashes a key six times: a twentieth of what a page costs.

use std::collections::HashMap;
use std::future::pending;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::dataloader::Loader;
use foldhash::fast::RandomState;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use uuid::Uuid;

use super::Batches;

/// Keys of one statement; more are several. SQLite binds 32,766 values in a statement.
const MAX_KEYS: usize = 30_000;

/// Batches the keys of a request, and loads each of them once.
pub struct Batched<L, K = Uuid>
where
    L: Loader<K, Error: Sync>,
    K: Send + Sync + Hash + Eq + Clone + 'static,
{
    inner: Arc<Inner<L, K>>,
    batches: Batches,
}

struct Inner<L, K>
where
    L: Loader<K, Error: Sync>,
    K: Send + Sync + Hash + Eq + Clone + 'static,
{
    loader: L,
    asked: Mutex<Asked<K, Answer<L, K>>>,
}

/// What came of a batch.
type Answer<L, K> = Result<Arc<HashMap<K, <L as Loader<K>>::Value>>, <L as Loader<K>>::Error>;

/// The same while it is awaited.
type Coming<A> = Shared<oneshot::Receiver<A>>;

struct Asked<K, A> {
    /// What each key went with.
    batch_of: HashMap<K, Coming<A>, RandomState>,
    /// The keys of the batch that has not left yet.
    next: Option<(Vec<K>, Coming<A>)>,
}

impl<L, K> Batched<L, K>
where
    L: Loader<K, Error: Sync>,
    K: Send + Sync + Hash + Eq + Clone + 'static,
{
    pub(super) fn new(loader: L, batches: Batches) -> Self {
        Self {
            inner: Arc::new(Inner {
                loader,
                asked: Mutex::new(Asked {
                    batch_of: HashMap::default(),
                    next: None,
                }),
            }),
            batches,
        }
    }

    /// The value of this key, if there is one.
    pub async fn load_one(&self, key: K) -> Result<Option<L::Value>, L::Error> {
        let found = arrived(self.ask(&key)).await?;
        Ok(found.get(&key).cloned())
    }

    /// The values of those of the keys that have one.
    pub async fn load_many(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<HashMap<K, L::Value>, L::Error> {
        let asked: Vec<_> = keys.into_iter().map(|key| (self.ask(&key), key)).collect();
        let mut values = HashMap::with_capacity(asked.len());
        for (coming, key) in asked {
            if let Some(value) = arrived(coming).await?.get(&key) {
                values.insert(key, value.clone());
            }
        }
        Ok(values)
    }

    /// Forgets what was loaded.
    pub fn clear(&self) {
        self.inner.asked().batch_of.clear();
    }

    fn ask(&self, key: &K) -> Coming<Answer<L, K>> {
        let mut asked = self.inner.asked();
        if let Some(coming) = asked.batch_of.get(key)
            && is_or_may_be_there(coming, key)
        {
            return coming.clone();
        }
        let coming = match &mut asked.next {
            Some((keys, coming)) => {
                keys.push(key.clone());
                coming.clone()
            }
            None => {
                let (sender, receiver) = oneshot::channel();
                let coming = receiver.shared();
                asked.next = Some((vec![key.clone()], coming.clone()));
                self.batches.push(self.inner.clone().leave(sender).boxed());
                coming
            }
        };
        asked.batch_of.insert(key.clone(), coming.clone());
        coming
    }
}

impl<L, K> Inner<L, K>
where
    L: Loader<K, Error: Sync>,
    K: Send + Sync + Hash + Eq + Clone + 'static,
{
    fn asked(&self) -> MutexGuard<'_, Asked<K, Answer<L, K>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn leave(self: Arc<Self>, sender: oneshot::Sender<Answer<L, K>>) {
        let next = self.asked().next.take();
        let keys = next.map(|(keys, _)| keys).unwrap_or_default();
        let answer = self.load(&keys).await.map(Arc::new);
        // Whoever asked may have been dropped since.
        drop(sender.send(answer));
    }

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, L::Value>, L::Error> {
        if keys.len() <= MAX_KEYS {
            return self.loader.load(keys).await;
        }
        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(MAX_KEYS) {
            found.extend(self.loader.load(keys).await?);
        }
        Ok(found)
    }
}

/// A key that nothing came of is asked for again: its row may have been written in between.
fn is_or_may_be_there<K: Hash + Eq, V, E>(
    coming: &Coming<Result<Arc<HashMap<K, V>>, E>>,
    key: &K,
) -> bool
where
    Result<Arc<HashMap<K, V>>, E>: Clone,
{
    match coming.peek() {
        None => true,
        Some(Ok(Ok(found))) => found.contains_key(key),
        Some(_) => false,
    }
}

async fn arrived<A: Clone>(coming: Coming<A>) -> A {
    match coming.await {
        Ok(answer) => answer,
        // Batches are dropped with the request that asks, and only so.
        Err(oneshot::Canceled) => pending().await,
    }
}
