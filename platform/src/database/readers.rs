//! Reading connections. A connection returns to the pool after a completed statement, and is closed when its statement
//! failed or was cancelled.

use std::sync::Arc;

use sea_orm::{DbBackend, DbErr};

use super::connection::{Request, failed, runs_queries};
use super::meter::Meter;
use super::pool::Pool;

/// For queries outside a transaction. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Readers {
    pool: Arc<Pool>,
    meter: Meter,
}

/// Counts a statement that is dropped before it has ended.
struct Running<'a> {
    meter: &'a Meter,
    has_ended: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.meter.stopped();
        }
    }
}

impl Readers {
    pub(super) fn new(pool: Arc<Pool>, meter: Meter) -> Self {
        Self { pool, meter }
    }

    /// The same connections with a separate statement counter.
    pub(super) fn metered(&self, meter: Meter) -> Self {
        let pool = self.pool.clone();
        Self { pool, meter }
    }

    fn backend(&self) -> DbBackend {
        self.pool.backend()
    }

    async fn run<R: Request>(&self, request: R) -> Result<R::Answer, DbErr> {
        loop {
            let mut lease = self.pool.acquire().await?;
            let mut running = Running {
                meter: &self.meter,
                has_ended: false,
            };
            let statement = lease.send(&request);
            let answer = self
                .meter
                .measure(self.pool.backend(), &request, statement)
                .await;
            running.has_ended = true;
            match answer {
                Ok(answer) => {
                    lease.release();
                    return Ok(answer);
                }
                // The server was restarted. The other idle connections were dropped, so this loop ends.
                Err(error) if lease.is_retryable(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

runs_queries!(Readers);
