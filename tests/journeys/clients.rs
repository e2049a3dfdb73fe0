//! Partner clients: registration on the command line, safelisted operations, and warnings before a schema change breaks
//! them.

use std::path::{Path, PathBuf};
use std::process::Output;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::kit::{DOMAINS, Process, vantage};
use crate::wait::until;

/// A graph with a schema and no subgraphs, which is enough to validate operations.
struct Edge {
    scratch: TempDir,
    supergraph: PathBuf,
    clients: PathBuf,
}

impl Edge {
    async fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let supergraph = scratch.path().join("supergraph.graphql");
        let clients = scratch.path().join("clients.yaml");
        let edge = Self {
            scratch,
            supergraph,
            clients,
        };
        let output = edge.supergraph.to_str().unwrap();
        edge.run(&["compose", "--output", output]).await;
        edge
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = vantage(self.scratch.path());
        for domain in DOMAINS {
            let name = format!("VANTAGE_SUBGRAPHS__{}__URL", domain.to_uppercase());
            command.env(name, "http://127.0.0.1:9/graphql");
        }
        command.args(arguments);
        command
    }

    /// Output of a command, whether it succeeds or fails.
    async fn outcome(&self, arguments: &[&str]) -> Output {
        let clients = self.clients.to_str().unwrap();
        let mut command = self.command(arguments);
        if matches!(arguments[0], "client" | "operations") {
            command.args(["--clients", clients]);
        }
        command.output().await.unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let output = self.outcome(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The key printed by a command.
    async fn key(&self, arguments: &[&str]) -> String {
        let shown = self.run(arguments).await;
        let key = shown.lines().find(|line| line.starts_with("vantage_key_"));
        key.expect("a key").to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A router over this supergraph.
    async fn router(&self, supergraph: &Path, settings: &[(&str, &str)]) -> Process {
        let supergraph = supergraph.to_str().unwrap();
        let arguments = [
            "router",
            "--supergraph",
            supergraph,
            "--listen",
            "127.0.0.1:0",
        ];
        let mut command = self.command(&arguments);
        command
            .env("VANTAGE_CLIENTS__RELOAD_INTERVAL", "20ms")
            .envs(settings.iter().copied());
        Process::start(command).await
    }
}

async fn post(router: &Process, key: &str, body: Value) -> (StatusCode, Value) {
    let url = format!("{}/graphql", router.base);
    let mut request = reqwest::Client::new().post(url).json(&body);
    if !key.is_empty() {
        request = request.header("x-api-key", key);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_default()
}

const TYPE: &str = "query PartnerRoot { __typename }";
const REASONS: &str = "query PartnerReasons {\n  returnReasons {\n    code\n    label\n  }\n}\n";

#[tokio::test]
async fn a_partner_is_registered_bound_to_its_operations_and_revoked() {
    let edge = Edge::new().await;
    let key = edge
        .key(&["client", "add", "acme", "--mode", "require"])
        .await;
    let document = edge.write("root.graphql", &format!("{TYPE}\n"));
    edge.run(&["operations", "add", "acme", &document]).await;
    edge.run(&["operations", "check"]).await;

    let clients = edge.clients.to_str().unwrap();
    let router = edge
        .router(&edge.supergraph, &[("VANTAGE_CLIENTS__FILE", clients)])
        .await;
    let hash = router::clients::Sha256Hash::of(TYPE.as_bytes());
    let by_id = json!({"documentId": format!("sha256:{hash}")});
    let data = json!({"__typename": "Query"});
    for body in [by_id.clone(), json!({"query": TYPE})] {
        let (status, answer) = post(&router, &key, body).await;
        assert_eq!((status, &answer["data"]), (StatusCode::OK, &data));
    }
    let (_, other) = post(&router, &key, json!({"query": "{ __typename }"})).await;
    assert_eq!(code(&other), "QUERY_NOT_IN_SAFELIST", "{other}");
    // Other callers may send any operation.
    let (_, anybody) = post(&router, "", json!({"query": "{ __typename }"})).await;
    assert_eq!(anybody, json!({ "data": data }));

    let next = edge.key(&["client", "rotate-key", "acme"]).await;
    until("the next key works", async || {
        let (status, _) = post(&router, &next, by_id.clone()).await;
        (status == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(post(&router, &key, by_id.clone()).await.0, StatusCode::OK);
    edge.run(&["client", "revoke", "acme", "k1"]).await;
    until("the first key is refused", async || {
        let (status, _) = post(&router, &key, by_id.clone()).await;
        (status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    assert_eq!(post(&router, &next, by_id).await.0, StatusCode::OK);
    let listed = edge.run(&["client", "list"]).await;
    assert_eq!(listed, "acme mode=require keys=k2 operations=1\n");
    let stored = std::fs::read_to_string(&edge.clients).unwrap();
    assert!(
        !stored.contains(&next) && !stored.contains("vantage_key_"),
        "{stored}"
    );
}

#[tokio::test]
async fn a_schema_is_checked_against_what_clients_have_registered() {
    let edge = Edge::new().await;
    edge.run(&["client", "add", "acme"]).await;
    let document = edge.write("reasons.graphql", REASONS);
    edge.run(&["operations", "add", "acme", &document]).await;
    let listed = edge.run(&["operations", "list"]).await;
    assert!(
        listed.starts_with("acme query PartnerReasons id="),
        "{listed}"
    );

    let whole = std::fs::read_to_string(&edge.supergraph).unwrap();
    let without = |field: &str| {
        let line = format!("  {field}: ");
        assert!(whole.contains(&line));
        whole.replace(&line, &format!("  other_{field}: "))
    };
    let used = edge.write("used.graphql", &without("label"));
    let unused = edge.write("unused.graphql", &without("refundsShipping"));
    edge.run(&["operations", "check", "--supergraph", &unused])
        .await;
    let refused = edge
        .outcome(&["operations", "check", "--supergraph", &unused, "--all"])
        .await;
    let printed = String::from_utf8(refused.stdout).unwrap();
    assert!(
        !refused.status.success() && printed.contains("refundsShipping"),
        "{printed}"
    );

    // A valid operation may still return something its client does not expect.
    let nullable = whole.replace("  label: String!", "  label: String");
    let nullable = edge.write("nullable.graphql", &nullable);
    let refused = edge
        .outcome(&["operations", "check", "--supergraph", &nullable])
        .await;
    let printed = String::from_utf8(refused.stdout).unwrap();
    assert!(
        !refused.status.success()
            && printed.contains("acme: PartnerReasons")
            && printed.contains("ReturnReason.label"),
        "{printed}"
    );

    let check = ["operations", "check", "--supergraph", &used];
    let refused = edge.outcome(&check).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let printed = String::from_utf8(refused.stdout).unwrap();
    for words in [
        "acme: PartnerReasons",
        "\"label\"",
        "\"ReturnReason\"",
        "line 4",
    ] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let with = async |format: &str| {
        let output = edge
            .outcome(&[&check[..], &["--format", format]].concat())
            .await;
        String::from_utf8(output.stdout).unwrap()
    };
    let json: Value = serde_json::from_str(&with("json").await).unwrap();
    let found = &json["operations"][0];
    assert_eq!(
        (&found["client"], &found["operation"], &found["fits"]),
        (&json!("acme"), &json!("PartnerReasons"), &json!(false))
    );
    let junit = with("junit").await;
    assert!(
        junit.contains("<testsuite name=\"acme\" tests=\"1\" failures=\"1\">"),
        "{junit}"
    );

    let costs = edge.run(&["operations", "cost"]).await;
    let (cost, limit) = costs
        .trim()
        .strip_prefix("acme PartnerReasons cost=")
        .and_then(|rest| rest.split_once(" limit="))
        .expect("one line");
    let (cost, limit): (u64, u64) = (cost.parse().unwrap(), limit.parse().unwrap());
    assert!(cost > 0 && cost < limit, "{costs}");

    // An invalid operation is not registered.
    let lost = edge.write("lost.graphql", "query Lost { returnReasons { nothing } }");
    let refused = edge.outcome(&["operations", "add", "acme", &lost]).await;
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(
        error.contains("operation `Lost`") && error.contains("nothing"),
        "{error}"
    );

    // Neither startup nor a reload accepts the schema.
    let clients = edge.clients.to_str().unwrap();
    let settings = [("VANTAGE_CLIENTS__FILE", clients)];
    let mut command = edge.command(&["router", "--supergraph", &used, "--listen", "127.0.0.1:0"]);
    let refused = command.envs(settings).output().await.unwrap();
    let error = String::from_utf8(refused.stderr).unwrap();
    for words in [
        "clients.file",
        "clients.yaml",
        "client `acme`",
        "operation `PartnerReasons`",
        "label",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let served = PathBuf::from(edge.write("served.graphql", &whole));
    let router = edge.router(&served, &settings).await;
    edge.write("served.graphql", &without("label"));
    until("the schema is refused", async || {
        let readyz = reqwest::get(format!("{}/readyz", router.base))
            .await
            .unwrap();
        let readyz = readyz.text().await.unwrap();
        readyz.contains("degraded: supergraph: ").then_some(())
    })
    .await;
    let document = json!({"query": REASONS});
    let (_, answer) = post(&router, "", document).await;
    assert_ne!(code(&answer), "GRAPHQL_VALIDATION_FAILED", "{answer}");
}

#[tokio::test]
async fn the_example_of_a_clients_file_fits_the_schema() {
    let scratch = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/router-config/clients.yaml");
    let mut command = vantage(scratch.path());
    let checked = command.args(["operations", "check", "--clients", example]);
    let output = checked.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    // Two of the partner's and seven of the REST routes.
    assert_eq!(
        text,
        "ok: 24 registered operations are valid against the schema\n"
    );
}

#[tokio::test]
async fn instances_share_the_documents_that_clients_have_sent() {
    let Ok(redis) = std::env::var("VANTAGE_TEST_REDIS_URL") else {
        return;
    };
    let edge = Edge::new().await;
    let settings = [("VANTAGE_REDIS_URL", redis.as_str())];
    let one = edge.router(&edge.supergraph, &settings).await;
    let other = edge.router(&edge.supergraph, &settings).await;
    let document = format!(
        "query Shared_{} {{ __typename }}",
        uuid::Uuid::now_v7().simple()
    );
    let hash = router::clients::Sha256Hash::of(document.as_bytes()).to_string();
    let named = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}});
    let (_, unknown) = post(&other, "", named.clone()).await;
    assert_eq!(code(&unknown), "PERSISTED_QUERY_NOT_FOUND", "{unknown}");
    let mut sent = named.clone();
    sent["query"] = document.into();
    let data = json!({"data": {"__typename": "Query"}});
    assert_eq!(post(&one, "", sent).await.1, data);
    // Redis may be skipped briefly on a busy machine.
    until("the other instance has it", async || {
        let (_, answer) = post(&other, "", named.clone()).await;
        (answer == data).then_some(())
    })
    .await;
}
