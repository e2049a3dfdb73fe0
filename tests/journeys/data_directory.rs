//! The data directory: missing, damaged, locked, backed up and restored.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::kit::{Graph, Layout, Process, layouts, vantage};
use crate::orders::{PLACE, PRODUCTS, input};

fn small_shop(data: &Path) -> Command {
    let mut command = vantage(data);
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

/// Runs to completion, expects failure, and returns stderr.
async fn stderr_of_failure(command: &mut Command) -> String {
    let output = command
        .stderr(std::process::Stdio::piped())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    let errors = told.lines().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 1, "{told}");
    told
}

async fn run(data: &Path, arguments: &[&str]) -> String {
    let output = vantage(data).args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A shop queried as the demo customer.
struct Shop {
    process: Process,
    token: String,
    http: reqwest::Client,
}

impl Shop {
    async fn start(data: &Path) -> Self {
        Self {
            process: Process::start(small_shop(data)).await,
            token: run(data, &["token", "--demo"]).await,
            http: reqwest::Client::new(),
        }
    }

    async fn query(&self, query: &str, variables: Value) -> Value {
        let request = self.http.post(format!("{}/graphql", self.process.base));
        let request = request.bearer_auth(&self.token);
        let request = request.json(&json!({ "query": query, "variables": variables }));
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn stop(mut self) {
        assert_eq!(self.process.stop().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_missed_and_made_anew_only_on_request() {
    let data = tempfile::tempdir().unwrap();
    Shop::start(data.path()).await.stop().await;
    let file = data.path().join("returns.sqlite");
    std::fs::remove_file(&file).unwrap();
    let told = stderr_of_failure(&mut small_shop(data.path())).await;
    assert!(told.contains(file.to_str().unwrap()), "{told}");
    assert!(told.contains("--create-database returns"), "{told}");
    assert!(!file.exists());
    std::fs::write(&file, "").unwrap();
    let told = stderr_of_failure(&mut small_shop(data.path())).await;
    assert!(told.contains("is empty, but it was there before"), "{told}");
    let mut command = small_shop(data.path());
    command.args(["--create-database", "returns"]);
    let mut process = Process::start(command).await;
    assert!(file.exists());
    assert_eq!(process.stop().await.code(), Some(0));
    Shop::start(data.path()).await.stop().await;
}

#[tokio::test]
async fn a_directory_is_served_by_one_process() {
    let data = tempfile::tempdir().unwrap();
    let shop = Shop::start(data.path()).await;
    let told = stderr_of_failure(&mut small_shop(data.path())).await;
    assert!(told.contains("another process serves"), "{told}");
    assert!(told.contains(data.path().to_str().unwrap()), "{told}");
    let mut subgraph = vantage(data.path());
    subgraph.args(["subgraph", "orders", "--listen", "127.0.0.1:0"]);
    assert!(
        stderr_of_failure(&mut subgraph)
            .await
            .contains("another process serves orders")
    );
    shop.stop().await;
    Shop::start(data.path()).await.stop().await;
}

#[tokio::test]
async fn who_only_looks_leaves_nothing_in_a_wrong_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let wrong = scratch.path().join("wrong");
    for arguments in [&["token", "--demo"][..], &["outbox", "list"]] {
        let mut command = vantage(scratch.path());
        command.args(arguments).arg("--data").arg(&wrong);
        let told = stderr_of_failure(&mut command).await;
        assert!(told.contains(wrong.to_str().unwrap()), "{told}");
        assert!(!wrong.exists(), "{arguments:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_named() {
    let data = tempfile::tempdir().unwrap();
    Shop::start(data.path()).await.stop().await;
    let file = data.path().join("tracking.sqlite");
    for log in ["tracking.sqlite-wal", "tracking.sqlite-shm"] {
        // A clean shutdown removes them.
        let _ = std::fs::remove_file(data.path().join(log));
    }
    std::fs::write(&file, "this is no database, however long it is".repeat(100)).unwrap();
    let told = stderr_of_failure(&mut small_shop(data.path())).await;
    assert!(told.contains(file.to_str().unwrap()), "{told}");

    // Nobody listens there.
    let address = "127.0.0.1:9";
    let mut command = small_shop(data.path());
    command.env(
        "VANTAGE_DATABASE_URL",
        format!("postgres://u:secret@{address}/d"),
    );
    let told = stderr_of_failure(&mut command).await;
    assert!(told.contains(address), "{told}");
    assert!(told.contains("refused"), "{told}");
    assert!(!told.contains("secret"), "{told}");
}

#[tokio::test]
async fn a_damaged_search_index_is_built_anew() {
    let data = tempfile::tempdir().unwrap();
    Shop::start(data.path()).await.stop().await;
    let index = data.path().join("search-index");
    let garbage = b"\xff\xfe garbage";
    let damages: [&dyn Fn(); 4] = [
        &|| std::fs::write(index.join("CURRENT"), garbage).unwrap(),
        &|| {
            std::fs::remove_file(index.join("CURRENT")).unwrap();
            std::fs::create_dir(index.join("CURRENT")).unwrap();
        },
        &|| damage_files(&index, garbage),
        &|| {
            std::fs::remove_dir_all(&index).unwrap();
            std::fs::write(&index, garbage).unwrap();
        },
    ];
    for damage in damages {
        damage();
        let shop = Shop::start(data.path()).await;
        let found = shop.query(PRODUCTS, json!({})).await;
        let nodes = &found["data"]["productSearch"]["nodes"];
        assert_eq!(nodes.as_array().unwrap().len(), 2, "{found:#}");
        shop.stop().await;
    }
}

fn damage_files(directory: &Path, garbage: &[u8]) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage_files(&path, garbage);
        } else if path.file_name().unwrap() != "CURRENT" {
            std::fs::write(path, garbage).unwrap();
        }
    }
}

#[tokio::test]
async fn of_processes_that_start_together_one_writes_the_demo_shop() {
    if !layouts().contains(&Layout::Postgres) {
        return;
    }
    let graph = Graph::start(Layout::Postgres, &[("VANTAGE_DEMO__ORDERS", "60")], &[]).await;
    let empty = graph.empty_database().await;
    let shops: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let processes = shops.iter().map(|data| {
        let mut command = small_shop(data.path());
        command.env("VANTAGE_DATABASE_URL", &empty);
        Process::start(command)
    });
    for mut process in futures::future::join_all(processes).await {
        let ready = reqwest::get(format!("{}/readyz", process.base)).await;
        assert_eq!(ready.unwrap().status(), 200);
        assert_eq!(process.stop().await.code(), Some(0));
    }
    graph.drop_database(&empty).await;
    graph.stop().await;
}

#[tokio::test]
async fn a_backup_under_load_has_all_that_was_acknowledged_before_it() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let shop = Arc::new(Shop::start(&data).await);
    let found = shop.query(PRODUCTS, json!({})).await;
    let product = found["data"]["productSearch"]["nodes"][0].clone();
    let place = async |shop: &Shop, key: &str| -> Option<String> {
        let variables = json!({ "input": input(&product, "pm_card_visa"), "key": key });
        let placed = shop.query(PLACE, variables).await;
        let id = placed["data"]["orderPlace"]["order"]["id"].as_str();
        id.map(str::to_owned)
    };
    // Enough for as many orders as are placed during the backup.
    let enough = product["id"].as_str().unwrap();
    let enough = ["stock", "set", enough, "1000", "--reason", "delivery"];
    run(&data, &[&enough[..], &["--actor", "warehouse"]].concat()).await;
    let mut before = Vec::new();
    for key in 0..5 {
        before.push(place(&shop, &key.to_string()).await.unwrap());
    }
    let is_over = AtomicBool::new(false);
    let load = async {
        let mut placed = 0;
        while !is_over.load(Ordering::Relaxed) {
            let key = format!("during {placed}");
            place(&shop, &key).await.unwrap();
            placed += 1;
        }
        placed
    };
    let backup = scratch.path().join("backup");
    let backing_up = async {
        let told = run(&data, &["backup", backup.to_str().unwrap()]).await;
        is_over.store(true, Ordering::Relaxed);
        told
    };
    let (placed, told) = tokio::join!(load, backing_up);
    assert!(told.starts_with("backed up 6 databases, 2 keys"), "{told}");
    let second = stderr_of_failure(vantage(&data).arg("backup").arg(&backup)).await;
    assert!(second.contains("is not empty"), "{second}");
    let occupied = stderr_of_failure(vantage(&data).arg("restore").arg(&backup)).await;
    assert!(occupied.contains("move it away"), "{occupied}");
    Arc::into_inner(shop).unwrap().stop().await;

    let restored = scratch.path().join("restored");
    std::fs::create_dir(&restored).unwrap();
    let told = run(&restored, &["restore", backup.to_str().unwrap()]).await;
    assert!(told.starts_with("restored 6 databases"), "{told}");
    let shop = Shop::start(&restored).await;
    let order = "query($id: ID!) { order(id: $id) { id status } }";
    for id in before {
        let found = shop.query(order, json!({ "id": id })).await;
        assert_eq!(found["data"]["order"]["id"], id.as_str(), "{found:#}");
    }
    let found = shop.query(PRODUCTS, json!({})).await;
    assert_eq!(found.get("errors"), None, "{found:#}");
    let placed_now = place(&shop, "after").await;
    assert!(placed_now.is_some(), "after {placed} during the backup");
    shop.stop().await;

    // An interrupted backup has no manifest.
    std::fs::remove_file(backup.join("backup.json")).unwrap();
    let other = scratch.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let incomplete = stderr_of_failure(vantage(&other).arg("restore").arg(&backup)).await;
    assert!(incomplete.contains("not a complete backup"), "{incomplete}");
}
