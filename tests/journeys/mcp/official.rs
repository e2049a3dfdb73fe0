//! The protocol's conformance suite and official clients. Started by `tests/mcp/run.sh`.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use super::agent::ClientsFile;
use crate::tracking_client::Shop;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mcp");

async fn run(script: &str, variables: &[(&str, &str)]) {
    let status = Command::new("npm")
        .args(["run", "--silent", script])
        .current_dir(SCRIPTS)
        .envs(variables.iter().copied())
        .status()
        .await
        .expect("npm");
    assert!(status.success(), "{script}: {status}");
}

/// The tools that the suite calls. It expects no more than an answer of each, and an error of the second.
const SUITE: [&str; 4] = [
    "\"Succeeds.\" query test_simple_text { currencies { code } }",
    "\"Fails.\" query test_error_handling { product(id: \"none\") { id } }",
    "\"Succeeds.\" query test_streaming_elicitation { currencies { name } }",
    "\"Succeeds.\" query test_logging_tool { currencies { symbol } }",
];

#[tokio::test]
#[ignore = "needs Node.js and its packages: run tests/mcp/run.sh"]
async fn the_conformance_suite_passes() {
    let file = ClientsFile::new("tools: true", &SUITE);
    let graph = file.shop(&[("VANTAGE_MCP__CLIENT", "assistant")]).await;
    let url = format!("{}/mcp", graph.router.base);
    run("conformance", &[("MCP_URL", &url)]).await;
}

#[tokio::test]
#[ignore = "needs Node.js and its packages: run tests/mcp/run.sh"]
async fn official_clients_are_served() {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("router-config/clients.yaml");
    let shop = Shop::start(&[
        ("VANTAGE_CLIENTS__FILE", clients.to_str().unwrap()),
        ("VANTAGE_MCP__CLIENT", "shopping-assistant"),
    ])
    .await;
    let query = "{ me { orders(first: 100) { nodes { id shipments { id } } } } }";
    let orders = shop.query(query, json!({})).await;
    let orders = orders["me"]["orders"]["nodes"].as_array().unwrap();
    let sent = orders.iter().find(|order| order["shipments"] != json!([]));
    let order = sent.expect("an order with a parcel")["id"]
        .as_str()
        .unwrap();
    let url = format!("{}/mcp", shop.process.base);
    run(
        "test",
        &[("MCP_URL", &url), ("TOKEN", &shop.token), ("ORDER", order)],
    )
    .await;
    shop.stop().await;
}
