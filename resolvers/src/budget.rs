//! Limits how much one request may resolve in total and without yielding: a request for thousands of rows must neither
//! fill memory nor block a thread.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use crate::error::{ApiError, ApiResult, ErrorCode};

/// How many rows a request resolves before it yields.
pub(crate) const ROWS_PER_SLICE: usize = 128;

/// The row budget of one request.
#[derive(Debug)]
pub(crate) struct Budget {
    allowed: usize,
    left: AtomicUsize,
    /// Rows resolved in the current poll.
    slice: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            allowed: rows,
            left: AtomicUsize::new(rows),
            slice: AtomicUsize::new(ROWS_PER_SLICE),
        }
    }

    /// Counts rows, and yields to other requests after many.
    pub(crate) async fn spend(&self, rows: usize) -> ApiResult<()> {
        let take = |left: usize| left.checked_sub(rows);
        let left = self
            .left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if left.is_err() {
            return Err(ApiError::new(
                ErrorCode::OperationTooComplex,
                format!("The operation resolves more than {} rows", self.allowed),
            ));
        }
        poll_fn(|context| {
            let slice = self.slice.load(Ordering::Relaxed);
            if slice == 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.slice
                .store(slice.saturating_sub(rows), Ordering::Relaxed);
            Poll::Ready(())
        })
        .await;
        Ok(())
    }

    pub(crate) fn begin_slice(&self) {
        self.slice.store(ROWS_PER_SLICE, Ordering::Relaxed);
    }

    pub(crate) fn is_slice_over(&self) -> bool {
        self.slice.load(Ordering::Relaxed) == 0
    }
}
