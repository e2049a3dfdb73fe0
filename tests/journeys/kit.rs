//! Runs the binary as users do: processes on free ports, with separate databases for each layout.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use platform::database::DatabaseConfig;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::redis_server::Redis;
use crate::wait::PATIENCE;

/// Keeps exchange rates as the demo shop has them: nobody answers at the provider's address.
pub(crate) const FIXED_RATES: [(&str, &str); 2] = [
    (
        "VANTAGE_PROVIDERS__EXCHANGE_RATES__URL",
        "http://127.0.0.1:9",
    ),
    (
        "VANTAGE_PROVIDERS__EXCHANGE_RATES__KEY",
        "unused by the tests",
    ),
];

/// Domains that others call come first.
pub(crate) const DOMAINS: [&str; 6] = [
    "pricing",
    "search",
    "orders",
    "returns",
    "notifications",
    "tracking",
];

/// How the graph is distributed over processes and databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Sqlite,
    Postgres,
    /// Six subgraph processes behind a router, on PostgreSQL.
    Separate,
}

/// Layouts this machine can run: PostgreSQL requires `VANTAGE_TEST_POSTGRES_URL`.
pub(crate) fn layouts() -> Vec<Layout> {
    if std::env::var("VANTAGE_TEST_POSTGRES_URL").is_ok() {
        vec![Layout::Sqlite, Layout::Postgres, Layout::Separate]
    } else {
        vec![Layout::Sqlite]
    }
}

const BINARY: &str = env!("CARGO_BIN_EXE_vantage");

/// The binary, without the developer's environment settings.
pub(crate) fn vantage(data: &Path) -> Command {
    alone(Command::new(BINARY), data)
}

/// The same with this limit on file descriptors.
pub(crate) fn vantage_within(descriptors: u32, data: &Path) -> Command {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
    command.args(["-c", &limited, BINARY]);
    alone(command, data)
}

fn alone(mut command: Command, data: &Path) -> Command {
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_string_lossy().starts_with("VANTAGE_");
        if is_ours && name != platform::database::recorder::DIRECTORY {
            command.env_remove(name);
        }
    }
    command
        .env("VANTAGE_DATA", data)
        .env("VANTAGE_TELEMETRY__LOG_LEVEL", "warn")
        // Avoid partial responses on a busy machine.
        .env("VANTAGE_ROUTER__DEADLINE", "60s")
        .env("VANTAGE_SUBGRAPHS__LIMITS__DEADLINE", "60s")
        .env("VANTAGE_SUBGRAPHS__CALL_TIMEOUT", "60s")
        .env("VANTAGE_DATABASE__ACQUIRE_TIMEOUT", "60s")
        .env("VANTAGE_SEARCH__DEADLINE", "5s")
        // Tests count statements, and look at the data of others at once; those of the cache switch it on.
        .env("VANTAGE_ROUTER__ENTITY_CACHE__ENABLED", "false")
        // All tests connect from one address.
        .env("VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_SECOND", "")
        .env("VANTAGE_SERVER__WEBSOCKET__MAX_UPGRADES_PER_MINUTE", "")
        .current_dir(data)
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A listening process.
pub(crate) struct Process {
    pub(crate) child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) base: String,
    pub(crate) output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts the process and waits until it prints its address.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = output.next_line().await.unwrap() {
                if let Some((_, url)) = line.split_once("listening on ") {
                    return url.trim_end_matches("/graphql").to_owned();
                }
            }
            panic!(
                "the process exited before listening: {:?}",
                child.wait().await
            );
        };
        let base = tokio::time::timeout(PATIENCE, listening)
            .await
            .expect("the process listens in time");
        Self {
            child,
            base,
            output,
        }
    }

    /// Resident memory, in megabytes.
    pub(crate) fn memory(&self) -> u64 {
        let id = self.child.id().expect("the process runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.unwrap().trim().trim_end_matches(" kB");
        kilobytes.parse::<u64>().unwrap() / 1024
    }

    /// Processor time used, to 10 ms.
    pub(crate) fn processor_time(&self) -> Duration {
        processor_time(self.child.id().expect("the process runs")).unwrap()
    }

    /// Sends SIGTERM and waits for the exit.
    pub(crate) async fn stop(&mut self) -> std::process::ExitStatus {
        let pid = self.child.id().expect("the process runs").to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(killed.unwrap().success());
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("the process stops in time")
            .unwrap()
    }
}

