//! Batching without a timer. async-graphql's DataLoader waits a fixed time for keys; here a batch is sent once every
//! resolver that can run has run. At that moment its keys are complete: the batch is not split, and nothing waits for a
//! tick.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::budget::Budget;
use crate::error::{ApiError, ApiResult};

/// A loader for one request: batches keys and caches values. Each value returned to a resolver counts as a row of the
/// request's budget, even a cached one, since it is resolved again.
pub struct Batched<L> {
    loader: DataLoader<L, HashMapCache<RandomState>>,
    budget: Arc<Budget>,
}

impl<L> Batched<L> {
    /// # Errors
    /// Those of the loader, and OPERATION_TOO_COMPLEX if the request's row budget is used up.
    pub async fn load_one<K>(&self, key: K) -> ApiResult<Option<L::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        L: Loader<K>,
        ApiError: From<L::Error>,
    {
        self.budget.spend(1).await?;
        Ok(self.loader.load_one(key).await?)
    }

    /// Loads a list, each entry of which counts as a row.
    ///
    /// # Errors
    /// Like [`Self::load_one`].
    pub async fn load_list<K, T>(&self, key: K) -> ApiResult<Vec<T>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        L: Loader<K, Value = Vec<T>>,
        T: Clone + Send + Sync + 'static,
        ApiError: From<L::Error>,
    {
        self.budget.spend(1).await?;
        let list = self.loader.load_one(key).await?.unwrap_or_default();
        self.budget.spend(list.len()).await?;
        Ok(list)
    }

    /// # Errors
    /// Like [`Self::load_one`].
    pub async fn load_many<K>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> ApiResult<HashMap<K, L::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        L: Loader<K>,
        ApiError: From<L::Error>,
    {
        let values = self.loader.load_many(keys).await?;
        self.budget.spend(values.len()).await?;
        Ok(values)
    }

    /// Loads what a resolver is about to ask for. It counts once a resolver gets it, and an error is left to that resolver,
    /// which loads again.
    pub async fn load_ahead<K>(&self, key: K)
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        L: Loader<K>,
    {
        drop(self.loader.load_one(key).await);
    }

    /// Clears the cache.
    pub fn clear<K>(&self)
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        L: Loader<K>,
    {
        self.loader.clear::<K>();
    }
}

/// Maximum number of keys per batch; more are sent in several. SQLite binds 32,766 values per statement.
const MAX_BATCH: usize = 30_000;

/// A request's pending batches, and its remaining budget.
#[derive(Clone)]
pub struct Batches {
    waiting: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
    budget: Arc<Budget>,
}

impl Batches {
    /// For a request that may resolve this many rows.
    pub fn new(rows: usize) -> Self {
        Self {
            waiting: Arc::default(),
            budget: Arc::new(Budget::new(rows)),
        }
    }

    /// Counts rows that were not loaded by a loader.
    ///
    /// # Errors
    /// OPERATION_TOO_COMPLEX if the request's row budget is used up.
    pub async fn spend(&self, rows: usize) -> ApiResult<()> {
        self.budget.spend(rows).await
    }

    /// A loader whose batches are sent together with this request's.
    pub fn loader<K, L>(&self, loader: L) -> Batched<L>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        L: Loader<K>,
    {
        let waiting = self.waiting.clone();
        let loader = DataLoader::with_cache(
            loader,
            move |batch| {
                waiting.lock().push(batch);
            },
            HashMapCache::default(),
        )
        .delay(Duration::ZERO)
        .max_batch_size(MAX_BATCH);
        Batched {
            loader,
            budget: self.budget.clone(),
        }
    }

    /// Runs the request, and its batches whenever it cannot continue without them.
    pub async fn drive<F: Future>(&self, request: F) -> F::Output {
        let mut request = pin!(request);
        let mut drive = Drive::default();
        poll_fn(|context| drive.poll(self, context, |context| request.as_mut().poll(context))).await
    }
}

/// How often a request is polled before it yields to the runtime.
const POLLS_OF_A_TURN: usize = 64;

/// A running request, with the batches that were sent.
#[derive(Default)]
struct Drive {
    running: FuturesUnordered<BoxFuture<'static, ()>>,
    signal: Arc<Signal>,
}

