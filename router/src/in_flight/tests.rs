//! Tests of sharing equal work.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::poll;
use tokio::sync::Semaphore;

use super::*;

/// Work whose outcome is the number of its run, once it is released.
struct Work {
    runs: AtomicUsize,
    ends: Semaphore,
}

impl Work {
    fn new() -> Self {
        Self {
            runs: AtomicUsize::new(0),
            ends: Semaphore::new(0),
        }
    }

    async fn run(&self) -> Result<usize, &'static str> {
        let number = 1 + self.runs.fetch_add(1, Ordering::SeqCst);
        self.ends.acquire().await.expect("open").forget();
        Ok(number)
    }
}

/// Long enough that it does not pass in a test.
const LONG: Duration = Duration::from_secs(600);

fn outcome(shared: Result<Shared<usize>, &'static str>) -> usize {
    shared.expect("an outcome").outcome
}

#[tokio::test]
async fn equal_work_is_done_once_and_forgotten_when_it_is_done() {
    let (flights, work) = (InFlight::immediate(), Work::new());
    let started = Instant::now();
    let share = |key| flights.share(key, started, || work.run());
    let mut first = pin!(share("a"));
    let mut second = pin!(share("a"));
    let mut other = pin!(share("b"));
    assert!(poll!(&mut first).is_pending());
    assert!(poll!(&mut second).is_pending());
    assert!(poll!(&mut other).is_pending());
    work.ends.add_permits(2);
    let first = first.await.expect("an outcome");
    assert_eq!((first.outcome, first.own), (1, true));
    let second = second.await.expect("an outcome");
    assert_eq!((second.outcome, second.own), (1, false));
    assert_eq!(outcome(other.await), 2);
    assert!(flights.runs.lock().is_empty());
    work.ends.add_permits(1);
    assert_eq!(outcome(share("a").await), 3, "an outcome is not kept");
}

#[tokio::test]
async fn nobody_gets_an_outcome_from_before_their_request() {
    let (flights, work) = (InFlight::immediate(), Work::new());
    let now = Instant::now();
    let later = now + Duration::from_secs(60);
    let mut first = pin!(flights.share("a", now, || work.run()));
    assert!(poll!(&mut first).is_pending());
    let mut second = pin!(flights.share("a", later, || work.run()));
    assert!(poll!(&mut second).is_pending());
    work.ends.add_permits(2);
    assert_eq!(outcome(second.await), 2);
    assert_eq!(outcome(first.await), 1);
    assert!(flights.runs.lock().is_empty());
}

#[tokio::test]
async fn who_waits_goes_on_when_the_first_gives_up() {
    let (flights, work) = (InFlight::immediate(), Work::new());
    let started = Instant::now();
    let mut first = Box::pin(flights.share("a", started, || work.run()));
    assert!(poll!(&mut first).is_pending());
    let mut second = pin!(flights.share("a", started, || work.run()));
    assert!(poll!(&mut second).is_pending());
    drop(first);
    work.ends.add_permits(1);
    assert_eq!(outcome(second.await), 2);
}

#[tokio::test]
async fn an_error_is_not_shared() {
    let flights = InFlight::immediate();
    let started = Instant::now();
    let work = Work::new();
    work.ends.add_permits(1);
    let first = flights.share("a", started, || async { Err("too late") });
    let second = flights.share("a", started, || work.run());
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.expect_err("an error"), "too late");
    assert_eq!(outcome(second), 1);
}

#[tokio::test]
async fn those_who_arrive_during_a_run_share_the_next() {
    let (flights, work) = (InFlight::gathering(LONG), Work::new());
    let share = || flights.share("a", Instant::now(), || work.run());
    let mut first = pin!(share());
    assert!(poll!(&mut first).is_pending());
    let mut second = pin!(share());
    assert!(poll!(&mut second).is_pending());
    let mut third = pin!(share());
    assert!(poll!(&mut third).is_pending());
    assert_eq!(work.runs.load(Ordering::SeqCst), 1, "the next one waits");
    work.ends.add_permits(1);
    assert_eq!(outcome(first.await), 1);
    assert!(poll!(&mut second).is_pending());
    assert_eq!(work.runs.load(Ordering::SeqCst), 2);
    let mut fourth = pin!(share());
    assert!(poll!(&mut fourth).is_pending());
    work.ends.add_permits(1);
    assert_eq!(outcome(second.await), 2);
    assert_eq!(outcome(third.await), 2);
    work.ends.add_permits(1);
    assert_eq!(outcome(fourth.await), 3, "the second had begun before it");
    assert!(flights.runs.lock().is_empty());
}

#[tokio::test]
async fn the_next_run_begins_when_the_first_gives_up() {
    let (flights, work) = (InFlight::gathering(LONG), Work::new());
    let share = || flights.share("a", Instant::now(), || work.run());
    let mut first = Box::pin(share());
    assert!(poll!(&mut first).is_pending());
    let mut second = pin!(share());
    assert!(poll!(&mut second).is_pending());
    drop(first);
    work.ends.add_permits(1);
    assert_eq!(outcome(second.await), 2);
    assert!(flights.runs.lock().is_empty());
}

#[tokio::test]
async fn a_long_run_does_not_hold_up_the_next() {
    let (flights, work) = (InFlight::gathering(Duration::from_millis(1)), Work::new());
    let share = || flights.share("a", Instant::now(), || work.run());
    let mut first = pin!(share());
    assert!(poll!(&mut first).is_pending());
    let mut second = pin!(share());
    assert!(poll!(&mut second).is_pending());
    while work.runs.load(Ordering::SeqCst) < 2 {
        assert!(poll!(&mut second).is_pending());
        tokio::task::yield_now().await;
    }
    work.ends.add_permits(2);
    assert_eq!(outcome(first.await), 1);
    assert_eq!(outcome(second.await), 2);
}