/// Processor time of a local process, to 10 ms, or `None` if it has exited.
pub(crate) fn processor_time(id: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    // User and kernel mode.
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Some(Duration::from_millis(10 * ticks))
}

/// As the value of a setting: the address of a Redis server that belongs to the graph alone.
pub(crate) const OWN_REDIS: &str = "own";

/// A running, seeded graph.
pub(crate) struct Graph {
    pub(crate) router: Process,
    pub(crate) subgraphs: Vec<Process>,
    _redis: Option<Redis>,
    data: TempDir,
    environment: Vec<(String, String)>,
    postgres: Option<(DatabaseConnection, String)>,
    http: reqwest::Client,
}

impl Graph {
    /// Starts the graph. `settings` are environment variables for every process, `flags` go to processes that run
    /// subgraphs.
    pub(crate) async fn start(layout: Layout, settings: &[(&str, &str)], flags: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), layout, settings, flags).await
    }

    /// The same in a data directory that may already contain data.
    pub(crate) async fn start_in(
        data: TempDir,
        layout: Layout,
        settings: &[(&str, &str)],
        flags: &[&str],
    ) -> Self {
        let mut environment: Vec<(String, String)> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut redis = None;
        if let Some((_, url)) = environment.iter_mut().find(|(_, value)| value == OWN_REDIS) {
            let server = Redis::start().await;
            *url = server.url();
            redis = Some(server);
        }
        let postgres = match layout {
            Layout::Sqlite => None,
            Layout::Postgres | Layout::Separate => {
                let (connection, name, url) = postgres_database().await;
                environment.push(("VANTAGE_DATABASE_URL".to_owned(), url));
                Some((connection, name))
            }
        };
        let command = |arguments: &[&str], environment: &[(String, String)]| {
            let mut command = vantage(data.path());
            command
                .args(arguments)
                .envs(environment.iter().map(|(name, value)| (name, value)));
            command
        };
        let mut subgraphs = Vec::new();
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        if layout == Layout::Separate {
            let seeded = command(&["seed"], &environment).output().await.unwrap();
            assert!(seeded.status.success(), "{seeded:?}");
            for domain in DOMAINS {
                let mut arguments = vec!["subgraph", domain, "--listen", "127.0.0.1:0"];
                arguments.extend(flags);
                let process = Process::start(command(&arguments, &environment)).await;
                let name = format!("VANTAGE_SUBGRAPHS__{}__URL", domain.to_uppercase());
                // Later processes call the earlier ones.
                environment.push((name, format!("{}/graphql", process.base)));
                subgraphs.push(process);
            }
            arguments.push("--router-only");
        } else {
            arguments.extend(flags);
        }
        let router = Process::start(command(&arguments, &environment)).await;
        Self {
            router,
            subgraphs,
            _redis: redis,
            data,
            environment,
            postgres,
            http: reqwest::Client::new(),
        }
    }

    /// Kills the process that runs this domain, and starts another one over the same data.
    pub(crate) async fn kill_and_restart(&mut self, domain: &str) {
        let subgraph = DOMAINS.iter().position(|one| *one == domain);
        let subgraph = subgraph.and_then(|index| self.subgraphs.get_mut(index));
        let (process, arguments) = match subgraph {
            Some(subgraph) => (subgraph, vec!["subgraph", domain]),
            None => (&mut self.router, vec!["serve"]),
        };
        process.child.kill().await.unwrap();
        let mut command = vantage(self.data.path());
        command
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        *process = Process::start(command).await;
    }

    /// Runs another subcommand with the graph's settings and returns its output.
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

    /// The same for a subcommand that fails; returns what it printed, errors included.
    pub(crate) async fn fail(&self, arguments: &[&str]) -> String {
        let output = vantage(self.data.path())
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::piped())
            .output()
            .await
            .unwrap();
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// The settings of its processes.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let settings = self.environment.iter();
        settings.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Opens a domain's database alongside the running processes.
    pub(crate) async fn database(&self, domain: &str) -> platform::database::Database {
        let url = self
            .environment
            .iter()
            .find(|(name, _)| name == "VANTAGE_DATABASE_URL");
        let config = match url {
            Some((_, url)) => DatabaseConfig::Postgres {
                url: url.clone(),
                max_connections: 2,
                acquire_timeout: PATIENCE,
            },
            None => DatabaseConfig::sqlite(self.data.path().to_owned()),
        };
        platform::database::Database::open(&config, domain)
            .await
            .unwrap()
    }

    /// URL of another, empty database on the graph's server.
    pub(crate) async fn empty_database(&self) -> String {
        postgres_database().await.2
    }

    /// Drops a database from [`Self::empty_database`].
    pub(crate) async fn drop_database(&self, url: &str) {
        let (server, _) = self.postgres.as_ref().expect("a layout on PostgreSQL");
        let url: url::Url = url.parse().unwrap();
        let name = url.path().trim_start_matches('/');
        let sql = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
        server.execute_unprepared(&sql).await.unwrap();
    }

    /// With `false`, closes all connections to the graph's PostgreSQL database and rejects new ones, as if the server
    /// had stopped; `true` admits them again.
    pub(crate) async fn let_in(&self, let_in: bool) {
        let (server, name) = self.postgres.as_ref().expect("a layout on PostgreSQL");
        let allowed = format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS {let_in}");
        server.execute_unprepared(&allowed).await.unwrap();
        if !let_in {
            let cut = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            );
            server.execute_unprepared(&cut).await.unwrap();
        }
    }

    pub(crate) async fn demo_token(&self) -> String {
        self.run(&["token", "--demo"]).await
    }

    /// POSTs a query and returns the JSON response.
    pub(crate) async fn query(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let mut request = self
            .http
            .post(format!("{}/graphql", self.router.base))
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    /// POSTs a raw body and returns the JSON response. An empty token sends none.
    pub(crate) async fn post(&self, token: &str, body: &str) -> Value {
        let mut request = self
            .http
            .post(format!("{}/graphql", self.router.base))
            .header("content-type", "application/json")
            .body(body.to_owned());
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.subgraphs.iter().chain([&self.router])
    }

    /// Resident memory of all processes, in megabytes.
    pub(crate) fn memory(&self) -> u64 {
        self.processes().map(Process::memory).sum()
    }

    /// Processor time used by all processes.
    pub(crate) fn processor_time(&self) -> Duration {
        self.processes().map(Process::processor_time).sum()
    }

    /// SQL statements run by all processes so far.
    pub(crate) async fn statements(&self) -> u64 {
        self.metric("vantage_sql_statements_total").await
    }

    /// Requests running in the subgraphs of all processes.
    pub(crate) async fn active_requests(&self) -> u64 {
        self.metric("vantage_subgraph_requests_active").await
    }

    /// Sum of a metric over all processes and labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let mut total = 0;
        for process in self.processes() {
            let url = format!("{}/metrics", process.base);
            let text = self
                .http
                .get(url)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            total += text
                .lines()
                .filter(|line| line.starts_with(name))
                .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
                .sum::<u64>();
        }
        total
    }

    /// Stops the processes, checks what they left behind, and drops the database.
    pub(crate) async fn stop(mut self) {
        assert!(self.router.stop().await.success());
        for process in &mut self.subgraphs {
            assert!(process.stop().await.success());
        }
        crate::check::assert_clean(&self).await;
        if let Some((connection, name)) = self.postgres {
            let sql = format!("DROP DATABASE \"{name}\" WITH (FORCE)");
            connection.execute_unprepared(&sql).await.unwrap();
        }
    }
}

/// Creates a database on the test server.
async fn postgres_database() -> (DatabaseConnection, String, String) {
    let server = std::env::var("VANTAGE_TEST_POSTGRES_URL").unwrap();
    let connection = Database::connect(&server).await.unwrap();
    let name = format!("vantage_{}", uuid::Uuid::now_v7().simple());
    connection
        .execute_unprepared(&format!("CREATE DATABASE \"{name}\""))
        .await
        .unwrap();
    let mut url: url::Url = server.parse().unwrap();
    url.set_path(&name);
    (connection, name, url.to_string())
}