/// Whether the request can continue, and the waker to use if it cannot.
struct Signal {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Default for Signal {
    fn default() -> Self {
        Self {
            woken: AtomicBool::new(true),
            task: AtomicWaker::new(),
        }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Drive {
    fn poll<T>(
        &mut self,
        batches: &Batches,
        context: &mut Context<'_>,
        mut request: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        batches.budget.begin_slice();
        let signal = &self.signal;
        let waker = Waker::from(signal.clone());
        signal.task.take();
        for _ in 0..POLLS_OF_A_TURN {
            // Each row that a batch reads polls this too, and there may be thousands of resolvers.
            if signal.woken.swap(false, Ordering::AcqRel)
                && let Poll::Ready(output) = request(&mut Context::from_waker(&waker))
            {
                // A poll requests a stream's next item.
                signal.woken.store(true, Ordering::Release);
                return Poll::Ready(output);
            }
            if batches.budget.is_slice_over() {
                // Yield to other requests. The remaining resolvers have already woken this one.
                break;
            }
            // A large request wakes itself to continue in its next poll, with resolvers that have not run yet
            // (`FuturesUnordered` yields after a few): a batch sent now would be split.
            if signal.woken.load(Ordering::Acquire) {
                continue;
            }
            self.running.extend(batches.waiting.lock().drain(..));
            // A completed batch passes its values to resolvers, which may then continue.
            if matches!(self.running.poll_next_unpin(context), Poll::Ready(Some(()))) {
                continue;
            }
            signal.task.register(context.waker());
            if !signal.woken.load(Ordering::Acquire) {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Defines a loader over a finder: `async fn(&impl ConnectionTrait, &[Key]) -> Result<HashMap<Key, Value>, DbErr>`.
#[macro_export]
macro_rules! finder_loader {
    ($(#[$doc:meta])* $name:ident: $key:ty => $value:ty, $finder:path) => {
        $(#[$doc])*
        pub struct $name(pub platform::database::Database);

        impl async_graphql::dataloader::Loader<$key> for $name {
            type Value = $value;
            type Error = std::sync::Arc<sea_orm::DbErr>;

            async fn load(
                &self,
                keys: &[$key],
            ) -> Result<std::collections::HashMap<$key, $value>, Self::Error> {
                $finder(self.0.read(), keys).await.map_err(std::sync::Arc::new)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::budget::ROWS_PER_SLICE;

    /// Returns each key as its value, and records the size of every batch.
    struct Echo(Arc<Mutex<Vec<usize>>>);

    impl Loader<u32> for Echo {
        type Value = u32;
        type Error = ApiError;

        async fn load(&self, keys: &[u32]) -> ApiResult<HashMap<u32, u32>> {
            self.0.lock().push(keys.len());
            tokio::task::yield_now().await;
            Ok(keys.iter().map(|&key| (key, key)).collect())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn resolvers_of_one_level_share_one_batch() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let batches = Batches::new(100_000);
        let loader = batches.loader(Echo(sizes.clone()));
        // Two levels: a hundred resolvers, each of which loads again with the value it got.
        let resolvers = (0..100).map(|key| {
            let loader = &loader;
            async move {
                let first = loader.load_one(key).await.unwrap().unwrap();
                loader.load_one(first + 1_000).await.unwrap().unwrap()
            }
        });
        let answers = batches.drive(futures::future::join_all(resolvers)).await;
        assert_eq!(answers, (1_000..1_100).collect::<Vec<_>>());
        assert_eq!(*sizes.lock(), [100, 100]);
    }

    /// The engine runs the fields of each object of a list in a separate set, and such a set yields although its
    /// objects could continue.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_list_of_objects_that_yield_still_shares_one_batch() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let batches = Batches::new(100_000);
        let loader = batches.loader(Echo(sizes.clone()));
        let objects = (0..1_000).map(|key| {
            let loader = &loader;
            async move {
                let fields: FuturesUnordered<_> = [key, key + 1_000]
                    .map(|key| loader.load_one(key))
                    .into_iter()
                    .collect();
                let first = fields
                    .map(|value| value.unwrap().unwrap())
                    .fold(0, async |a, b| a + b);
                loader
                    .load_one(10_000 + first.await)
                    .await
                    .unwrap()
                    .unwrap()
            }
        });
        let answers = batches.drive(futures::future::join_all(objects)).await;
        assert_eq!(answers[999], 10_000 + 999 + 1_999);
        assert_eq!(*sizes.lock(), [2_000, 1_000]);
    }

    #[tokio::test]
    async fn a_request_loads_a_key_once() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let batches = Batches::new(100_000);
        let loader = batches.loader(Echo(sizes.clone()));
        batches
            .drive(async {
                loader.load_one(1).await.unwrap();
                loader.load_one(1).await.unwrap();
            })
            .await;
        assert_eq!(*sizes.lock(), [1]);
    }

    #[tokio::test]
    async fn a_request_has_so_many_rows_only() {
        let batches = Batches::new(5);
        let loader = batches.loader(Echo(Arc::default()));
        let lists = batches.loader(Lists);
        let answers = batches.drive(async {
            let list = lists.load_list(3).await;
            let once = loader.load_one(1).await;
            (list, once, loader.load_one(1).await)
        });
        let (list, once, again) = answers.await;
        assert_eq!(list.unwrap(), [0, 1, 2]);
        assert_eq!(once.unwrap(), Some(1));
        let refused = again.expect_err("the sixth row");
        assert_eq!(refused.code, crate::error::ErrorCode::OperationTooComplex);
    }

    /// Returns a list of that many numbers for each key.
    struct Lists;

    impl Loader<u32> for Lists {
        type Value = Vec<u32>;
        type Error = ApiError;

        async fn load(&self, keys: &[u32]) -> ApiResult<HashMap<u32, Vec<u32>>> {
            Ok(keys.iter().map(|&key| (key, (0..key).collect())).collect())
        }
    }

    /// Cached values need no await, so only the budget lets others run meanwhile.
    #[tokio::test]
    async fn a_large_request_lets_others_run() {
        let batches = Batches::new(100_000);
        let loader = batches.loader(Echo(Arc::default()));
        let polls = AtomicUsize::new(0);
        let request = batches.drive(futures::future::join_all((0..10_000).map(|n| {
            let loader = &loader;
            async move { loader.load_one(n % 10).await.unwrap() }
        })));
        let mut request = pin!(request);
        let answers = poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            request.as_mut().poll(context)
        });
        assert_eq!(answers.await.len(), 10_000);
        assert!(polls.into_inner() >= 10_000 / ROWS_PER_SLICE);
    }
}
