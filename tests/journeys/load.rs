//! `vantage load`: every step of every scenario against a shop, reports, and exit codes.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::kit::{FIXED_RATES, Graph, Layout, vantage};

/// Limits that only failures miss, however slow this machine is.
static LENIENT: [&str; 8] = [
    "--threshold",
    "p95<100s",
    "--threshold",
    "errors<=0%",
    "--threshold",
    "dropped<=0%",
    "--threshold",
    "success>=100%",
];

/// A run that ends after its iterations.
static BOUNDED: [&str; 6] = ["--think", "0s", "--duration", "10m", "--timeout", "60s"];

async fn shop() -> Graph {
    let settings = [
        FIXED_RATES[0],
        FIXED_RATES[1],
        ("VANTAGE_DEMO__ORDERS", "400"),
    ];
    Graph::start(Layout::Sqlite, &settings, &[]).await
}

fn command(data: &Path, target: &str, arguments: &[&str]) -> Command {
    let mut command = vantage(data);
    command
        .args(["load", "--target", target])
        .args(arguments)
        .stderr(Stdio::piped());
    command
}

/// The exit code, the results, and what else was written.
async fn load(data: &Path, target: &str, arguments: &[&str]) -> (i32, String, String) {
    let output = command(data, target, arguments).output().await.unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_every_scenario_succeeds_and_is_reported() {
    let graph = shop().await;
    let files = tempfile::tempdir().unwrap();
    let (report, json) = (
        files.path().join("load.html"),
        files.path().join("load.json"),
    );
    let mut arguments = vec!["--scenario", "all", "--users", "3", "--iterations", "2"];
    arguments.extend(["--hold", "0s", "--report", report.to_str().unwrap()]);
    arguments.extend(["--json", json.to_str().unwrap()]);
    arguments.extend(BOUNDED.iter().chain(&LENIENT));
    let (code, results, errors) = load(graph.data(), &graph.router.base, &arguments).await;
    assert_eq!(code, 0, "{results} {errors}");
    assert!(
        results.contains("met     checkout:success>=100%: 100.00 %"),
        "{results}"
    );

    let summary: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(summary["passed"], true);
    assert_eq!(summary["ended_by"], "iterations");
    let report = std::fs::read_to_string(&report).unwrap();
    let scenarios = summary["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), 5);
    let mut steps = 0;
    for scenario in scenarios {
        assert_eq!(scenario["journeys"]["succeeded"], 2, "{scenario:#}");
        for step in scenario["steps"].as_array().unwrap() {
            steps += 1;
            assert_eq!(step["requests"], 2, "{step:#}");
            assert_eq!(step["failures"], 0, "{step:#}");
            let name = format!(
                "{}.{}",
                scenario["name"].as_str().unwrap(),
                step["name"].as_str().unwrap()
            );
            assert!(report.contains(&name), "{name}");
        }
    }
    assert_eq!(steps, 18);

    // Arrivals at a rate end after their iterations, too.
    let mut arguments = vec![
        "--scenario",
        "browse,account",
        "--rate",
        "20/s",
        "--iterations",
        "3",
    ];
    arguments.extend(BOUNDED.iter().chain(&LENIENT));
    let (code, results, errors) = load(graph.data(), &graph.router.base, &arguments).await;
    assert_eq!(code, 0, "{results} {errors}");
    assert!(results.starts_with("browse     12 requests"), "{results}");
    graph.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_threshold_is_1_and_a_run_that_cannot_begin_is_2() {
    let graph = shop().await;
    let base = graph.router.base.as_str();
    let mut arguments = vec!["--scenario", "browse", "--users", "1", "--iterations", "1"];
    arguments.extend(BOUNDED);
    arguments.extend(["--threshold", "p95<0.001ms"]);
    let (code, results, errors) = load(graph.data(), base, &arguments).await;
    assert_eq!(code, 1, "{results} {errors}");
    assert!(
        results.contains("missed  browse:p95<0.001ms: "),
        "{results}"
    );

    let (code, results, errors) = load(graph.data(), "http://127.0.0.1:9", &[]).await;
    assert_eq!((code, results.as_str()), (2, ""), "{errors}");
    assert!(
        errors.starts_with("error: http://127.0.0.1:9/graphql does not answer: connection refused"),
        "{errors}"
    );

    let (code, _, errors) = load(graph.data(), "http://shop.example", &[]).await;
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("add --allow-writes if that is meant"),
        "{errors}"
    );

    // A key that the server does not have.
    let elsewhere = tempfile::tempdir().unwrap();
    let (code, _, errors) = load(elsewhere.path(), base, &["--scenario", "account"]).await;
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--token-secret-file"), "{errors}");
    let (code, _, errors) = load(graph.data(), base, &["--threshold", "p95"]).await;
    assert_eq!(code, 2, "{errors}");
    graph.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_run_early_and_its_results_are_written() {
    let graph = shop().await;
    let files = tempfile::tempdir().unwrap();
    let json = files.path().join("load.json");
    let mut arguments = vec!["--scenario", "browse,account,tracking", "--rate", "3/s"];
    arguments.extend(["--duration", "1h", "--hold", "1h", "--timeout", "60s"]);
    arguments.extend(["--json", json.to_str().unwrap()]);
    arguments.extend(LENIENT);
    let mut child = command(graph.data(), &graph.router.base, &arguments)
        .spawn()
        .unwrap();
    // Once it has something to show.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains(" requests, ") && !line.contains(": 0 requests") {
            break;
        }
    }
    let id = child.id().expect("it runs").to_string();
    let signalled = Command::new("kill").args(["-INT", &id]).status().await;
    assert!(signalled.unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    let results = String::from_utf8(output.stdout).unwrap();
    assert!(results.starts_with("interrupted after "), "{results}");
    let summary: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(summary["ended_by"], "interrupted");
    let requests = summary["scenarios"].as_array().unwrap().iter();
    let requests = requests.map(|scenario| scenario["requests"].as_u64().unwrap());
    assert!(requests.sum::<u64>() > 0, "{summary:#}");
    graph.stop().await;
}
