//! The node of `tests/search-nodes/run.sh`, with names that only one test uses.

use std::time::Duration;

use platform::clock::Clock;
use search::engine::AnalysisSource;
use search::engine::remote::{Dialect, Remote, RemoteConfig};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

/// A node, and the names that only one test uses.
pub(crate) struct Node {
    pub dialect: Dialect,
    pub url: Url,
    pub prefix: String,
    http: reqwest::Client,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self::with_prefix(format!("test-{}", Uuid::new_v4().simple()))
    }

    /// With names that begin so.
    pub(crate) fn with_prefix(prefix: String) -> Self {
        let variable = |name: &str| {
            std::env::var(name)
                .unwrap_or_else(|_| panic!("{name} is not set: run tests/search-nodes/run.sh"))
        };
        let dialect = match variable("VANTAGE_TEST_SEARCH_ENGINE").as_str() {
            "opensearch" => Dialect::OpenSearch,
            "elasticsearch" => Dialect::Elasticsearch,
            other => panic!("no such engine: {other}"),
        };
        Self {
            dialect,
            url: variable("VANTAGE_TEST_SEARCH_URL").parse().unwrap(),
            prefix,
            http: reqwest::Client::new(),
        }
    }

    /// An engine of another process.
    pub(crate) fn engine(&self) -> Remote {
        self.engine_at(&self.url, Clock::system())
    }

    pub(crate) fn engine_at(&self, url: &Url, clock: Clock) -> Remote {
        Remote::new(config(self.dialect, url.clone(), &self.prefix), clock).unwrap()
    }

    /// The alias that searches use.
    pub(crate) fn alias(&self) -> String {
        format!("{}-v1", self.prefix)
    }

    /// Asks the node itself.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let url = self.url.join(path).unwrap();
        let mut request = self.http.request(method.parse().unwrap(), url);
        // Some requests do not take a body.
        if body != json!({}) {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Our indexes, without the builders' lease.
    pub(crate) async fn indexes(&self) -> Vec<String> {
        let path = format!("/_cat/indices/{}-v*?format=json", self.prefix);
        let answer = self.ask("GET", &path, json!({})).await;
        let names = answer.as_array().unwrap().iter();
        names
            .map(|index| index["index"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Removes what the test has made.
    pub(crate) async fn drop(self) {
        let path = format!("/_cat/indices/{}-*?format=json", self.prefix);
        let answer = self.ask("GET", &path, json!({})).await;
        for index in answer.as_array().unwrap() {
            let path = format!("/{}", index["index"].as_str().unwrap());
            self.ask("DELETE", &path, json!({})).await;
        }
    }
}

pub(crate) fn config(dialect: Dialect, url: Url, prefix: &str) -> RemoteConfig {
    RemoteConfig {
        dialect,
        url,
        ca: None,
        index: prefix.to_owned(),
        // Nodes in tests are slow; what depends on time sets its own.
        timeout: Duration::from_secs(20),
        write_timeout: Duration::from_secs(60),
        analysis: AnalysisSource::BuiltIn,
    }
}
