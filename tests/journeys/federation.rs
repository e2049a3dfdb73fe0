//! Our subgraphs behind another router, and another team's subgraph behind ours. `tests/federation/run.sh` installs the
//! prerequisites and runs this.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::kit::Process;
use crate::subgraphs::Subgraphs;

/// Enough orders for customers with returns and parcels of all kinds.
const ORDERS: u32 = 400;

/// Folder of the scripts.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/federation");

/// Our six subgraphs as services, and the tokens of two customers.
struct Graph {
    subgraphs: Subgraphs,
    other_token: String,
    scratch: TempDir,
}

impl Graph {
    async fn start() -> Self {
        let subgraphs = Subgraphs::start(ORDERS).await;
        let other = ["token", "--customer", "customer1@vantage.example"];
        let other_token = subgraphs.run(&other).await;
        Self {
            subgraphs,
            other_token,
            scratch: tempfile::tempdir().unwrap(),
        }
    }

    /// Composes a supergraph with these arguments and returns its file.
    async fn compose(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let file = self.scratch.path().join(name);
        let mut command = vec!["compose", "--output", file.to_str().unwrap()];
        command.extend(arguments);
        self.subgraphs.run(&command).await;
        file
    }

    /// Sends the same operations to this router and to Apollo Gateway over this supergraph; `count` can be overridden
    /// by the environment.
    async fn compare(&self, router: &Process, supergraph: &Path, count: u32) {
        let count = std::env::var("FEDERATION_COUNT").unwrap_or_else(|_| count.to_string());
        let running = Command::new("node")
            .arg("differential.mjs")
            .current_dir(SCRIPTS)
            .env("ROUTER_URL", format!("{}/graphql", router.base))
            .env("SUPERGRAPH", supergraph)
            .env("CUSTOMER_TOKEN", self.subgraphs.token())
            .env("OTHER_TOKEN", &self.other_token)
            .env("FEDERATION_COUNT", count)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .status();
        let status = tokio::time::timeout(Duration::from_secs(600), running)
            .await
            .expect("done in time")
            .expect("node");
        assert!(status.success(), "{status}");
    }

    /// Starts another team's subgraph, which adds customers' reviews to products.
    async fn reviews(&self) -> Process {
        let products = "{ productSearch(query: \"\", first: 30) { nodes { id } } }";
        let products = self.subgraphs.ask("search", products, json!({})).await;
        let products = products["data"]["productSearch"]["nodes"].as_array();
        let me = self
            .subgraphs
            .ask("orders", "{ me { id } }", json!({}))
            .await;
        let ids = products.unwrap().iter().chain([&me["data"]["me"]]);
        let ids = ids.map(|node| node["id"].as_str().unwrap());
        let mut command = Command::new("node");
        command
            .args(["reviews.mjs", "0"])
            .args(ids)
            .current_dir(SCRIPTS)
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        Process::start(command).await
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and its packages: run tests/federation/run.sh"]
async fn apollo_gateway_and_our_router_answer_the_same() {
    let graph = Graph::start().await;
    let router = ["serve", "--router-only"];
    let router = graph.subgraphs.process(&router).await;
    // Apollo Gateway rejects supergraphs with `@authenticated`, which it does not implement.
    let open = graph.compose("open", &["--omit-authorization"]).await;
    graph.compare(&router, &open, 1000).await;

    let reviews = graph.reviews().await;
    let schema = format!("{SCRIPTS}/reviews.graphql");
    let other = ["--subgraph", "reviews", &reviews.base, &schema];
    let whole = graph.compose("whole", &other).await;
    let open = [&other[..], &["--omit-authorization"]].concat();
    let open = graph.compose("whole-open", &open).await;
    let forward = ("VANTAGE_SERVER__FORWARD_HEADERS", "authorization");
    let router = ["router", "--supergraph", whole.to_str().unwrap()];
    // Apollo Gateway has no limits either.
    let dear = ("VANTAGE_ROUTER__LIMITS__COST", "100000000");
    let large = ("VANTAGE_ROUTER__LIMITS__ENTITIES", "10000000");
    let router = graph
        .subgraphs
        .process_with(&router, &[forward, dear, large])
        .await;
    graph.compare(&router, &open, 300).await;
}
