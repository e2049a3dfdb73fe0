//! Fault injection for tests, at any step of a write.

use std::io;
use std::sync::Arc;

use futures::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use sea_orm::sqlx;

use super::connection::{Connection, Request};
use super::pool::Lease;
use crate::testing::effects::{self, Effects, Kind};

/// What happens at a step: a BEGIN, a statement or a COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The step fails; the transaction stays open.
    Refused,
    /// The step fails and the database rolls the transaction back by itself, as SQLite does when the disk is full.
    RolledBack,
    /// The connection breaks before the step.
    Cut,
    /// The step succeeds, but its answer is lost.
    Unanswered,
}

impl Fault {
    pub const ALL: [Self; 4] = [Self::Refused, Self::RolledBack, Self::Cut, Self::Unanswered];
}

type Watcher = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// The faults of one database. Cheap to clone.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    /// Steps left before the fault.
    next: Option<(usize, Fault)>,
    failing_syncs: usize,
    before_sync: Option<Watcher>,
    effects: Option<Effects>,
}

impl Faults {
    /// Fails the step that follows the next `steps` writing steps.
    pub fn fail_after(&self, steps: usize, fault: Fault) {
        self.plan().next = Some((steps, fault));
    }

    /// Cancels the fault, and returns whether it was still pending.
    pub fn clear(&self) -> bool {
        self.plan().next.take().is_some()
    }

    /// Counts what is committed among these effects of a process, which may have faults of their own.
    pub fn count_in(&self, effects: &Effects) {
        self.plan().effects = Some(effects.clone());
    }

    /// Fails this many of the next syncs.
    pub fn fail_syncs(&self, syncs: usize) {
        self.plan().failing_syncs = syncs;
    }

    /// Calls this before each sync, once the set of commits it covers is fixed.
    pub fn watch_syncs(
        &self,
        watcher: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        self.plan().before_sync = Some(Arc::new(watcher));
    }

    pub(super) async fn before_sync(&self) {
        let watcher = self.plan().before_sync.clone();
        if let Some(watcher) = watcher {
            watcher().await;
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        let mut plan = self.plan();
        if plan.failing_syncs > 0 {
            plan.failing_syncs -= 1;
            return Err(injected());
        }
        Ok(())
    }

    fn due(&self) -> Option<Fault> {
        let mut plan = self.plan();
        match &mut plan.next {
            Some((0, fault)) => {
                let fault = *fault;
                plan.next = None;
                Some(fault)
            }
            Some((steps, _)) => {
                *steps -= 1;
                None
            }
            None => None,
        }
    }

    /// Runs a writing request, or fails.
    pub(super) async fn send<R: Request>(
        &self,
        lease: &mut Lease,
        request: &R,
    ) -> Result<R::Answer, sqlx::Error> {
        match self.due() {
            Some(fault) => {
                inject(fault, lease).await?;
                lease.send(request).await?;
                Err(failure())
            }
            None => lease.send(request).await,
        }
    }

    /// Runs a request that is a transaction of its own, or fails.
    pub(super) async fn send_alone<R: Request>(
        &self,
        lease: &mut Lease,
        request: &R,
    ) -> Result<R::Answer, sqlx::Error> {
        if request.is_read_only() {
            return self.send(lease, request).await;
        }
        let is_lost = self.is_lost(Kind::Statement).await;
        let answer = self.send(lease, request).await?;
        if is_lost { Err(failure()) } else { Ok(answer) }
    }

    /// Counts an effect, and returns whether its answer is lost. A transaction does not happen twice.
    async fn is_lost(&self, kind: Kind) -> bool {
        let effects = self.plan().effects.clone();
        match effects {
            Some(effects) => effects.next(kind).await == Some(effects::Fault::Lost),
            None => false,
        }
    }

    /// Runs a BEGIN or COMMIT, or fails.
    pub(super) async fn control(
        &self,
        lease: &mut Lease,
        sql: &'static str,
    ) -> Result<(), sqlx::Error> {
        if sql == "COMMIT" && self.is_lost(Kind::Commit).await {
            lease.control(sql).await?;
            return Err(failure());
        }
        match self.due() {
            Some(fault) => {
                inject(fault, lease).await?;
                lease.control(sql).await?;
                Err(failure())
            }
            None => lease.control(sql).await,
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock()
    }
}

async fn inject(fault: Fault, lease: &mut Lease) -> Result<(), sqlx::Error> {
    match fault {
        Fault::Unanswered => return Ok(()),
        Fault::Refused => {}
        // At a BEGIN there is no transaction to roll back.
        Fault::RolledBack => drop(lease.control("ROLLBACK").await),
        Fault::Cut => match lease.connection() {
            Some(connection @ Connection::Postgres(_)) => {
                let ended = "SELECT pg_terminate_backend(pg_backend_pid())";
                drop(connection.run(ended).await);
                // The step itself discovers the broken connection.
                return Ok(());
            }
            _ => lease.kill().await,
        },
    }
    Err(failure())
}

fn failure() -> sqlx::Error {
    sqlx::Error::AnyDriverError(injected().into())
}

fn injected() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "a fault injected by a test")
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}
