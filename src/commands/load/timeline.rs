//! What was measured over time, in intervals that get longer instead of more.

use std::collections::BTreeMap;
use std::time::Duration;

use super::latencies::Latencies;
use super::scenario::Scenario;

/// When there would be more, two neighbours become one.
const MAX_INTERVALS: usize = 240;

/// Intervals from the start of the measurement on.
pub(super) struct Timeline {
    width: Duration,
    intervals: Vec<BTreeMap<Scenario, Interval>>,
}

/// A scenario in one interval.
#[derive(Clone, Default)]
pub(super) struct Interval {
    /// Requests that ended in it.
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) latencies: Latencies,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            width: Duration::from_secs(1),
            intervals: Vec::new(),
        }
    }
}

impl Timeline {
    /// The length of an interval.
    pub(super) fn width(&self) -> Duration {
        self.width
    }

    /// The intervals with their starts, gaps included.
    pub(super) fn intervals(
        &self,
    ) -> impl DoubleEndedIterator<Item = (Duration, &BTreeMap<Scenario, Interval>)> {
        let starts = self.intervals.iter().enumerate();
        starts.map(|(index, interval)| (self.width.mul_f64(index as f64), interval))
    }

    /// The interval at this time.
    pub(super) fn at(&mut self, time: Duration, scenario: Scenario) -> &mut Interval {
        let index = loop {
            let index = usize::try_from(time.as_millis() / self.width.as_millis());
            match index {
                Ok(index) if index < MAX_INTERVALS => break index,
                _ => self.double(),
            }
        };
        if index >= self.intervals.len() {
            self.intervals.resize_with(index + 1, BTreeMap::new);
        }
        self.intervals[index].entry(scenario).or_default()
    }

    fn double(&mut self) {
        self.width *= 2;
        let before = std::mem::take(&mut self.intervals);
        for (index, interval) in before.into_iter().enumerate() {
            if index % 2 == 0 {
                self.intervals.push(interval);
            } else if let Some(neighbour) = self.intervals.last_mut() {
                for (scenario, later) in interval {
                    neighbour.entry(scenario).or_default().merge(&later);
                }
            }
        }
    }
}

impl Interval {
    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.latencies.merge(&other.latencies);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_instead_of_growing_in_number_and_lose_nothing() {
        let mut timeline = Timeline::default();
        for second in 0..1_000 {
            let interval = timeline.at(Duration::from_secs(second), Scenario::Browse);
            interval.requests += 1;
            interval.latencies.add(Duration::from_millis(second));
        }
        assert_eq!(timeline.width(), Duration::from_secs(8));
        let requests = timeline.intervals().map(|(start, interval)| {
            let interval = &interval[&Scenario::Browse];
            assert_eq!(interval.latencies.count(), interval.requests);
            (start.as_secs(), interval.requests)
        });
        let requests: Vec<_> = requests.collect();
        assert_eq!(requests.len(), 125);
        assert!(
            requests
                .iter()
                .all(|(start, count)| start % 8 == 0 && *count == 8)
        );
    }

    #[test]
    fn a_gap_is_an_empty_interval() {
        let mut timeline = Timeline::default();
        timeline
            .at(Duration::from_millis(3_999), Scenario::Account)
            .failures += 1;
        let empty: Vec<_> = timeline
            .intervals()
            .map(|(_, one)| one.is_empty())
            .collect();
        assert_eq!(empty, [true, true, true, false]);
    }
}
