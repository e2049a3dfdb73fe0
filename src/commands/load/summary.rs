//! The results of a run, as the JSON file has them and the report shows them. Latencies are in milliseconds, shares in
//! percent, times in seconds.

#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::driver::RunEnd;
use super::latencies::Latencies;
use super::recorder::{Measured, ScenarioRecord, StepRecord};
use super::scenario::Scenario;
use super::threshold::{Metric, Threshold};
use super::timeline::Interval;

/// The percentile that budgets are about.
const BUDGETED: Metric = Metric::Percentile(95.0);

/// What was run, against what.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Environment {
    pub(super) version: &'static str,
    pub(super) target: String,
    pub(super) started_at: String,
    /// As on the command line.
    pub(super) options: Vec<RunOption>,
    pub(super) customers: usize,
}

/// An option and its value.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RunOption {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// The results of a run.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Whether all thresholds were met.
    pub(super) passed: bool,
    pub(super) ended_by: RunEnd,
    /// How long it measured.
    pub(super) seconds: f64,
    pub(super) environment: Environment,
    pub(super) thresholds: Vec<Verdict>,
    pub(super) scenarios: Vec<ScenarioSummary>,
    /// Requests before the measurement began.
    pub(super) warm_up_requests: u64,
    /// Journeys that started over 100 ms late, because this process was overloaded.
    pub(super) late_starts: u64,
    pub(super) timeline: TimelineSummary,
}

/// A threshold and what was measured.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) threshold: String,
    /// `None` if nothing was measured, which misses it.
    pub(super) value: Option<f64>,
    pub(super) unit: &'static str,
    pub(super) passed: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct ScenarioSummary {
    pub(super) name: Scenario,
    pub(super) journeys: Journeys,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) errors_percent: Option<f64>,
    pub(super) requests_per_second: f64,
    pub(super) updates: u64,
    /// Of all steps.
    pub(super) latency: Latency,
    /// Latencies by the share of requests that took at most as long.
    pub(super) distribution: Vec<Quantile>,
    pub(super) steps: Vec<StepSummary>,
}

