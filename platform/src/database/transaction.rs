//! A transaction: [`commit`](DatabaseTransaction::commit) is the only way to commit it; otherwise it is rolled back.

use std::sync::Arc;

use sea_orm::{DbBackend, DbErr, RuntimeErr};
use tokio::sync::Mutex;
use tracing::Instrument;

use super::commits::Written;
use super::connection::{Request, failed, runs_queries};
use super::meter::Meter;
use super::pool::Lease;
use super::writer::Writes;
use crate::bus::Event;
use crate::telemetry::traces;

/// A transaction that may write. Dropping it rolls it back.
///
/// After a failed statement it can only end, as in PostgreSQL: every further statement, and the commit, return the same
/// error.
#[derive(Debug)]
pub struct DatabaseTransaction {
    writes: Arc<Writes>,
    meter: Meter,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    /// `None` once committed.
    lease: Option<Lease>,
    written: Written,
    /// Those of its events that somebody in this process waits for.
    events: Vec<Arc<Event>>,
    /// Why it can no longer be committed.
    failed: Option<DbErr>,
}

impl DatabaseTransaction {
    pub(super) async fn begin(writes: Arc<Writes>, meter: Meter) -> Result<Self, DbErr> {
        // Includes the wait for a connection, and on SQLite for other writers.
        let span = meter.span(writes.pool.backend(), "BEGIN");
        let lease = writes.begin().instrument(span).await?;
        Ok(Self {
            writes,
            meter,
            open: Mutex::new(Open {
                lease: Some(lease),
                written: Written::default(),
                events: Vec::new(),
                failed: None,
            }),
        })
    }

    fn backend(&self) -> DbBackend {
        self.writes.pool.backend()
    }

    async fn run<R: Request>(&self, request: R) -> Result<R::Answer, DbErr> {
        let mut open = self.open.lock().await;
        if let Some(failed) = &open.failed {
            return Err(failed.clone());
        }
        // Stays set if the caller drops the future before the answer arrives.
        open.failed = Some(internal("a statement of the transaction was cancelled"));
        open.written.note(&request);
        let Some(lease) = &mut open.lease else {
            return Err(internal("the transaction has ended"));
        };
        let statement = self.writes.send(lease, &request);
        let answer = self
            .meter
            .measure(self.backend(), &request, statement)
            .await;
        match answer {
            Ok(answer) => {
                open.failed = None;
                Ok(answer)
            }
            Err(error) => {
                let error = self.writes.record_failure(failed(error));
                open.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Commits, and wakes the workers that wait for new rows, so that an event leaves at once instead of at the next poll.
    /// They are those of this process; if it has none, those of others. After an error the outcome of the commit is unknown.
    /// Once begun, it goes on even if its caller stops waiting.
    pub async fn commit(mut self) -> Result<(), DbErr> {
        let span = self.meter.span(self.backend(), "COMMIT");
        let open = self.open.get_mut();
        if let Some(failed) = open.failed.take() {
            // Dropping the lease closes the connection.
            drop(open.lease.take());
            return Err(failed);
        }
        let written = open.written;
        let events = std::mem::take(&mut open.events);
        match open.lease.take() {
            Some(lease) => {
                let writes = Arc::clone(&self.writes);
                let committing = async move {
                    let committed = writes.commit(lease, written).await;
                    if committed.is_ok() {
                        writes.commits.publish_events(events);
                    }
                    committed
                };
                let committing = committing.instrument(span.clone()).in_current_span();
                let committed = match written.is_any() {
                    // In a task of its own: when its caller gives up, it may be made nevertheless, and nobody would be told.
                    true => tokio::spawn(committing).await.unwrap_or_else(|error| {
                        Err(internal(&format!("a commit did not end: {error}")))
                    }),
                    false => committing.await,
                };
                committed.inspect_err(|_| traces::fail(&span, "commit"))
            }
            None => Err(internal("the transaction has ended")),
        }
    }

    /// Tells those who wait for [events](super::Database::events) of this one, once the transaction is committed. `event`
    /// makes it, if anybody does.
    pub(crate) async fn announce(&self, event: impl FnOnce() -> Event) {
        if self.writes.commits.has_listeners() {
            let mut open = self.open.lock().await;
            open.events.push(Arc::new(event()));
        }
    }

    /// Rolls back and waits for it. Never fails: a connection that cannot roll back is closed.
    pub async fn rollback(mut self) {
        let open = self.open.get_mut();
        let has_failed = open.failed.is_some();
        if let Some(lease) = open.lease.take() {
            roll_back(lease, has_failed).await;
        }
    }
}

impl Drop for DatabaseTransaction {
    fn drop(&mut self) {
        let open = self.open.get_mut();
        let has_failed = open.failed.is_some();
        if let (Some(lease), Ok(runtime)) =
            (open.lease.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(roll_back(lease, has_failed));
        }
    }
}

/// Reuses the connection only if its ROLLBACK succeeds. After a failed statement even that proves nothing: the database
/// may have rolled back by itself before.
async fn roll_back(mut lease: Lease, has_failed: bool) {
    if !has_failed && lease.control("ROLLBACK").await.is_ok() {
        lease.release();
    }
}

fn internal(message: &str) -> DbErr {
    DbErr::Exec(RuntimeErr::Internal(message.to_owned()))
}

runs_queries!(DatabaseTransaction);
