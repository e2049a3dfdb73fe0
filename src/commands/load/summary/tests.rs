//! What a run's results say about a run that went wrong in part.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::commands::load::failure::Failure;
use crate::commands::load::recorder::{JourneyEnd, Recorder, Sample};
use crate::commands::load::scenario::Scenarios;
use crate::commands::load::threshold;

/// A run of `browse` and `tracking` with a failure whose code is markup.
pub(in crate::commands::load) fn example(given: &[&str]) -> Summary {
    let from = Instant::now();
    let scenarios: Scenarios = "browse,tracking".parse().unwrap();
    let recorder = Recorder::new(scenarios.names(), from);
    let add = |scenario, step, millis, result, is_timed| {
        recorder.add(Sample {
            scenario,
            step,
            due: from,
            ended: from + Duration::from_millis(millis),
            result,
            is_timed,
        });
    };
    recorder.start(from);
    for millis in 1..=98 {
        add(Scenario::Browse, "search", millis, Ok(()), true);
    }
    let strange = Failure::Graphql("<script>".to_owned());
    add(Scenario::Browse, "product", 2_000, Err(strange), true);
    add(
        Scenario::Browse,
        "product",
        3_000,
        Err(Failure::Timeout),
        true,
    );
    recorder.finish(Scenario::Browse, from, JourneyEnd::Failed);
    add(Scenario::Tracking, "hold", 1_000, Ok(()), false);
    let given: Vec<Threshold> = given.iter().map(|text| text.parse().unwrap()).collect();
    let thresholds = threshold::of_run(&scenarios, &given).unwrap();
    let environment = Environment {
        version: "1.2.3",
        target: "http://127.0.0.1:4000/graphql?a=1&b=<2>".to_owned(),
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        options: vec![RunOption {
            name: "--rate",
            value: "5/s".to_owned(),
        }],
        customers: 3,
    };
    recorder.read(|measured| {
        let time = Duration::from_secs(4);
        Summary::new(measured, &thresholds, environment, RunEnd::Duration, time)
    })
}

#[test]
fn thresholds_are_judged_by_what_was_measured() {
    let summary = example(&["browse.search:p50<60ms", "browse:success>=0%"]);
    let verdicts = summary.thresholds.iter();
    let verdicts: Vec<_> = verdicts
        .map(|one| (one.threshold.as_str(), one.value.is_some(), one.passed))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("browse:p95<180ms", true, true),
            ("browse:errors<2%", true, false),
            ("browse:dropped<1%", true, true),
            ("browse.search:p50<60ms", true, true),
            ("browse:success>=0%", true, true),
            // Nothing was timed.
            ("tracking:p95<320ms", false, false),
            ("tracking:errors<2%", true, true),
            ("tracking:dropped<1%", false, false),
        ]
    );
    assert!(!summary.passed);
    let relaxed = example(&["browse:errors<2.1%"]).thresholds;
    let relaxed = relaxed.iter().find(|one| one.threshold.contains("2.1%"));
    assert!(relaxed.unwrap().passed);
}

#[test]
fn the_json_has_every_step_with_its_budget() {
    let summary = serde_json::to_value(example(&["browse.product:p95<5s"])).unwrap();
    assert_eq!(summary["passed"], false);
    assert_eq!(summary["ended_by"], "duration");
    assert_eq!(summary["environment"]["version"], "1.2.3");
    let browse = &summary["scenarios"][0];
    assert_eq!(browse["name"], "browse");
    assert_eq!(browse["requests"], 100);
    assert_eq!(browse["errors_percent"], 2.0);
    assert_eq!(browse["requests_per_second"], 25.0);
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let latency = ["max", "mean", "p50", "p90", "p95", "p99"].map(str::to_owned);
    assert_eq!(keys(&browse["latency"]), latency.into());
    let step = |scenario: usize, step: usize, field: &str| {
        summary["scenarios"][scenario]["steps"][step][field].clone()
    };
    let names: Vec<_> = (0..4).map(|number| step(0, number, "name")).collect();
    assert_eq!(names, ["search", "suggestions", "filter", "product"]);
    assert_eq!(step(0, 0, "budget"), 180.0);
    assert_eq!(step(0, 0, "in_budget"), true);
    assert_eq!(step(0, 1, "in_budget"), json!(null));
    assert_eq!(step(0, 3, "budget"), 5_000.0);
    assert_eq!(
        step(0, 3, "reasons"),
        json!({ "error <script>": 1, "timeout": 1 })
    );
    assert_eq!(step(1, 2, "budget"), json!(null));
    let points = summary["timeline"]["points"].as_array().unwrap();
    let requests = points
        .iter()
        .map(|point| point["requests"].as_u64().unwrap());
    assert_eq!(requests.sum::<u64>(), 101);
}

#[test]
fn a_distribution_rises_to_the_slowest_request() {
    let summary = example(&[]);
    let distribution = &summary.scenarios[0].distribution;
    assert!(distribution.is_sorted_by(|a, b| a.latency <= b.latency));
    let last = distribution.last().unwrap();
    assert_eq!((last.percent, last.latency), (100.0, 3_000.0));
    assert!(summary.scenarios[1].distribution.is_empty());
}

#[test]
fn a_time_without_answers_is_part_of_the_timeline() {
    let timeline = example(&[]).timeline;
    // Requests of browse ended in three of four seconds, and one of tracking in the second.
    let requests = |scenario| {
        let points = timeline.points.iter();
        let points = points.filter(|point| point.scenario == scenario);
        points.map(|point| point.requests).collect::<Vec<_>>()
    };
    assert_eq!(requests(Scenario::Browse), [98, 0, 1, 1]);
    assert_eq!(requests(Scenario::Tracking), [0, 1, 0, 0]);
    let silent = &timeline.points[2];
    assert_eq!((silent.at, silent.requests, silent.p99), (1.0, 0, None));
}
