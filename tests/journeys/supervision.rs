//! Background workers restart after any failure, and log failures affect neither workers nor requests.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use platform::testing::ports::free_port;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::kit::{Process, vantage};
use crate::orders::{PLACE, PRODUCTS, input};
use crate::wait::until;

/// A small shop with constantly moving parcels, so that all workers have work.
fn busy_shop(data: &Path) -> Command {
    let mut command = vantage(data);
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_DEMO__TICKER_INTERVAL", "50ms")
        .args(["serve", "--demo", "--listen", "127.0.0.1:0"]);
    command
}

async fn get(process: &Process, path: &str) -> String {
    let response = reqwest::get(format!("{}{path}", process.base)).await;
    response.unwrap().text().await.unwrap()
}

/// A metric by its only label.
async fn metric(process: &Process, name: &str) -> BTreeMap<String, f64> {
    let prefix = format!("{name}{{");
    let metrics = get(process, "/metrics").await;
    let lines = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix));
    lines
        .map(|line| {
            let (label, value) = line.rsplit_once("\"} ").unwrap();
            let (_, label) = label.split_once("=\"").unwrap();
            (label.to_owned(), value.parse().unwrap())
        })
        .collect()
}

async fn published(process: &Process) -> f64 {
    let published = metric(process, "vantage_outbox_published_total").await;
    published.get("orders").copied().unwrap_or_default()
}

/// Places an order and waits until its event is published.
async fn events_are_published(process: &Process, data: &Path) {
    let token = vantage(data).args(["token", "--demo"]).output().await;
    let token = String::from_utf8(token.unwrap().stdout).unwrap();
    let ask = async |query: &str, variables: Value| -> Value {
        let request = reqwest::Client::new()
            .post(format!("{}/graphql", process.base))
            .bearer_auth(token.trim())
            .json(&json!({ "query": query, "variables": variables }));
        request.send().await.unwrap().json().await.unwrap()
    };
    let found = ask(PRODUCTS, json!({})).await;
    let product = &found["data"]["productSearch"]["nodes"][0];
    let before = published(process).await;
    let variables = json!({ "input": input(product, "pm_card_visa"), "key": "supervised" });
    let placed = ask(PLACE, variables).await;
    assert_eq!(
        placed["data"]["orderPlace"]["userErrors"],
        json!([]),
        "{placed:#}"
    );
    until("events are published", async || {
        (published(process).await > before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_flag_file_that_breaks_shows_in_readyz_and_in_a_metric_until_it_is_mended() {
    let data = tempfile::tempdir().unwrap();
    let flags = data.path().join("flags.yaml");
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_FLAGS__FILE", &flags)
        .env("VANTAGE_FLAGS__RELOAD_INTERVAL", "20ms")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    std::fs::write(&flags, "flags: {}").unwrap();
    let process = Process::start(command).await;
    for (text, usable) in [("flags: [", "0"), ("flags: {}", "1")] {
        std::fs::write(&flags, text).unwrap();
        until("the file's state is reported", async || {
            let readyz = get(&process, "/readyz").await;
            let metrics = get(&process, "/metrics").await;
            let is_shown = readyz.contains("degraded: flags: the flags in ");
            let expected = format!("vantage_file_usable{{file=\"flags\"}} {usable}\n");
            (readyz.starts_with("ready\n")
                && is_shown == (usable == "0")
                && metrics.contains(&expected))
            .then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn every_background_task_comes_back_although_nobody_reads_the_log() {
    let data = tempfile::tempdir().unwrap();
    let faults = tempfile::tempdir().unwrap();
    let flags = data.path().join("flags.yaml");
    std::fs::write(&flags, "flags: {}").unwrap();
    let mut command = busy_shop(data.path());
    command
        .env("VANTAGE_TEST_WORKER_FAULTS", faults.path())
        .env("VANTAGE_FLAGS__FILE", &flags)
        .env("VANTAGE_TELEMETRY__LOG_LEVEL", "debug")
        .stderr(Stdio::piped());
    let mut process = Process::start(command).await;
    // What `| jq` leaves behind when it exits.
    drop(process.child.stderr.take());

    let workers = metric(&process, "vantage_worker_up").await;
    for expected in [
        "orders.outbox",
        "orders.sweep",
        "orders.payments",
        "orders.tracking.receive",
        "orders.tracking.deliver",
        "returns.tasks",
        "tracking.poll.dhl",
        "search.index",
        "demo.ticker",
        "flags",
        "metrics",
        "sandbox.http",
        "sandbox.webhooks",
    ] {
        assert!(workers.contains_key(expected), "{expected}: {workers:?}");
    }
    for (number, worker) in workers.keys().enumerate() {
        let fault = if number % 2 == 0 { "panic" } else { "end" };
        std::fs::write(faults.path().join(worker), fault).unwrap();
    }
    until("every worker is restarted", async || {
        let restarts = metric(&process, "vantage_worker_restarts_total").await;
        let up = metric(&process, "vantage_worker_up").await;
        (restarts.values().all(|count| *count >= 1.0) && up.values().all(|up| *up == 1.0))
            .then_some(())
    })
    .await;
    events_are_published(&process, data.path()).await;

    // A worker that keeps failing backs off longer each time, and is listed meanwhile.
    let told = until("/readyz names a worker that is down", async || {
        std::fs::write(faults.path().join("orders.outbox"), "panic").unwrap();
        let told = get(&process, "/readyz").await;
        told.contains("degraded").then_some(told)
    })
    .await;
    assert!(
        told.starts_with("ready\ndegraded: worker orders.outbox is down"),
        "{told}"
    );
    assert!(
        told.contains("it panicked: a panic injected by a test"),
        "{told}"
    );
    assert_eq!(process.stop().await.code(), Some(0));
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_neither_requests_nor_signals() {
    // A log that is closed, never read, or rejects every write.
    for log in ["closed", "full pipe", "full device"] {
        let data = tempfile::tempdir().unwrap();
        let mut command = busy_shop(data.path());
        command.env("VANTAGE_TELEMETRY__LOG_LEVEL", "trace");
        if log == "full device" {
            let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
            command.stderr(full.unwrap());
        } else {
            command.stderr(Stdio::piped());
        }
        let mut process = Process::start(command).await;
        let unwritten = match log {
            "closed" => {
                drop(process.child.stderr.take());
                "vantage_log_write_failures_total "
            }
            "full pipe" => "vantage_log_lines_dropped_total ",
            _ => "vantage_log_write_failures_total ",
        };
        until(log, async || {
            assert_eq!(get(&process, "/readyz").await, "ready\n", "{log}");
            let metrics = get(&process, "/metrics").await;
            metrics
                .lines()
                .any(|line| line.starts_with(unwritten))
                .then_some(())
        })
        .await;
        events_are_published(&process, data.path()).await;
        assert_eq!(process.stop().await.code(), Some(0), "{log}");
    }
}

#[tokio::test]
async fn a_welcome_that_nobody_reads_stops_no_server() {
    let data = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .args(["serve", "--listen", &address]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let url = format!("http://{address}/readyz");
    until("the process is ready", async || {
        let ready = reqwest::get(&url).await.ok()?.text().await.ok()?;
        (ready == "ready\n").then_some(())
    })
    .await;
    assert!(child.try_wait().unwrap().is_none());
    child.kill().await.unwrap();
}
