//! The admin address serves operators' endpoints, and the public address serves none of them.

use std::process::Stdio;

use crate::kit::{Process, vantage};
use crate::wait::until;

/// The address printed after a prefix.
pub(crate) async fn announced(process: &mut Process, word: &str) -> String {
    loop {
        let line = process.output.next_line().await.unwrap().expect("a line");
        if let Some(address) = line.strip_prefix(word) {
            return address.trim().to_owned();
        }
    }
}

async fn get(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn metrics_and_details_are_on_the_admin_listener_alone() {
    let data = tempfile::tempdir().unwrap();
    let faults = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_TEST_WORKER_FAULTS", faults.path())
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(["--admin-listen", "127.0.0.1:0"])
        .stderr(Stdio::null());
    let mut process = Process::start(command).await;
    let admin = announced(&mut process, "Admin at ").await;
    assert_eq!(get(&format!("{}/metrics", process.base)).await.0, 404);
    assert_eq!(get(&format!("{}/healthz", process.base)).await.0, 200);
    let (status, text) = get(&format!("{admin}/metrics")).await;
    assert_eq!(status, 200);
    assert!(text.contains("vantage_build_info"), "{text}");
    assert_eq!(get(&format!("{admin}/graphql")).await.0, 404);

    until("a worker is down", async || {
        std::fs::write(faults.path().join("orders.outbox"), "panic").unwrap();
        let (status, told) = get(&format!("{admin}/readyz")).await;
        assert_eq!(status, 200, "{told}");
        let public = get(&format!("{}/readyz", process.base)).await;
        assert_eq!(public, (200, "ready\n".to_owned()));
        let is_down = told.contains("degraded: worker orders.outbox is down");
        is_down.then_some(())
    })
    .await;
    assert_eq!(process.stop().await.code(), Some(0));
}

#[tokio::test]
async fn in_production_the_public_address_has_no_metrics_and_no_details() {
    let data = tempfile::tempdir().unwrap();
    let supergraph = data.path().join("supergraph.graphql");
    std::fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/schema/supergraph.graphql"),
        &supergraph,
    )
    .unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_MODE", "production")
        .env(
            "VANTAGE_AUTH__JWKS__URL",
            "https://user:canary@id.invalid/keys?canary",
        )
        .env(
            "VANTAGE_SUBGRAPHS__ORDERS__URL",
            "http://user:canary@127.0.0.1:1/graphql",
        )
        .env(
            "VANTAGE_SUBGRAPH_SECRET",
            "0123456789abcdef0123456789abcdef",
        )
        .args(["serve", "--router-only", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped());
    for domain in ["PRICING", "SEARCH", "RETURNS", "NOTIFICATIONS", "TRACKING"] {
        let url = "http://user:canary@127.0.0.1:1/graphql?canary";
        command.env(format!("VANTAGE_SUBGRAPHS__{domain}__URL"), url);
    }
    let mut process = Process::start(command).await;
    let log = process.child.stderr.take().unwrap();
    assert_eq!(get(&format!("{}/metrics", process.base)).await.0, 404);
    let readyz = get(&format!("{}/readyz", process.base)).await;
    assert_eq!(readyz, (200, "ready\n".to_owned()));
    // An unreachable subgraph and identity provider are logged without credentials.
    let answer = reqwest::Client::new()
        .post(format!("{}/graphql", process.base))
        .json(&serde_json::json!({ "query": "{ productSearch(query: \"earbuds\", first: 1) { totalCount } }" }))
        .send()
        .await
        .unwrap();
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("SUBGRAPH_UNAVAILABLE")
    );
    process.child.kill().await.unwrap();
    let mut lines = tokio::io::BufReader::new(log);
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut lines, &mut text)
        .await
        .unwrap();
    assert!(text.contains("metrics are not served"), "{text}");
    assert!(text.contains("fetch failed"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}
