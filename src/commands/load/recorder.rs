//! Counts requests and journeys while they run. Memory is bounded: distributions instead of values, and a limited number
//! of reasons.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::failure::Failure;
use super::latencies::Latencies;
use super::scenario::Scenario;
use super::timeline::Timeline;

/// Reasons counted for a step; all further ones are counted together.
const MAX_REASONS: usize = 40;
const OTHER_REASONS: &str = "other";

/// A journey that starts this much after it was due shows that this process is overloaded.
const LATE: Duration = Duration::from_millis(100);

/// A request of a journey.
pub(super) struct Sample {
    pub(super) scenario: Scenario,
    pub(super) step: &'static str,
    /// When it should have been sent.
    pub(super) due: Instant,
    pub(super) ended: Instant,
    pub(super) result: Result<(), Failure>,
    /// Whether its time is a latency.
    pub(super) is_timed: bool,
}

/// How a journey ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JourneyEnd {
    /// No request failed.
    Succeeded,
    Failed,
    /// The run ended before it, or before the request that failed.
    Unfinished,
}

/// Why a journey did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dropped {
    TooManyInFlight,
    /// Every order item that can be returned is in a return of another journey.
    NothingToReturn,
}

/// Everything measured so far.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) scenarios: BTreeMap<Scenario, ScenarioRecord>,
    pub(super) timeline: Timeline,
    /// Requests that were due before the measurement began.
    pub(super) warm_up_requests: u64,
    /// Journeys that started too late after they were due.
    pub(super) late: u64,
}

/// A scenario's counts.
#[derive(Clone, Default)]
pub(super) struct ScenarioRecord {
    /// In the order of the scenario's steps.
    pub(super) steps: Vec<StepRecord>,
    /// Of all steps.
    pub(super) latencies: Latencies,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) unfinished: u64,
    pub(super) dropped_in_flight: u64,
    pub(super) dropped_nothing_to_return: u64,
    /// Live updates that were received after the first snapshots.
    pub(super) updates: u64,
}

/// A step's counts.
#[derive(Clone, Default)]
pub(super) struct StepRecord {
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) reasons: BTreeMap<String, u64>,
    pub(super) latencies: Latencies,
}

impl ScenarioRecord {
    fn new(scenario: Scenario) -> Self {
        Self {
            steps: vec![StepRecord::default(); scenario.steps().len()],
            ..Self::default()
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.steps.iter().map(|step| step.requests).sum()
    }

    pub(super) fn failures(&self) -> u64 {
        self.steps.iter().map(|step| step.failures).sum()
    }

    /// Journeys that ended by themselves.
    pub(super) fn ended(&self) -> u64 {
        self.succeeded + self.failed
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped_in_flight + self.dropped_nothing_to_return
    }
}

impl StepRecord {
    fn count(&mut self, reason: &Failure) {
        self.failures += 1;
        let mut reason = reason.to_string();
        if self.reasons.len() >= MAX_REASONS && !self.reasons.contains_key(&reason) {
            OTHER_REASONS.clone_into(&mut reason);
        }
        *self.reasons.entry(reason).or_default() += 1;
    }
}

/// Receives what journeys measure.
pub(super) struct Recorder {
    state: Mutex<State>,
}

struct State {
    /// What was due before is warm-up.
    from: Instant,
    /// What is due from then on is not measured.
    until: Option<Instant>,
    in_flight: u64,
    measured: Measured,
}

impl Recorder {
    /// Measures what is due from a time on.
    pub(super) fn new(scenarios: impl Iterator<Item = Scenario>, from: Instant) -> Self {
        let scenarios = scenarios.map(|scenario| (scenario, ScenarioRecord::new(scenario)));
        let measured = Measured {
            scenarios: scenarios.collect(),
            ..Measured::default()
        };
        Self {
            state: Mutex::new(State {
                from,
                until: None,
                in_flight: 0,
                measured,
            }),
        }
    }

