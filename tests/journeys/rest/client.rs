//! An HTTP client for the routes, and comparison of responses with documented samples.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::wait::until;

/// A client with or without a token.
pub(super) struct Client {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// A raw response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts an error with this status and code; returns its message.
    pub(super) fn error(&self, status: u16, code: &str) -> String {
        let body = self.json();
        assert_eq!(
            (self.status.as_u16(), &body["error"]),
            (status, &code.into()),
            "{self:?}"
        );
        assert_eq!(
            self.header("content-type"),
            "application/json; charset=utf-8"
        );
        body["message"].as_str().expect("a message").to_owned()
    }
}

impl Client {
    pub(super) fn new(base: &str, token: Option<&str>) -> Self {
        Self {
            base: base.to_owned(),
            token: token.map(str::to_owned),
            http: reqwest::Client::new(),
        }
    }

    /// Sends a request with these headers and an optional JSON body.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            let body = body.to_owned();
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, None).await
    }

    pub(super) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(Method::POST, path, headers, Some(body)).await
    }

    pub(super) async fn put(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(Method::PUT, path, headers, Some(body)).await
    }

    /// The same until the answer has this status: a busy machine may not have the label in time.
    pub(super) async fn put_until(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        status: u16,
    ) -> Answer {
        until("the label is decided", async || {
            let answer = self.put(path, headers, "{}").await;
            (answer.status == status).then_some(answer)
        })
        .await
    }
}

/// Asserts that a body equals the documented sample byte for byte, except whitespace and the values at these pointers,
/// which only need the same format.
pub(super) fn assert_sample(answer: &Answer, status: u16, sample: &str, own: &[&str]) {
    assert_eq!(answer.status.as_u16(), status, "{answer:?}");
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    let mut expected: Value = serde_json::from_str(sample).unwrap();
    let actual = answer.json();
    for pointer in own {
        let printed = expected
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("{pointer}"));
        let value = actual
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer}: {answer:?}"));
        assert_eq!(
            form(value),
            form(printed),
            "{pointer}: {value} and {printed}"
        );
        *printed = value.clone();
    }
    assert_eq!(answer.text, expected.to_string());
}

/// The format of a value.
fn form(value: &Value) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let is_time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%SZ").is_ok();
    match text.split_once('_') {
        _ if is_time => "time".to_owned(),
        Some((prefix, _)) if prefix.len() <= 4 => prefix.to_owned(),
        _ if text.starts_with("http") => "link".to_owned(),
        // Tracking numbers: letters and digits alike.
        _ => "text".to_owned(),
    }
}
