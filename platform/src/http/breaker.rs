//! The circuit breaker: a provider that keeps failing is not called for a while, then probed with one call. Each failed
//! probe lengthens the pause.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use super::policy;

/// Counts the calls of one provider. Starts closed.
#[derive(Debug)]
pub struct CircuitBreaker {
    failures: u32,
    hangs: u32,
    open_for: TimeDelta,
    longest: TimeDelta,
    state: Mutex<State>,
    /// How many attempts have been answered.
    answers: AtomicU64,
}

const CLOSED: State = State::Closed {
    failures: 0,
    hangs: 0,
};

#[derive(Clone, Copy, Debug)]
enum State {
    /// Calls pass. Counts the failures since the last success, and how many of them hung.
    Closed { failures: u32, hangs: u32 },
    /// No call passes until the pause is over.
    Open(Pause),
    /// One probe is under way and its answer decides. Keeps the pause that it ended.
    Probing(Pause),
}

/// How long a provider is not called.
#[derive(Clone, Copy, Debug)]
struct Pause {
    since: DateTime<Utc>,
    wait: TimeDelta,
}

/// Permission for one attempt. Dropped without an outcome, it changes nothing.
#[derive(Debug)]
pub struct Admission<'a> {
    breaker: &'a CircuitBreaker,
    /// The pause to return to when a probe is dropped without an outcome.
    probe_after: Option<Pause>,
    /// How many attempts had been answered when this one began.
    answers: u64,
}

impl CircuitBreaker {
    pub fn new(policy: policy::Breaker) -> Self {
        let delta = |wait| TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        let open_for = delta(policy.open_for);
        Self {
            failures: policy.failures.max(1),
            hangs: policy.hangs.max(1),
            open_for,
            longest: delta(policy.longest).max(open_for),
            state: Mutex::new(CLOSED),
            answers: AtomicU64::new(0),
        }
    }

    /// Admits an attempt, or returns how long to wait before asking again.
    pub fn admit(&self, now: DateTime<Utc>) -> Result<Admission<'_>, Duration> {
        let mut state = self.state.lock();
        let probe_after = match *state {
            State::Closed { .. } => None,
            // A clock that was set back must not extend the pause.
            State::Open(pause) if now < pause.since || now - pause.since >= pause.wait => {
                *state = State::Probing(pause);
                Some(pause)
            }
            State::Open(pause) => {
                let rest = pause.wait - (now - pause.since);
                return Err(rest.to_std().unwrap_or_default());
            }
            // The circuit closes as soon as the probe is answered.
            State::Probing(_) => return Err(self.open_for.to_std().unwrap_or_default()),
        };
        Ok(self.admission(probe_after))
    }

    /// Admits an attempt only while the circuit is closed. Probing is left to callers of [`Self::admit`].
    pub fn admit_if_closed(&self) -> Option<Admission<'_>> {
        self.is_closed().then(|| self.admission(None))
    }

    fn admission(&self, probe_after: Option<Pause>) -> Admission<'_> {
        Admission {
            breaker: self,
            probe_after,
            answers: self.answers.load(Ordering::Relaxed),
        }
    }

    /// Whether calls pass.
    pub fn is_closed(&self) -> bool {
        let state = self.state.lock();
        matches!(*state, State::Closed { .. })
    }
}