    /// Ends the measurement, unless it has ended already.
    pub(super) fn end(&self, at: Instant) {
        self.state.lock().until.get_or_insert(at);
    }

    /// How long it has been measuring, or has measured.
    pub(super) fn measured_for(&self) -> Duration {
        let state = self.state.lock();
        let until = state.until.unwrap_or_else(Instant::now);
        until.saturating_duration_since(state.from)
    }

    pub(super) fn add(&self, sample: Sample) {
        let mut state = self.state.lock();
        if sample.due < state.from {
            state.measured.warm_up_requests += 1;
            return;
        }
        if !state.is_measured(sample.due) {
            return;
        }
        let time = sample.ended.saturating_duration_since(state.from);
        let latency = sample.ended.saturating_duration_since(sample.due);
        let steps = sample.scenario.steps();
        let index = steps.iter().position(|step| *step == sample.step);
        let index = index.expect("a step of its scenario");
        let measured = &mut state.measured;
        let interval = measured.timeline.at(time, sample.scenario);
        interval.requests += 1;
        let record = measured.scenarios.get_mut(&sample.scenario);
        let record = record.expect("a scenario of the run");
        let step = &mut record.steps[index];
        step.requests += 1;
        if let Err(reason) = &sample.result {
            step.count(reason);
            interval.failures += 1;
        }
        if sample.is_timed {
            step.latencies.add(latency);
            record.latencies.add(latency);
            interval.latencies.add(latency);
        }
    }

    /// A journey that was due starts now.
    pub(super) fn start(&self, due: Instant) {
        let mut state = self.state.lock();
        state.in_flight += 1;
        if due.elapsed() > LATE && state.is_measured(due) {
            state.measured.late += 1;
        }
    }

    /// How a journey ended whose request that was due at this time has failed. After the run it does not count, and neither
    /// does the journey then: it would have failed without a reason.
    pub(super) fn end_of_failed(&self, due: Option<Instant>) -> JourneyEnd {
        let until = self.state.lock().until;
        let is_after = due.zip(until).is_some_and(|(due, until)| due >= until);
        if is_after {
            JourneyEnd::Unfinished
        } else {
            JourneyEnd::Failed
        }
    }

    /// A started journey has ended.
    pub(super) fn finish(&self, scenario: Scenario, due: Instant, end: JourneyEnd) {
        let mut state = self.state.lock();
        state.in_flight = state.in_flight.saturating_sub(1);
        if let Some(record) = state.record(scenario, due) {
            match end {
                JourneyEnd::Succeeded => record.succeeded += 1,
                JourneyEnd::Failed => record.failed += 1,
                JourneyEnd::Unfinished => record.unfinished += 1,
            }
        }
    }

    /// A journey that was due does not start.
    pub(super) fn drop_journey(&self, scenario: Scenario, due: Instant, why: Dropped) {
        if let Some(record) = self.state.lock().record(scenario, due) {
            match why {
                Dropped::TooManyInFlight => record.dropped_in_flight += 1,
                Dropped::NothingToReturn => record.dropped_nothing_to_return += 1,
            }
        }
    }

    pub(super) fn update(&self, scenario: Scenario) {
        let now = Instant::now();
        if let Some(record) = self.state.lock().record(scenario, now) {
            record.updates += 1;
        }
    }

    /// Journeys that are running.
    pub(super) fn in_flight(&self) -> u64 {
        self.state.lock().in_flight
    }

    /// Reads what was measured.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Measured) -> T) -> T {
        read(&self.state.lock().measured)
    }
}

impl State {
    fn is_measured(&self, due: Instant) -> bool {
        due >= self.from && self.until.is_none_or(|until| due < until)
    }

