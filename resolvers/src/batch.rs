//! Batching without a timer. async-graphql's DataLoader waits a fixed time for keys; here a batch
//! leaves the moment every resolver that could run has run, which is exactly when its keys are
//! complete: no sooner, so the batch is never split, and no later, so nothing waits for a tick.

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

/// A loader of one request: batches keys and remembers what it loaded.
pub type Batched<L> = DataLoader<L, HashMapCache<RandomState>>;

/// Keys of one batch; more leave in several. SQLite binds 32,766 values in a statement.
const MAX_BATCH: usize = 30_000;

/// The batches of one request that wait to leave.
#[derive(Clone, Default)]
pub struct Batches {
    waiting: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
}

impl Batches {
    /// A loader whose batches leave with this request's.
    pub fn loader<K, L>(&self, loader: L) -> Batched<L>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        L: Loader<K>,
    {
        let waiting = self.waiting.clone();
        DataLoader::with_cache(
            loader,
            move |batch| {
                waiting.lock().push(batch);
            },
            HashMapCache::default(),
        )
        .delay(Duration::ZERO)
        .max_batch_size(MAX_BATCH)
    }

    /// Runs the request, and its batches whenever it can get no further without them.
    pub async fn drive<F: Future>(&self, request: F) -> F::Output {
        let mut request = pin!(request);
        let mut drive = Drive::default();
        poll_fn(|context| drive.poll(self, context, |context| request.as_mut().poll(context))).await
    }
}

/// Polls of a request before the runtime gets a turn.
const POLLS_OF_A_TURN: usize = 64;

/// A request under way, and its batches that have left.
#[derive(Default)]
struct Drive {
    running: FuturesUnordered<BoxFuture<'static, ()>>,
    signal: Arc<Signal>,
}

/// Whether the request has something to do, and whom to tell when everybody sleeps.
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
        let signal = &self.signal;
        let waker = Waker::from(signal.clone());
        signal.task.take();
        for _ in 0..POLLS_OF_A_TURN {
            // Each row that a batch reads polls this too, and there may be thousands of resolvers.
            if signal.woken.swap(false, Ordering::AcqRel)
                && let Poll::Ready(output) = request(&mut Context::from_waker(&waker))
            {
                // The next item of a stream is asked for by a poll.
                signal.woken.store(true, Ordering::Release);
                return Poll::Ready(output);
            }
            // A large request wakes itself to go on in its next poll, with resolvers that have not
            // run yet (`FuturesUnordered` does so after a few): a batch that left now would be split.
            if signal.woken.load(Ordering::Acquire) {
                continue;
            }
            self.running.extend(batches.waiting.lock().drain(..));
            // A batch that completes hands its values to resolvers, which may then get further.
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
    use std::collections::HashMap;
    use std::convert::Infallible;

    use super::*;

    /// Answers each key with itself, and keeps the size of every batch.
    struct Echo(Arc<Mutex<Vec<usize>>>);

    impl Loader<u32> for Echo {
        type Value = u32;
        type Error = Infallible;

        async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>, Infallible> {
            self.0.lock().push(keys.len());
            tokio::task::yield_now().await;
            Ok(keys.iter().map(|&key| (key, key)).collect())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn resolvers_of_one_level_share_one_batch() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let batches = Batches::default();
        let loader = batches.loader(Echo(sizes.clone()));
        // Two levels: a hundred resolvers, each of which loads again with what it got.
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

    /// The engine runs the fields of each object of a list in a set of their own, and such a set
    /// yields although its objects could go on.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_list_of_objects_that_yield_still_shares_one_batch() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let batches = Batches::default();
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
        let batches = Batches::default();
        let loader = batches.loader(Echo(sizes.clone()));
        batches
            .drive(async {
                loader.load_one(1).await.unwrap();
                loader.load_one(1).await.unwrap();
            })
            .await;
        assert_eq!(*sizes.lock(), [1]);
    }
}
