//! Runs parsing and planning off the serving threads, on as many threads as there are processors, so that slow
//! documents delay nobody else.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::Span;

use super::request_error;
use crate::error::ErrorCode;
use crate::response::GraphQLResponse;

#[derive(Debug)]
pub(super) struct Planner {
    seats: Arc<Semaphore>,
}

impl Planner {
    pub(super) fn new() -> Self {
        let seats = available_parallelism().map_or(1, usize::from);
        Self {
            seats: Arc::new(Semaphore::new(seats)),
        }
    }

    /// Runs `work` when a slot is free, waiting at most `patience`. Dropping the future gives up the wait; work that
    /// has begun is finished, for the next request for the same document.
    ///
    /// # Errors
    /// Those of `work`, and rejections if no slot became free or `work` panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> Result<T, GraphQLResponse> + Send + 'static,
    ) -> Result<T, GraphQLResponse> {
        let seat = Arc::clone(&self.seats).acquire_owned();
        let Ok(Ok(seat)) = tokio::time::timeout(patience, seat).await else {
            return Err(request_error(
                ErrorCode::DeadlineExceeded,
                "Too many other operations are being planned.",
            ));
        };
        let span = Span::current();
        let worked = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            span.in_scope(work)
        });
        worked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "preparing an operation panicked");
            let message = "The operation could not be prepared.";
            Err(request_error(ErrorCode::Internal, message))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const NOW: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_secs(60);

    fn code<T>(outcome: Result<T, GraphQLResponse>) -> Option<ErrorCode> {
        outcome.err().map(|refused| refused.errors[0].code())
    }

    #[tokio::test]
    async fn what_takes_long_leaves_the_thread_to_others() {
        let planner = Planner::new();
        let (finish, finished) = mpsc::channel();
        let long = planner.run(NOW, move || Ok(finished.recv().is_ok()));
        // On a single thread this is only reached while the other one works.
        let other = async move { finish.send(()).is_ok() };
        let (long, other) = tokio::join!(long, other);
        assert!(other && long.is_ok_and(|told| told));
    }

    #[tokio::test]
    async fn work_waits_for_a_seat_as_long_as_it_may() {
        let planner = Planner::new();
        let seats = planner.seats.available_permits();
        let taken = planner
            .seats
            .acquire_many(u32::try_from(seats).expect("few"));
        let taken = taken.await.expect("open");
        let refused = planner.run(NOW, || Ok(())).await;
        assert_eq!(code(refused), Some(ErrorCode::DeadlineExceeded));
        let (done, ()) = tokio::join!(planner.run(LONG, || Ok(())), async { drop(taken) });
        assert_eq!(code(done), None);
        assert_eq!(planner.seats.available_permits(), seats);
    }

    #[tokio::test]
    async fn a_panic_costs_its_own_operation_only() {
        let planner = Planner::new();
        let seats = planner.seats.available_permits();
        let panicked = planner.run(NOW, || -> Result<(), GraphQLResponse> { panic!("no") });
        assert_eq!(code(panicked.await), Some(ErrorCode::Internal));
        assert_eq!(planner.seats.available_permits(), seats);
    }
}
