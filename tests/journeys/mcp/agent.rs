//! An agent without a library, and the clients file that says what it may use.

use std::path::PathBuf;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use router::clients::Sha256Hash;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::kit::{Graph, Layout};

pub(super) const KEY: &str = "an agent's key";
const REVISION: &str = "2026-07-28";

/// A clients file with one client, whose operations are tools.
pub(super) struct ClientsFile {
    directory: TempDir,
}

impl ClientsFile {
    /// `settings` are further settings of the client.
    pub(super) fn new(settings: &str, operations: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = Self { directory };
        file.write_operations(operations);
        file.write_settings(settings);
        file
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("clients.yaml")
    }

    pub(super) fn write_settings(&self, settings: &str) {
        let hash = Sha256Hash::of(KEY.as_bytes());
        let text = format!(
            "clients: [{{ name: assistant, manifests: [a.json], keys: [{{ id: k1, sha256: {hash} }}], {settings} }}, {{ name: web }}]"
        );
        std::fs::write(self.path(), text).unwrap();
    }

    pub(super) fn write_operations(&self, operations: &[&str]) {
        let operations = operations.iter().enumerate();
        let manifest: Map<_, _> = operations
            .map(|(index, document)| (format!("operation-{index}"), Value::from(*document)))
            .collect();
        let text = serde_json::to_string(&manifest).unwrap();
        std::fs::write(self.directory.path().join("a.json"), text).unwrap();
    }

    /// A small shop whose clients these are.
    pub(super) async fn shop(&self, settings: &[(&str, &str)]) -> Graph {
        let path = self.path();
        let mut all = vec![
            ("VANTAGE_DEMO__ORDERS", "20"),
            ("VANTAGE_CLIENTS__FILE", path.to_str().unwrap()),
            ("VANTAGE_CLIENTS__RELOAD_INTERVAL", "20ms"),
        ];
        all.extend(settings);
        Graph::start(Layout::Sqlite, &all, &[]).await
    }
}

/// Whoever calls the tools.
#[derive(Clone)]
pub(super) struct Agent {
    url: String,
    headers: HeaderMap,
    http: reqwest::Client,
}

/// What it is answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Agent {
    pub(super) fn new(graph: &Graph) -> Self {
        let headers = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        let agent = Self {
            url: format!("{}/mcp", graph.router.base),
            headers: HeaderMap::new(),
            http: reqwest::Client::new(),
        };
        headers
            .into_iter()
            .fold(agent, |agent, (name, value)| agent.with(name, value))
    }

    /// The same with its key.
    pub(super) fn with_key(self) -> Self {
        self.with("x-api-key", KEY)
    }

    /// The same on behalf of a customer.
    pub(super) fn signed_in(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Sends a body as it is.
    pub(super) async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.http.post(&self.url).headers(self.headers.clone());
        let response = request.body(body).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap();
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    /// Sends a request of the current revision.
    pub(super) async fn request(&self, method: &str, params: Value) -> Answer {
        let mut params = params;
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientCapabilities": {}
        });
        let mut agent = self
            .clone()
            .with("mcp-protocol-version", REVISION)
            .with("mcp-method", method);
        if let Some(name) = params["name"].as_str() {
            agent = agent.with("mcp-name", name);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        agent.post(body.to_string()).await
    }

    /// Asks for the first page of the list.
    pub(super) async fn try_list(&self) -> Answer {
        self.request("tools/list", json!({})).await
    }

    pub(super) async fn list(&self) -> Vec<Value> {
        let answer = self.try_list().await;
        answer.result()["tools"].as_array().unwrap().clone()
    }

    pub(super) async fn names(&self) -> Vec<String> {
        let tools = self.list().await;
        let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    }

    pub(super) async fn call(&self, tool: &str, arguments: Value) -> Answer {
        let params = json!({ "name": tool, "arguments": arguments });
        self.request("tools/call", params).await
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(super) fn result(&self) -> &Value {
        assert_eq!(self.status, StatusCode::OK, "{self:#?}");
        let result = self.body.get("result");
        result.unwrap_or_else(|| panic!("no result: {self:#?}"))
    }

    /// The data of a call that succeeded, which is there as text, too.
    #[track_caller]
    pub(super) fn data(&self) -> &Value {
        let result = self.result();
        assert_eq!(result["isError"], false, "{self:#?}");
        let data = &result["structuredContent"];
        assert_eq!(self.text(), *data, "{self:#?}");
        data
    }

    /// The text of a call's result, as JSON.
    #[track_caller]
    pub(super) fn text(&self) -> Value {
        let text = self.result()["content"][0]["text"].as_str().unwrap();
        serde_json::from_str(text).unwrap()
    }

    /// The code of a call that failed.
    #[track_caller]
    pub(super) fn code(&self) -> String {
        assert_eq!(self.result()["isError"], true, "{self:#?}");
        let code = &self.text()["errors"][0]["extensions"]["code"];
        code.as_str().unwrap().to_owned()
    }

    /// An error of the protocol, by status, number and code; returns the message.
    #[track_caller]
    pub(super) fn error(&self, status: u16, number: i64, code: &str) -> &str {
        let error = &self.body["error"];
        let found = (
            self.status.as_u16(),
            error["code"].as_i64(),
            error["data"]["code"].as_str().unwrap_or_default(),
        );
        assert_eq!(found, (status, Some(number), code), "{self:#?}");
        error["message"].as_str().unwrap()
    }
}
