//! The report: one HTML file without references to others. The template escapes every value; only the plots, which
//! contain no foreign text, are markup.

mod plot;

use anyhow::Context;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::json;

use self::plot::{Axis, Line, Plot};
use super::format::{milliseconds, percent};
use super::scenario::Scenario;
use super::summary::{Point, Summary};

/// Its extension makes the engine escape.
const NAME: &str = "report.html";
const TEMPLATE: &str = include_str!("report.html");

/// A plot on the page.
#[derive(Serialize)]
struct Figure {
    title: String,
    svg: String,
    legend: Vec<Entry>,
}

/// A line's name.
#[derive(Serialize)]
struct Entry {
    style: usize,
    name: &'static str,
}

/// The report of a run.
pub(super) fn render(summary: &Summary) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("milliseconds", milliseconds);
    environment.add_filter("percent", percent);
    environment
        .add_template(NAME, TEMPLATE)
        .context("the report's template")?;
    let values = json!({ "summary": summary, "figures": figures(summary) });
    let template = environment.get_template(NAME)?;
    let report = template.render(Value::from(Serde(values)));
    report.context("the report cannot be written")
}

fn figures(summary: &Summary) -> Vec<Figure> {
    let scenarios: Vec<_> = summary.scenarios.iter().map(|one| one.name).collect();
    let seconds = summary.timeline.interval_seconds.max(0.001);
    let mut figures = vec![
        over_time(
            summary,
            &scenarios,
            "Requests",
            "requests a second",
            &|point| Some(point.requests as f64 / seconds),
        ),
        over_time(
            summary,
            &scenarios,
            "Failed requests",
            "failures a second",
            &|point| Some(point.failures as f64 / seconds),
        ),
        distribution(summary),
    ];
    let scenarios = scenarios.iter();
    figures.extend(scenarios.map(|scenario| percentiles(summary, *scenario)));
    figures
}

/// The style of a scenario's line, the same in all plots.
fn style(scenario: Scenario) -> usize {
    let position = Scenario::ALL.iter().position(|one| *one == scenario);
    position.unwrap_or_default()
}

fn figure(title: String, x: Axis, y: Axis, lines: Vec<(&'static str, Line)>) -> Figure {
    let legend = lines.iter().map(|(name, line)| Entry {
        style: line.style,
        name,
    });
    let legend = legend.collect();
    let plot = Plot {
        title: title.clone(),
        x,
        y,
        lines: lines.into_iter().map(|(_, line)| line).collect(),
    };
    Figure {
        svg: plot.svg(),
        title,
        legend,
    }
}

fn linear(label: &'static str) -> Axis {
    Axis {
        label,
        is_logarithmic: false,
    }
}

/// A line of points of a scenario.
fn line(
    summary: &Summary,
    scenario: Scenario,
    style: usize,
    value: &dyn Fn(&Point) -> Option<f64>,
) -> Line {
    let points = summary.timeline.points.iter();
    let points = points.filter(|point| point.scenario == scenario);
    Line {
        style,
        points: points
            .filter_map(|point| Some((point.at, value(point)?)))
            .collect(),
    }
}

/// A value of all scenarios over time.
fn over_time(
    summary: &Summary,
    scenarios: &[Scenario],
    title: &str,
    label: &'static str,
    value: &dyn Fn(&Point) -> Option<f64>,
) -> Figure {
    let lines = scenarios.iter().map(|scenario| {
        let line = line(summary, *scenario, style(*scenario), value);
        (scenario.name(), line)
    });
    let title = format!("{title} over time");
    figure(title, linear("seconds"), linear(label), lines.collect())
}

/// Latencies of a scenario over time.
fn percentiles(summary: &Summary, scenario: Scenario) -> Figure {
    let lines = vec![
        ("p50", line(summary, scenario, 0, &|point| point.p50)),
        ("p95", line(summary, scenario, 1, &|point| point.p95)),
        ("p99", line(summary, scenario, 2, &|point| point.p99)),
    ];
    let title = format!("Latency of {scenario} over time");
    figure(title, linear("seconds"), linear("milliseconds"), lines)
}

/// Which share of requests took at most how long.
fn distribution(summary: &Summary) -> Figure {
    let lines = summary.scenarios.iter().map(|scenario| {
        let points = scenario.distribution.iter();
        let line = Line {
            style: style(scenario.name),
            points: points.map(|one| (one.latency, one.percent)).collect(),
        };
        (scenario.name.name(), line)
    });
    let x = Axis {
        label: "milliseconds, logarithmic",
        is_logarithmic: true,
    };
    let title = "Distribution of latencies".to_owned();
    figure(title, x, linear("percent of requests"), lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::load::summary::tests::example;

    #[test]
    fn the_report_is_complete_in_itself_and_escapes_what_is_foreign() {
        let report = render(&example(&[])).unwrap();
        assert!(report.starts_with("<!doctype html>"));
        for part in [
            "browse:p95&lt;180ms",
            "error &lt;script&gt;",
            "?a=1&amp;b=&lt;2&gt;",
            "suggestions",
            "Latency of tracking over time",
            "prefers-color-scheme: dark",
        ] {
            assert!(report.contains(part), "{part}");
        }
        for foreign in [
            "<script",
            "<link rel=\"stylesheet\"",
            "src=",
            "url(",
            "@import",
        ] {
            assert!(!report.contains(foreign), "{foreign}");
        }
        assert_eq!(
            report.matches("<svg").count(),
            report.matches("</svg>").count()
        );
        // Two steps of each scenario; what is held open has no budget.
        assert_eq!(report.matches("not measured</span>").count(), 4);
        // Requests, failures, the distribution, and the latencies of two scenarios.
        assert_eq!(report.matches("<figure>").count(), 5);
        assert_eq!(
            report.matches("<figure>").count(),
            report.matches("class=\"plot\"").count()
        );
    }
}
