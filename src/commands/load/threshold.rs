//! Limits on what is measured, which decide the exit code.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use super::scenario::{Scenario, ScenarioError, Scenarios};

/// A limit such as `browse:p95<180ms`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Threshold {
    /// The scenario; `None` for each that runs.
    pub(super) scenario: Option<Scenario>,
    /// One of the scenario's steps; `None` for all of them together.
    pub(super) step: Option<&'static str>,
    pub(super) metric: Metric,
    comparison: Comparison,
    /// In milliseconds or percent.
    limit: f64,
}

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Metric {
    /// A percentile of the latency, from 0 to 100.
    Percentile(f64),
    Mean,
    Max,
    /// Failed requests of all requests.
    Errors,
    /// Journeys that were not started of all that were due.
    Dropped,
    /// Journeys without a failed request of all that ended.
    Success,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The text is no threshold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ThresholdError {
    #[error("{0:?} is no limit: write it like p95<250ms, errors<1% or success>95%")]
    Malformed(String),
    #[error(
        "{0:?} is nothing that is measured: use p50, p95, p99.9, mean, max, errors, dropped or success"
    )]
    Metric(String),
    #[error("{0:?} is no time: write it like 250ms, 1.5s or 800us")]
    Time(String),
    #[error("{0:?} is no share: write it like 1%, from 0% to 100%")]
    Share(String),
    #[error("{scenario} has no step {step:?}: use {steps}")]
    Step {
        scenario: Scenario,
        step: String,
        steps: String,
    },
    #[error("{0} is measured for a whole scenario, not for a step")]
    WholeScenario(String),
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error("the limit {0} is about a scenario that does not run: add it to --scenario")]
    NotRun(String),
}

impl Metric {
    fn is_latency(self) -> bool {
        matches!(self, Self::Percentile(_) | Self::Mean | Self::Max)
    }

    /// The unit of its values.
    pub(super) fn unit(self) -> &'static str {
        if self.is_latency() { "ms" } else { "%" }
    }
}

impl FromStr for Metric {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ThresholdError::Metric(text.to_owned());
        Ok(match text {
            "mean" => Self::Mean,
            "max" => Self::Max,
            "errors" => Self::Errors,
            "dropped" => Self::Dropped,
            "success" => Self::Success,
            _ => {
                let percent = text.strip_prefix('p').ok_or_else(error)?;
                let percent: f64 = percent.parse().map_err(|_| error())?;
                if !(0.0..=100.0).contains(&percent) {
                    return Err(error());
                }
                Self::Percentile(percent)
            }
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p{percent}"),
            Self::Mean => f.write_str("mean"),
            Self::Max => f.write_str("max"),
            Self::Errors => f.write_str("errors"),
            Self::Dropped => f.write_str("dropped"),
            Self::Success => f.write_str("success"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

/// A time in milliseconds.
fn milliseconds(text: &str) -> Result<f64, ThresholdError> {
    let error = || ThresholdError::Time(text.to_owned());
    // `ms` and `us` end with an s, too.
    let units = [("ms", 1.0), ("us", 0.001), ("µs", 0.001), ("s", 1_000.0)];
    let found = units
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(*unit)?, *scale)));
    let (number, scale) = found.ok_or_else(error)?;
    let number: f64 = number.trim().parse().map_err(|_| error())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number * scale)
    } else {
        Err(error())
    }
}

/// A share in percent.
fn percent(text: &str) -> Result<f64, ThresholdError> {
    let error = || ThresholdError::Share(text.to_owned());
    let number = text.strip_suffix('%').ok_or_else(error)?;
    let number: f64 = number.trim().parse().map_err(|_| error())?;
    if (0.0..=100.0).contains(&number) {
        Ok(number)
    } else {
        Err(error())
    }
}