impl Admission<'_> {
    /// The provider answered, even if it refused.
    pub fn answered(mut self) {
        // Calls admitted before the circuit opened say nothing about the present.
        let probe = self.probe_after.take().is_some();
        self.breaker.answers.fetch_add(1, Ordering::Relaxed);
        self.change(|state| match state {
            State::Closed { .. } => CLOSED,
            State::Probing(_) if probe => CLOSED,
            other => other,
        });
    }

    /// The provider failed. Returns whether this opened the circuit.
    pub fn failed(self, now: DateTime<Utc>) -> bool {
        self.count(now, 0)
    }

    /// The provider did not answer in time. If it answered other calls meanwhile, only this call was slow. Returns
    /// whether this opened the circuit.
    pub fn hung(self, now: DateTime<Utc>) -> bool {
        let answers = self.breaker.answers.load(Ordering::Relaxed);
        if self.probe_after.is_none() && answers != self.answers {
            return false;
        }
        self.count(now, 1)
    }

    /// Counts a failure; `hung` is 1 if the attempt timed out.
    fn count(mut self, now: DateTime<Utc>, hung: u32) -> bool {
        let probe = self.probe_after.take().is_some();
        let CircuitBreaker {
            failures: failures_limit,
            hangs: hangs_limit,
            open_for,
            longest,
            ..
        } = *self.breaker;
        let open = |wait| State::Open(Pause { since: now, wait });
        let mut opened = false;
        self.change(|state| match state {
            State::Closed { failures, hangs } => {
                let (failures, hangs) = (failures + 1, hangs + hung);
                opened = failures >= failures_limit || hangs >= hangs_limit;
                if opened {
                    open(open_for)
                } else {
                    State::Closed { failures, hangs }
                }
            }
            State::Probing(pause) if probe => {
                opened = true;
                let twice = pause.wait.checked_mul(2).unwrap_or(longest);
                open(twice.clamp(open_for, longest))
            }
            other => other,
        });
        opened
    }

    fn change(&self, next: impl FnOnce(State) -> State) {
        let state = &self.breaker.state;
        let mut state = state.lock();
        *state = next(*state);
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        // The probe's caller went away: the next caller may probe at once.
        if let Some(pause) = self.probe_after.take() {
            self.change(|_| State::Open(pause));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> CircuitBreaker {
        CircuitBreaker::new(policy::Breaker {
            failures: 3,
            hangs: 2,
            open_for: Duration::from_secs(30),
            longest: Duration::from_secs(100),
        })
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_760_000_000 + seconds, 0).unwrap()
    }

    fn open(breaker: &CircuitBreaker, now: DateTime<Utc>) {
        for _ in 0..2 {
            assert!(!breaker.admit(now).unwrap().failed(now));
        }
        assert!(breaker.admit(now).unwrap().failed(now));
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_starts_the_count_again() {
        let breaker = breaker();
        for _ in 0..5 {
            breaker.admit(at(0)).unwrap().failed(at(0));
            breaker.admit(at(0)).unwrap().failed(at(0));
            breaker.admit(at(0)).unwrap().answered();
        }
        open(&breaker, at(0));
        assert_eq!(
            breaker.admit(at(10)).unwrap_err(),
            Duration::from_secs(20),
            "the rest of its time"
        );
    }

    #[test]
    fn fewer_attempts_that_hang_open_it_than_that_fail_unless_others_are_answered_meanwhile() {
        let breaker = breaker();
        assert!(!breaker.admit(at(0)).unwrap().hung(at(4)));
        let slow = breaker.admit(at(4)).unwrap();
        breaker.admit(at(5)).unwrap().answered();
        assert!(!slow.hung(at(8)), "it is only slow");
        assert!(!breaker.admit(at(8)).unwrap().hung(at(12)));
        assert!(breaker.admit(at(12)).unwrap().hung(at(16)));
        assert!(breaker.admit_if_closed().is_none());
        // Another caller probes.
        assert!(breaker.admit(at(46)).unwrap().hung(at(50)));
        breaker.admit(at(110)).unwrap().answered();
        assert!(breaker.admit_if_closed().is_some());
    }

    #[test]
    fn one_probe_passes_when_the_time_is_over_and_decides() {
        let breaker = breaker();
        open(&breaker, at(0));
        let probe = breaker.admit(at(30)).unwrap();
        assert!(breaker.admit(at(30)).is_err(), "one at a time");
        assert!(probe.failed(at(30)), "open again");
        assert!(breaker.admit(at(89)).is_err());
        breaker.admit(at(90)).unwrap().answered();
        assert!(breaker.is_closed());
    }

    #[test]
    fn a_provider_that_stays_away_is_probed_less_and_less_often_up_to_a_limit() {
        let breaker = breaker();
        open(&breaker, at(0));
        let mut now = 0;
        for wait in [30, 60, 100, 100] {
            assert!(breaker.admit(at(now + wait - 1)).is_err(), "{wait}");
            now += wait;
            assert!(breaker.admit(at(now)).unwrap().failed(at(now)));
        }
        breaker.admit(at(now + 100)).unwrap().answered();
        // It answered, so the next outage starts from the first pause again.
        open(&breaker, at(now + 100));
        assert!(breaker.admit(at(now + 129)).is_err());
        assert!(breaker.admit(at(now + 130)).is_ok());
    }

    #[test]
    fn a_probe_that_is_given_up_makes_room_for_another() {
        let breaker = breaker();
        open(&breaker, at(0));
        drop(breaker.admit(at(30)).unwrap());
        breaker.admit(at(30)).unwrap().answered();
        assert!(breaker.is_closed());
    }

    #[test]
    fn a_late_answer_of_before_does_not_close_it() {
        let breaker = breaker();
        let early = breaker.admit(at(0)).unwrap();
        open(&breaker, at(0));
        early.answered();
        assert!(breaker.admit(at(1)).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_hold_it_open() {
        let breaker = breaker();
        open(&breaker, at(0));
        assert!(breaker.admit(at(-86_400)).is_ok());
    }
}
