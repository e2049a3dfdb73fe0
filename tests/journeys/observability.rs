//! What operators see: one access log line per request, one request id across processes, metrics with HELP lines.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use serde_json::{Value, json};

use crate::kit::{DOMAINS, Process, vantage};
use crate::wait::until;

/// Touches all six domains.
const PAGE: &str = "query AccountPage { me { name notificationPreferences { timezone } \
    orders(first: 2) { nodes { items { product { price { current { amount { formatted } } } } \
    returnEligibility { eligible } } shipments { status } } } } \
    productSearch(query: \"earbuds\", first: 1) { nodes { title } } }";

/// Starts a process that logs JSON lines to a file.
async fn logged(mut command: tokio::process::Command, log: &Path) -> Process {
    command
        .env("VANTAGE_TELEMETRY__LOG_FORMAT", "json")
        .env("VANTAGE_TELEMETRY__LOG_LEVEL", "info")
        .stderr(File::create(log).unwrap());
    Process::start(command).await
}

fn lines(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines.collect()
}

/// Log lines with the request id in one of their spans.
fn of_request(log: &Path, id: &str) -> Vec<Value> {
    let has_id = |line: &Value| {
        let spans = line["spans"].as_array();
        spans.is_some_and(|spans| spans.iter().any(|span| span["request_id"] == id))
    };
    lines(log).into_iter().filter(has_id).collect()
}

async fn metrics(process: &Process) -> String {
    let response = reqwest::get(format!("{}/metrics", process.base)).await;
    response.unwrap().text().await.unwrap()
}

/// Operations of `router-config/rest/`, prepared at startup.
const REST_OPERATIONS: usize = 7;

#[tokio::test]
async fn one_request_has_one_id_in_the_logs_of_seven_processes() {
    let data = tempfile::tempdir().unwrap();
    let log = |name: &str| data.path().join(format!("{name}.log"));
    let mut seed = vantage(data.path());
    let seeded = seed
        .args(["seed", "--orders", "60"])
        .output()
        .await
        .unwrap();
    assert!(seeded.status.success(), "{seeded:?}");
    let mut urls: Vec<(String, String)> = Vec::new();
    let mut subgraphs = Vec::new();
    for domain in DOMAINS {
        let mut command = vantage(data.path());
        command
            .envs(urls.iter().map(|(name, url)| (name, url)))
            .args(["subgraph", domain, "--listen", "127.0.0.1:0"]);
        let process = logged(command, &log(domain)).await;
        let name = format!("VANTAGE_SUBGRAPHS__{}__URL", domain.to_uppercase());
        urls.push((name, format!("{}/graphql", process.base)));
        subgraphs.push(process);
    }
    let mut command = vantage(data.path());
    command
        .envs(urls.iter().map(|(name, url)| (name, url)))
        .args(["serve", "--router-only", "--listen", "127.0.0.1:0"]);
    let router = logged(command, &log("router")).await;
    let token = vantage(data.path())
        .args(["token", "--demo"])
        .output()
        .await;
    let token = String::from_utf8(token.unwrap().stdout).unwrap();

    let id = "journey-1.of/seven:processes";
    let answer = reqwest::Client::new()
        .post(format!("{}/graphql", router.base))
        .bearer_auth(token.trim())
        .header("x-request-id", id)
        .header("graphql-client-name", "storefront-web")
        .header("graphql-client-version", "7.1")
        .json(&json!({ "query": PAGE }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], id);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer.get("errors"), None, "{answer:#}");

    let line = until("the router logs the request", async || {
        let lines = of_request(&log("router"), id);
        lines.into_iter().find(|line| line["target"] == "access")
    })
    .await;
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["path"], "/graphql");
    assert_eq!(line["protocol"], "HTTP/1.1");
    assert_eq!(line["operation"], "AccountPage");
    assert_eq!(line["kind"], "query");
    assert_eq!(line["client"], "storefront-web");
    assert_eq!(line["client_version"], "7.1");
    assert_eq!(line["status"], 200);
    assert!(line["ms"].as_f64().unwrap() > 0.0, "{line}");
    for domain in DOMAINS {
        until(&format!("{domain} logs the request"), async || {
            let lines = of_request(&log(domain), id);
            lines.into_iter().find(|line| line["target"] == "access")
        })
        .await;
    }
    // Each request is logged once by each process's HTTP server.
    let all = of_request(&log("router"), id);
    let access = all.iter().filter(|line| line["target"] == "access");
    assert_eq!(access.count(), 1, "{all:#?}");

    // Warnings carry the request id, too.
    let orders = DOMAINS.iter().position(|name| *name == "orders").unwrap();
    subgraphs[orders].child.kill().await.unwrap();
    let id = "journey-without-orders";
    let answer = reqwest::Client::new()
        .post(format!("{}/graphql", router.base))
        .bearer_auth(token.trim())
        .header("x-request-id", id)
        .json(&json!({ "query": "{ me { name } }" }))
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "SUBGRAPH_UNAVAILABLE"
    );
    until("a warning has the id", async || {
        let lines = of_request(&log("router"), id);
        lines.into_iter().find(|line| line["level"] == "WARN")
    })
    .await;

    let text = metrics(&router).await;
    for expected in [
        "router_operations_total{operation=\"AccountPage\",client=\"storefront-web\"} 1",
        "router_operations_total{operation=\"anonymous\",client=\"anonymous\"} 1",
        "router_operation_errors_total{operation=\"anonymous\",client=\"anonymous\",code=\"SUBGRAPH_UNAVAILABLE\"} 1",
        &format!(
            "router_plan_cache_lookups_total{{outcome=\"miss\"}} {}",
            2 + REST_OPERATIONS
        ),
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test]
async fn every_metric_has_help_and_the_process_shows_what_it_is_and_uses() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_TELEMETRY__ACCESS_LOG", "false")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = logged(command, &log).await;
    for query in [
        "{ productSearch(query: \"earbuds\", first: 1) { totalCount } }",
        "{ nothing }",
    ] {
        let answer = reqwest::Client::new()
            .post(format!("{}/graphql", process.base))
            .json(&json!({ "query": query }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
    let text = metrics(&process).await;
    let named = |kind: &str| -> BTreeSet<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(kind));
        let names = lines.filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect()
    };
    let (typed, helped) = (named("# TYPE "), named("# HELP "));
    let without: Vec<_> = typed.difference(&helped).collect();
    assert_eq!(without, [] as [&String; 0]);
    for expected in [
        "vantage_build_info",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_start_time_seconds",
        "vantage_worker_up",
        "router_plan_cache_lookups_total",
    ] {
        assert!(typed.contains(expected), "{expected}: {typed:?}");
    }
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text}");
    // Operations that fail preparation are counted under `other`.
    let refused = "router_operation_errors_total{operation=\"other\",client=\"anonymous\"";
    assert!(text.contains(refused), "{text}");
    assert_eq!(process.stop().await.code(), Some(0));
    // Only the access log is off.
    let lines = lines(&log);
    assert!(!lines.is_empty());
    let access = lines.iter().filter(|line| line["target"] == "access");
    assert_eq!(access.count(), 0, "{lines:#?}");
}
