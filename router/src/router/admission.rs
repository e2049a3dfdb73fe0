//! Admission control: the total cost of concurrently running expensive operations is bounded; cheap ones never wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::request_error;
use crate::error::ErrorCode;
use crate::response::GraphQLResponse;

/// Operations below this cost are admitted at once.
const CHEAP: f64 = 1_000.0;

#[derive(Debug)]
pub(super) struct Admission {
    units: Arc<Semaphore>,
    all: u32,
}

/// An admitted operation, until dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    _units: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// Admits operations up to this total cost.
    pub(super) fn new(cost: usize) -> Self {
        let all = u32::try_from(cost.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self {
            units: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits until an operation of this cost may run. One above the total runs alone.
    ///
    /// # Errors
    /// A rejection if it would not be admitted before its deadline.
    pub(super) async fn admit(
        &self,
        cost: f64,
        deadline: std::time::Instant,
    ) -> Result<Admitted, GraphQLResponse> {
        if cost < CHEAP {
            return Ok(Admitted { _units: None });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the range of the type"
        )]
        let units = cost.min(f64::from(self.all)) as u32;
        let units = Arc::clone(&self.units).acquire_many_owned(units);
        match timeout_at(Instant::from_std(deadline), units).await {
            Ok(Ok(units)) => Ok(Admitted {
                _units: Some(units),
            }),
            _ => {
                metrics::counter!("router_admissions_refused_total").increment(1);
                Err(request_error(
                    ErrorCode::DeadlineExceeded,
                    "Too many other expensive operations are running.",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn expensive_operations_wait_for_each_other_and_cheap_ones_for_nobody() {
        let admission = Admission::new(10_000);
        let now = std::time::Instant::now();
        let later = now + Duration::from_secs(60);
        let first = admission.admit(9_000.0, later).await.expect("let in");
        let refused = admission.admit(2_000.0, now).await.expect_err("too much");
        assert_eq!(refused.errors[0].code(), ErrorCode::DeadlineExceeded);
        admission.admit(999.0, now).await.expect("cheap");
        admission.admit(1_000.0, now).await.expect("there is room");
        let (alone, ()) = tokio::join!(admission.admit(1e12, later), async { drop(first) });
        alone.expect("let in by itself");
    }
}
