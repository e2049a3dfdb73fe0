//! Where documents are parsed and planned: beside the threads that serve, so that what takes long delays nobody else,
//! and by as many at a time as there are processors.

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

    /// Does `work` when there is a seat, if there is one within `patience`. Who no longer waits for a seat leaves it to
    /// others; work that has begun is done, for whoever asks for the same next.
    ///
    /// # Errors
    /// Those of `work`, and refusals when there is no seat or when it panics.
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
        // On one thread this is only reached while the other one works.
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
