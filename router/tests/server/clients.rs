//! The HTTP server with real client libraries. `clients/run.sh` installs them and runs this.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use router::clients::{Clients, ClientsFiles};
use tokio::process::Command;

use crate::kit::Edge;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Node.js and its packages: run router/clients/run.sh"]
async fn real_clients_are_served() {
    let edge = Edge::start().await;
    let clients = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/clients/operations/clients.yaml"
    );
    let files = ClientsFiles::read(Path::new(clients)).expect("the file");
    let clients = Clients::load(&files).expect("clients");
    let replaced = edge.state.replace_clients(clients).await;
    replaced.expect("their operations fit the schema");
    let running = Command::new("npm")
        .args(["--loglevel=error", "test"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/clients"))
        .env("GRAPHQL_URL", edge.url())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status();
    let status = tokio::time::timeout(Duration::from_secs(60), running)
        .await
        .expect("done within a minute")
        .expect("npm");
    assert!(status.success(), "{status}");
}