#[derive(Debug, Serialize)]
pub(super) struct Journeys {
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    /// Aborted because the run was over.
    pub(super) unfinished: u64,
    /// Not started, because too many were running.
    pub(super) dropped_in_flight: u64,
    /// Not started, because all items that can be returned were in other journeys.
    pub(super) dropped_nothing_to_return: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct StepSummary {
    pub(super) name: &'static str,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) latency: Latency,
    /// The highest 95th percentile allowed; `None` for a step without latencies or a limit.
    pub(super) budget: Option<f64>,
    /// Whether the step is in its budget; `None` if nothing was measured.
    pub(super) in_budget: Option<bool>,
    /// How often a request failed for a reason.
    pub(super) reasons: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Latency {
    pub(super) mean: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p90: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) max: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Quantile {
    pub(super) percent: f64,
    pub(super) latency: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct TimelineSummary {
    pub(super) interval_seconds: f64,
    pub(super) points: Vec<Point>,
}

/// A scenario in one interval.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    /// When the interval began, from the start of the measurement.
    pub(super) at: f64,
    pub(super) scenario: Scenario,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl Summary {
    pub(super) fn new(
        measured: &Measured,
        thresholds: &[Threshold],
        environment: Environment,
        ended_by: RunEnd,
        time: Duration,
    ) -> Self {
        let verdicts: Vec<_> = thresholds
            .iter()
            .map(|one| verdict(one, measured))
            .collect();
        let scenarios = measured
            .scenarios
            .iter()
            .map(|(scenario, record)| ScenarioSummary::new(*scenario, record, thresholds, time));
        Self {
            passed: verdicts.iter().all(|verdict| verdict.passed),
            ended_by,
            seconds: rounded(time.as_secs_f64()),
            environment,
            thresholds: verdicts,
            scenarios: scenarios.collect(),
            warm_up_requests: measured.warm_up_requests,
            late_starts: measured.late,
            timeline: TimelineSummary::new(measured),
        }
    }
}

/// A time as in RFC 3339.
pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn verdict(threshold: &Threshold, measured: &Measured) -> Verdict {
    let value = value(threshold, measured);
    Verdict {
        threshold: threshold.to_string(),
        value: value.map(rounded),
        unit: threshold.metric.unit(),
        passed: threshold.is_met(value),
    }
}

/// What was measured of the thing that a threshold limits.
fn value(threshold: &Threshold, measured: &Measured) -> Option<f64> {
    let scenario = threshold.scenario?;
    let record = measured.scenarios.get(&scenario)?;
    let step = match threshold.step {
        Some(name) => {
            let index = scenario.steps().iter().position(|step| *step == name)?;
            Some(record.steps.get(index)?)
        }
        None => None,
    };
    let latencies = step.map_or(&record.latencies, |step| &step.latencies);
    match threshold.metric {
        Metric::Percentile(percent) => latencies.quantile(percent / 100.0),
        Metric::Mean => latencies.mean(),
        Metric::Max => latencies.max(),
        Metric::Errors => match step {
            Some(step) => share(step.failures, step.requests),
            None => share(record.failures(), record.requests()),
        },
        Metric::Dropped => {
            let dropped = record.dropped();
            share(dropped, dropped + record.ended() + record.unfinished)
        }
        Metric::Success => share(record.succeeded, record.ended()),
    }
}

impl ScenarioSummary {
    fn new(
        scenario: Scenario,
        record: &ScenarioRecord,
        thresholds: &[Threshold],
        time: Duration,
    ) -> Self {
        let steps = scenario.steps().iter().zip(&record.steps);
        let steps = steps.map(|(name, step)| {
            let budgeted = |of: Option<&'static str>| {
                thresholds.iter().find(|one| {
                    one.scenario == Some(scenario) && one.step == of && one.metric == BUDGETED
                })
            };
            let budget = budgeted(Some(*name)).or_else(|| budgeted(None));
            StepSummary::new(name, step, budget)
        });
        let requests = record.requests();
        Self {
            name: scenario,
            journeys: Journeys {
                succeeded: record.succeeded,
                failed: record.failed,
                unfinished: record.unfinished,
                dropped_in_flight: record.dropped_in_flight,
                dropped_nothing_to_return: record.dropped_nothing_to_return,
            },
            requests,
            failures: record.failures(),
            errors_percent: share(record.failures(), requests).map(rounded),
            requests_per_second: rounded(requests as f64 / time.as_secs_f64().max(0.001)),
            updates: record.updates,
            latency: Latency::new(&record.latencies),
            distribution: distribution(&record.latencies),
            steps: steps.collect(),
        }
    }
}

impl StepSummary {
    fn new(name: &'static str, step: &StepRecord, threshold: Option<&Threshold>) -> Self {
        let p95 = step.latencies.quantile(0.95);
        let has_latencies = step.requests == 0 || p95.is_some();
        let threshold = threshold.filter(|_| has_latencies);
        Self {
            name,
            requests: step.requests,
            failures: step.failures,
            latency: Latency::new(&step.latencies),
            budget: threshold.map(Threshold::limit),
            in_budget: threshold
                .filter(|_| p95.is_some())
                .map(|one| one.is_met(p95)),
            reasons: step.reasons.clone(),
        }
    }
}

impl Latency {
    fn new(latencies: &Latencies) -> Self {
        let quantile = |at| latencies.quantile(at).map(rounded);
        Self {
            mean: latencies.mean().map(rounded),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: latencies.max().map(rounded),
        }
    }
}

impl TimelineSummary {
    fn new(measured: &Measured) -> Self {
        let timeline = &measured.timeline;
        // Intervals without an answer are part of it: they are what a stall looks like.
        let empty = &Interval::default();
        let points = timeline.intervals().flat_map(|(at, interval)| {
            measured.scenarios.keys().map(move |scenario| {
                let one = interval.get(scenario).unwrap_or(empty);
                let quantile = |at| one.latencies.quantile(at).map(rounded);
                Point {
                    at: rounded(at.as_secs_f64()),
                    scenario: *scenario,
                    requests: one.requests,
                    failures: one.failures,
                    p50: quantile(0.5),
                    p95: quantile(0.95),
                    p99: quantile(0.99),
                }
            })
        });
        Self {
            interval_seconds: rounded(timeline.width().as_secs_f64()),
            points: points.collect(),
        }
    }
}

/// Every half percent, and finer where it is rare.
fn distribution(latencies: &Latencies) -> Vec<Quantile> {
    let coarse = (0..200_u32).map(|step| f64::from(step) / 2.0);
    let fine = [99.7, 99.9, 99.95, 99.99, 100.0];
    let percents = coarse.chain(fine);
    let quantiles = percents.filter_map(|percent| {
        let latency = rounded(latencies.quantile(percent / 100.0)?);
        Some(Quantile { percent, latency })
    });
    quantiles.collect()
}

/// In percent; `None` of nothing.
fn share(part: u64, whole: u64) -> Option<f64> {
    if whole == 0 {
        return None;
    }
    Some(part as f64 * 100.0 / whole as f64)
}

/// To three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