    /// The record of a scenario, if what was due at this time is measured.
    fn record(&mut self, scenario: Scenario, due: Instant) -> Option<&mut ScenarioRecord> {
        if !self.is_measured(due) {
            return None;
        }
        self.measured.scenarios.get_mut(&scenario)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn sample(due: Instant, result: Result<(), Failure>) -> Sample {
        Sample {
            scenario: Scenario::Browse,
            step: "search",
            due,
            ended: due + SECOND / 10,
            result,
            is_timed: true,
        }
    }

    #[test]
    fn only_what_is_due_during_the_measurement_counts() {
        let from = Instant::now();
        let recorder = Recorder::new(Scenario::ALL.into_iter(), from);
        recorder.end(from + 10 * SECOND);
        recorder.end(from + 20 * SECOND);
        recorder.add(sample(from - SECOND, Ok(())));
        recorder.add(sample(from, Ok(())));
        // It ends after the measurement, and counts as long as it took.
        recorder.add(sample(from + 10 * SECOND - SECOND / 100, Ok(())));
        recorder.add(sample(from + 10 * SECOND, Ok(())));
        recorder.drop_journey(Scenario::Browse, from, Dropped::TooManyInFlight);
        recorder.drop_journey(Scenario::Browse, from - SECOND, Dropped::TooManyInFlight);
        recorder.read(|measured| {
            let browse = &measured.scenarios[&Scenario::Browse];
            assert_eq!(measured.warm_up_requests, 1);
            assert_eq!((browse.requests(), browse.latencies.count()), (2, 2));
            assert_eq!(browse.dropped(), 1);
            assert_eq!(measured.scenarios.len(), Scenario::ALL.len());
        });
    }

    #[test]
    fn a_journey_fails_only_by_a_request_that_counts() {
        let from = Instant::now();
        let recorder = Recorder::new(Scenario::ALL.into_iter(), from);
        let failed = |due| recorder.end_of_failed(due);
        assert_eq!(failed(Some(from + 10 * SECOND)), JourneyEnd::Failed);
        recorder.end(from + 10 * SECOND);
        assert_eq!(failed(Some(from + 9 * SECOND)), JourneyEnd::Failed);
        assert_eq!(failed(Some(from + 10 * SECOND)), JourneyEnd::Unfinished);
        assert_eq!(failed(None), JourneyEnd::Failed);
    }

    #[test]
    fn a_stall_counts_from_when_the_request_was_due() {
        let from = Instant::now();
        let recorder = Recorder::new([Scenario::Browse].into_iter(), from);
        // Both were answered at the same moment; the second one had waited for a connection.
        for due in [from + 4 * SECOND, from] {
            recorder.add(Sample {
                ended: from + 5 * SECOND,
                ..sample(due, Ok(()))
            });
        }
        recorder.read(|measured| {
            let search = &measured.scenarios[&Scenario::Browse].steps[0];
            let quantile = |at: f64| search.latencies.quantile(at).unwrap();
            assert!((quantile(0.0) - 1_000.0).abs() < 10.0);
            assert!((quantile(1.0) - 5_000.0).abs() < 50.0);
        });
    }

    #[test]
    fn reasons_are_counted_and_their_number_is_bounded() {
        let from = Instant::now();
        let recorder = Recorder::new([Scenario::Browse].into_iter(), from);
        for number in 0..2 * MAX_REASONS {
            let failure = Failure::Graphql(format!("CODE_{number}"));
            recorder.add(sample(from, Err(failure)));
        }
        recorder.add(sample(from, Err(Failure::Graphql("CODE_0".to_owned()))));
        recorder.read(|measured| {
            let search = &measured.scenarios[&Scenario::Browse].steps[0];
            assert_eq!(search.failures, 2 * MAX_REASONS as u64 + 1);
            assert_eq!(search.reasons["error CODE_0"], 2);
            assert_eq!(search.reasons[OTHER_REASONS], MAX_REASONS as u64);
            assert_eq!(search.reasons.len(), MAX_REASONS + 1);
        });
    }
}
