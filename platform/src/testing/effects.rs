//! What a process does that outlives it: commits, calls to third parties, published events. A test counts them, and has a
//! fault at any of them.

use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// A kind of effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The end of a transaction.
    Commit,
    /// A writing statement without a transaction, such as the claim of a task.
    Statement,
    /// A call that may change something at a third party.
    Call,
    /// Events offered to the bus.
    Publish,
}

/// What happens at an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before it. A death after an effect is one before the next.
    Death,
    /// It happens, but whoever caused it gets an error instead of the answer.
    Lost,
    /// It happens twice.
    Twice,
}

/// The effects of one process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Effects(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    counted: Mutex<Counted>,
    dead: CancellationToken,
}

#[derive(Debug, Default)]
struct Counted {
    seen: Vec<Kind>,
    next: Option<(usize, Fault)>,
}

impl Effects {
    /// Has this fault at the effect that follows the next `effects` ones.
    pub fn fail_after(&self, effects: usize, fault: Fault) {
        let mut counted = self.0.counted.lock();
        counted.next = Some((counted.seen.len() + effects, fault));
    }

    /// Counts an effect that is about to happen, and returns its fault, if any, which is up to the caller. If the process
    /// is dead, this never returns, so the effect does not happen.
    pub async fn next(&self, kind: Kind) -> Option<Fault> {
        let fault = self.count(kind);
        if self.0.dead.is_cancelled() {
            pending::<()>().await;
        }
        fault
    }

    fn count(&self, kind: Kind) -> Option<Fault> {
        let mut counted = self.0.counted.lock();
        if self.0.dead.is_cancelled() {
            return None;
        }
        let number = counted.seen.len();
        counted.seen.push(kind);
        let (_, fault) = counted.next.take_if(|(at, _)| *at == number)?;
        if fault == Fault::Death {
            self.0.dead.cancel();
        }
        Some(fault)
    }

    /// Returns when the process has died.
    pub async fn died(&self) {
        self.0.dead.cancelled().await;
    }

    /// The effects so far, including the one before which the process died.
    pub fn seen(&self) -> Vec<Kind> {
        self.0.counted.lock().seen.clone()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn nothing_happens_after_a_death() {
        let effects = Effects::default();
        assert_eq!(effects.next(Kind::Statement).await, None);
        effects.fail_after(1, Fault::Death);
        assert_eq!(effects.next(Kind::Commit).await, None);
        assert_eq!(effects.died().now_or_never(), None);
        for _ in 0..2 {
            assert_eq!(effects.next(Kind::Call).now_or_never(), None);
        }
        effects.died().await;
        assert_eq!(effects.seen(), [Kind::Statement, Kind::Commit, Kind::Call]);
    }

    #[tokio::test]
    async fn another_fault_happens_once() {
        let effects = Effects::default();
        effects.fail_after(1, Fault::Lost);
        let faults = [
            effects.next(Kind::Commit).await,
            effects.next(Kind::Publish).await,
            effects.next(Kind::Statement).await,
        ];
        assert_eq!(faults, [None, Some(Fault::Lost), None]);
    }
}