/// The scenario and step before the colon.
fn place(text: &str) -> Result<(Scenario, Option<&'static str>), ThresholdError> {
    let Some((scenario, step)) = text.split_once('.') else {
        return Ok((text.parse::<Scenario>()?, None));
    };
    let scenario: Scenario = scenario.parse()?;
    let known = scenario.steps().iter().find(|known| **known == step);
    match known {
        Some(step) => Ok((scenario, Some(*step))),
        None => Err(ThresholdError::Step {
            scenario,
            step: step.to_owned(),
            steps: scenario.steps().join(", "),
        }),
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ThresholdError::Malformed(text.to_owned());
        let text = text.trim();
        let at = text.find(['<', '>']).ok_or_else(malformed)?;
        let (before, after) = text.split_at(at);
        let (comparison, limit) = if let Some(limit) = after.strip_prefix("<=") {
            (Comparison::LessOrEqual, limit)
        } else if let Some(limit) = after.strip_prefix(">=") {
            (Comparison::GreaterOrEqual, limit)
        } else if let Some(limit) = after.strip_prefix('<') {
            (Comparison::Less, limit)
        } else {
            (Comparison::Greater, &after[1..])
        };
        let (scenario, step, metric) = match before.split_once(':') {
            Some((of, metric)) => {
                let (scenario, step) = place(of.trim())?;
                (Some(scenario), step, metric)
            }
            None => (None, None, before),
        };
        let metric: Metric = metric.trim().parse()?;
        if step.is_some() && matches!(metric, Metric::Dropped | Metric::Success) {
            return Err(ThresholdError::WholeScenario(metric.to_string()));
        }
        let limit = limit.trim();
        let limit = if metric.is_latency() {
            milliseconds(limit)?
        } else {
            percent(limit)?
        };
        Ok(Self {
            scenario,
            step,
            metric,
            comparison,
            limit,
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scenario) = self.scenario {
            write!(f, "{scenario}")?;
            if let Some(step) = self.step {
                write!(f, ".{step}")?;
            }
            f.write_str(":")?;
        }
        let unit = self.metric.unit();
        write!(f, "{}{}{}{unit}", self.metric, self.comparison, self.limit)
    }
}

impl Threshold {
    fn new(scenario: Scenario, metric: Metric, comparison: Comparison, limit: f64) -> Self {
        Self {
            scenario: Some(scenario),
            step: None,
            metric,
            comparison,
            limit,
        }
    }

    /// In milliseconds or percent.
    pub(super) fn limit(&self) -> f64 {
        self.limit
    }

    /// Whether a value satisfies it. What was not measured does not.
    pub(super) fn is_met(&self, value: Option<f64>) -> bool {
        let Some(value) = value else { return false };
        match self.comparison {
            Comparison::Less => value < self.limit,
            Comparison::LessOrEqual => value <= self.limit,
            Comparison::Greater => value > self.limit,
            Comparison::GreaterOrEqual => value >= self.limit,
        }
    }

    /// Whether both limit the same.
    fn concerns_same(&self, other: &Self) -> bool {
        (self.scenario, self.step, self.metric) == (other.scenario, other.step, other.metric)
    }
}

/// The highest 95th percentile of a scenario's requests, in milliseconds, and failed requests, in percent.
fn budget(scenario: Scenario) -> (f64, f64) {
    match scenario {
        Scenario::Browse => (180.0, 2.0),
        Scenario::Account => (220.0, 3.0),
        // Third parties answer in between.
        Scenario::Checkout | Scenario::Returns => (320.0, 5.0),
        Scenario::Tracking => (320.0, 2.0),
    }
}

/// The limits of a scenario where none is given.
fn defaults(scenario: Scenario) -> Vec<Threshold> {
    let (latency, errors) = budget(scenario);
    let less = |metric, limit| Threshold::new(scenario, metric, Comparison::Less, limit);
    let mut limits = vec![
        less(Metric::Percentile(95.0), latency),
        less(Metric::Errors, errors),
        less(Metric::Dropped, 1.0),
    ];
    if scenario == Scenario::Checkout {
        let success = Threshold::new(scenario, Metric::Success, Comparison::Greater, 95.0);
        limits.push(success);
    }
    limits
}

/// The limits of a run: those of its scenarios, replaced and extended by the given ones.
pub(super) fn of_run(
    scenarios: &Scenarios,
    given: &[Threshold],
) -> Result<Vec<Threshold>, ThresholdError> {
    let mut limits: Vec<_> = scenarios.names().flat_map(defaults).collect();
    for threshold in given {
        let concerned: Vec<_> = scenarios
            .names()
            .filter(|name| threshold.scenario.is_none_or(|only| only == *name))
            .collect();
        if concerned.is_empty() {
            return Err(ThresholdError::NotRun(threshold.to_string()));
        }
        for scenario in concerned {
            let threshold = Threshold {
                scenario: Some(scenario),
                ..threshold.clone()
            };
            limits.retain(|limit| !limit.concerns_same(&threshold));
            limits.push(threshold);
        }
    }
    // Stable, so that a scenario's limits stay in their order.
    limits.sort_by_key(|limit| limit.scenario);
    Ok(limits)
}
