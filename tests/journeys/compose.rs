//! Subgraphs of a `supergraph.yaml`: from files and from running services, composed, and served.

use std::path::Path;
use std::process::Stdio;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::kit::{DOMAINS, Process, vantage};

const TOOLS: &str = "a token for tools that is long enough";

const ITEMS: &str = r#"
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key"])
    type Query { items: [Item!]! }
    type Item @key(fields: "id") { id: ID! name: String! }
"#;

/// A directory with a `supergraph.yaml`.
struct Team(TempDir);

impl Team {
    fn new(files: &[(&str, &str)]) -> Self {
        let team = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = team.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        team
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// What the command prints from elsewhere, or the lines of its errors.
    async fn compose(&self, settings: &[(&str, &str)]) -> Result<String, Vec<String>> {
        let elsewhere = tempfile::tempdir().unwrap();
        let mut command = vantage(elsewhere.path());
        command
            .args(["compose", "--config"])
            .arg(self.path("supergraph.yaml"))
            .envs(settings.iter().copied());
        let output = command.stderr(Stdio::piped()).output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() {
            return Ok(text(output.stdout));
        }
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(output.stdout), "");
        let errors = text(output.stderr);
        Err(errors.lines().map(str::to_owned).collect())
    }
}

#[tokio::test]
async fn subgraphs_of_files_and_services_are_composed_and_served() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .args(["subgraph", "pricing", "--listen", "127.0.0.1:0"])
        .args(["--create-database", "pricing"])
        .env("VANTAGE_SUBGRAPH__SCHEMA_TOKEN", TOOLS);
    let pricing = Process::start(command).await;
    let config = format!(
        r#"
        federation_version: =2.9.0
        subgraphs:
          pricing:
            schema:
              subgraph_url: {}/graphql
              introspection_headers:
                Authorization: Bearer ${{env.TEAM_TOKEN}}
          items:
            routing_url: http://127.0.0.1:9/graphql
            schema:
              file: ./schemas/items.graphql
        "#,
        pricing.base
    );
    let files = [
        ("supergraph.yaml", &*config),
        ("schemas/items.graphql", ITEMS),
    ];
    let team = Team::new(&files);
    let supergraph = team.compose(&[("TEAM_TOKEN", TOOLS)]).await.unwrap();
    let named = format!(
        "@join__graph(name: \"pricing\", url: \"{}/graphql\")",
        pricing.base
    );
    assert!(supergraph.contains(&named), "{supergraph}");

    let file = team.path("supergraph.graphql");
    std::fs::write(&file, &supergraph).unwrap();
    let mut command = vantage(data.path());
    command
        .args(["router", "--listen", "127.0.0.1:0", "--supergraph"])
        .arg(&file);
    let router = Process::start(command).await;
    let query = json!({ "query": "{ __typename items { name } }" });
    let response = reqwest::Client::new()
        .post(format!("{}/graphql", router.base))
        .json(&query)
        .send();
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "SUBGRAPH_UNAVAILABLE",
        "{answer}"
    );

    let refused = team
        .compose(&[("TEAM_TOKEN", "another")])
        .await
        .unwrap_err();
    let start = format!(
        "error[INTROSPECTION_FAILED] pricing: {}/graphql answered 401",
        pricing.base
    );
    assert!(refused[0].starts_with(&start), "{refused:?}");
    assert!(!refused.join("").contains("another"), "{refused:?}");
    let unset = team.compose(&[]).await.unwrap_err();
    assert!(
        unset[0].contains("the variable TEAM_TOKEN is not set"),
        "{unset:?}"
    );
}

#[tokio::test]
async fn whatever_is_wrong_is_told_with_a_code_and_its_subgraphs() {
    let other = r#"
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key"])
        type Query { others: Int }
        type Item @key(fields: "id") { id: ID! name: String! }
    "#;
    let config = |stock: &str| {
        format!(
            "subgraphs:\n  items:\n    routing_url: http://127.0.0.1:9\n    schema: {{ file: items.graphql }}\n  stock:\n    routing_url: http://127.0.0.1:9\n    schema: {stock}\n"
        )
    };
    let check = async |stock: &str, schema: &str, expected: &str| {
        let files = [
            ("supergraph.yaml", &*config(stock)),
            ("items.graphql", ITEMS),
            ("stock.graphql", schema),
        ];
        let errors = Team::new(&files).compose(&[]).await.unwrap_err();
        assert!(errors[0].starts_with(expected), "{errors:?}");
        let last = errors.last().unwrap();
        assert!(
            last.starts_with("error: the supergraph was not composed"),
            "{last}"
        );
    };
    let file = "{ file: stock.graphql }";
    check(file, other, "error[INVALID_FIELD_SHARING] items, stock: ").await;
    check(file, "type Query {", "error[INVALID_GRAPHQL] stock: ").await;
    let kind = "type Query { a: Int } enum Item { A }";
    check(file, kind, "error[TYPE_KIND_MISMATCH] items, stock: ").await;
    check(
        "{ file: lost.graphql }",
        "",
        "error[SCHEMA_NOT_READ] stock: cannot read ",
    )
    .await;
    let nobody = "{ subgraph_url: 'http://127.0.0.1:9/' }";
    check(
        nobody,
        "",
        "error[INTROSPECTION_FAILED] stock: http://127.0.0.1:9/: ",
    )
    .await;
    check("{ file: a, sdl: b }", "", "error[CONFIG_INVALID] stock: ").await;
}

#[tokio::test]
#[ignore = "needs Node.js and its packages: run tests/federation/run.sh"]
async fn other_tools_load_what_is_composed() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let mut config = "subgraphs:\n".to_owned();
    for domain in DOMAINS {
        let schema = committed.join(format!("{domain}.graphql"));
        config.push_str(&format!(
            "  {domain}:\n    routing_url: http://127.0.0.1:9/{domain}\n    schema: {{ file: {} }}\n",
            schema.display()
        ));
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/federation");
    let reviews = scripts.join("reviews.graphql");
    config.push_str(&format!(
        "  reviews:\n    routing_url: http://127.0.0.1:9/reviews\n    schema: {{ file: {} }}\n",
        reviews.display()
    ));
    let team = Team::new(&[("supergraph.yaml", &config)]);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = team.path("supergraph.graphql");
    let mut command = vantage(elsewhere.path());
    command
        .args(["compose", "--omit-authorization", "--config"])
        .arg(team.path("supergraph.yaml"))
        .arg("-o")
        .arg(&file);
    assert!(command.status().await.unwrap().success());
    let status = Command::new("node")
        .arg("load.mjs")
        .arg(&file)
        .current_dir(scripts)
        .status();
    assert!(status.await.expect("node").success());
}
