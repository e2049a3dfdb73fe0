//! The six subgraphs as separate services on SQLite, serving callers with and without tokens, as other routers need
//! them.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::{DOMAINS, Process, vantage};

/// Shared by all processes, so that each can verify tokens.
const TOKEN_SECRET: &str = "the secret that development tokens are signed with";

/// The processes, over a seeded shop.
pub(crate) struct Subgraphs {
    processes: Vec<Process>,
    token: String,
    environment: Vec<(String, String)>,
    http: reqwest::Client,
    data: TempDir,
}

impl Subgraphs {
    /// Seeds a shop with this many orders and starts the processes.
    pub(crate) async fn start(orders: u32) -> Self {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut subgraphs = Self {
            processes: Vec::new(),
            token: String::new(),
            environment: vec![
                variable("VANTAGE_DEMO__ORDERS", &orders.to_string()),
                variable("VANTAGE_AUTH__DEVELOPMENT_SECRET", TOKEN_SECRET),
                variable("VANTAGE_SUBGRAPH__VERIFY_TOKENS", "true"),
                variable("VANTAGE_SUBGRAPH__SERVE_ANONYMOUS", "true"),
            ],
            http: reqwest::Client::new(),
            data: tempfile::tempdir().unwrap(),
        };
        subgraphs.run(&["seed"]).await;
        subgraphs.token = subgraphs.run(&["token", "--demo"]).await;
        for domain in DOMAINS {
            let process = subgraphs.process(&["subgraph", domain]).await;
            let name = format!("VANTAGE_SUBGRAPHS__{}__URL", domain.to_uppercase());
            // Later processes call the earlier ones.
            let url = format!("{}/graphql", process.base);
            subgraphs.environment.push((name, url));
            subgraphs.processes.push(process);
        }
        subgraphs
    }

    /// Starts another process with the same settings.
    pub(crate) async fn process(&self, arguments: &[&str]) -> Process {
        self.process_with(arguments, &[]).await
    }

    /// Starts a process with extra settings.
    pub(crate) async fn process_with(
        &self,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> Process {
        let mut command = vantage(self.data.path());
        command
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(settings.iter().copied());
        Process::start(command).await
    }

    /// Runs a subcommand with the same settings and returns its output.
    pub(crate) async fn run(&self, arguments: &[&str]) -> String {
        let output = vantage(self.data.path())
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The demo customer's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Queries a subgraph as the demo customer.
    pub(crate) async fn ask(&self, domain: &str, query: &str, variables: Value) -> Value {
        self.ask_as(Some(&self.token), domain, query, variables)
            .await
    }

    /// Queries a subgraph with this token, or anonymously.
    pub(crate) async fn ask_as(
        &self,
        token: Option<&str>,
        domain: &str,
        query: &str,
        variables: Value,
    ) -> Value {
        let index = DOMAINS.iter().position(|one| *one == domain).unwrap();
        let mut post = self
            .http
            .post(format!("{}/graphql", self.processes[index].base))
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            post = post.bearer_auth(token);
        }
        post.send().await.unwrap().json().await.unwrap()
    }
}
