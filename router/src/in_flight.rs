//! Runs equal work that is requested at the same time once, and shares the outcome. No outcome is older than the request
//! that gets it: only runs that began after the request are joined.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::sync::{Mutex as TurnMutex, OnceCell};

/// The runs in flight, by everything that their outcome depends on.
#[derive(Debug)]
pub(crate) struct InFlight<K, T> {
    runs: Mutex<HashMap<K, Listed<T>, RandomState>>,
    /// How long a run waits for an equal one that has begun: those who arrive meanwhile join the one that waits.
    gather: Duration,
}

/// The newest run with a key.
#[derive(Debug)]
struct Listed<T> {
    run: Weak<Run<T>>,
    turn: Arc<TurnMutex<()>>,
}

#[derive(Debug)]
struct Run<T> {
    begun: OnceLock<Instant>,
    outcome: OnceCell<T>,
    /// Held while it runs.
    turn: Arc<TurnMutex<()>>,
}

impl<T> Run<T> {
    /// Whether its outcome is recent enough for a request that began then.
    fn is_open_to(&self, started: Instant) -> bool {
        let begun = self.begun.get();
        begun.is_none_or(|begun| *begun >= started) && !self.outcome.initialized()
    }
}

impl<K, T> InFlight<K, T>
where
    K: Clone + Eq + Hash,
    T: Clone,
{
    /// Each run begins at once.
    pub(crate) fn immediate() -> Self {
        Self::gathering(Duration::ZERO)
    }

    /// A run waits for an equal one that has begun, at most this long. So however many requests arrive, one run per key
    /// is in flight and one waits, unless runs take longer than that.
    pub(crate) fn gathering(gather: Duration) -> Self {
        Self {
            runs: Mutex::default(),
            gather,
        }
    }

    /// The outcome of `run`, or of an equal one in flight. If that one's owner gives up, or it ends with an error, the
    /// next who waits for it runs its own.
    ///
    /// `started` is when the request began that `run` is a part of.
    ///
    /// # Errors
    /// Those of `run`, which are not shared.
    pub(crate) async fn share<E, F>(
        &self,
        key: K,
        started: Instant,
        run: impl FnOnce() -> F,
    ) -> Result<Shared<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let seat = self.join(key, started);
        let joined = &*seat.run;
        let own = AtomicBool::new(false);
        let outcome = joined.outcome.get_or_try_init(|| async {
            own.store(true, Ordering::Relaxed);
            let _turn = self.turn(joined).await;
            joined.begun.get_or_init(Instant::now);
            run().await
        });
        let outcome = outcome.await?.clone();
        Ok(Shared {
            outcome,
            own: own.into_inner(),
        })
    }

    /// Waits for the run before to end, but not for long.
    async fn turn<'r>(&self, run: &'r Run<T>) -> Option<impl Drop + use<'r, K, T>> {
        if self.gather.is_zero() {
            return None;
        }
        tokio::time::timeout(self.gather, run.turn.lock())
            .await
            .ok()
    }

    fn join(&self, key: K, started: Instant) -> Seat<'_, K, T> {
        let mut runs = self.runs.lock();
        let newest = runs
            .get(&key)
            .map(|listed| (listed.run.upgrade(), Arc::clone(&listed.turn)));
        let (newest, turn) = newest.unwrap_or_default();
        let joined = newest.filter(|run| run.is_open_to(started));
        let run = joined.unwrap_or_else(|| {
            let run = Arc::new(Run {
                begun: OnceLock::new(),
                outcome: OnceCell::new(),
                turn: Arc::clone(&turn),
            });
            let newest = Listed {
                run: Arc::downgrade(&run),
                turn,
            };
            runs.insert(key.clone(), newest);
            run
        });
        Seat {
            in_flight: self,
            key,
            run,
        }
    }
}

/// An outcome, and whether it is that of the caller's own run.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    pub(crate) outcome: T,
    pub(crate) own: bool,
}

/// A place among those who wait for a run. The last one to leave removes it.
struct Seat<'a, K: Eq + Hash, T> {
    in_flight: &'a InFlight<K, T>,
    key: K,
    run: Arc<Run<T>>,
}

impl<K: Eq + Hash, T> Drop for Seat<'_, K, T> {
    fn drop(&mut self) {
        let mut runs = self.in_flight.runs.lock();
        let over = self.run.outcome.initialized() || Arc::strong_count(&self.run) == 1;
        let is_newest =
            |listed: &Listed<T>| std::ptr::eq(listed.run.as_ptr(), &raw const *self.run);
        if over && runs.get(&self.key).is_some_and(is_newest) {
            runs.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;
