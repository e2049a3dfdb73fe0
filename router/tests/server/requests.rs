//! HTTP requests to the server.

use reqwest::{Method, Response};
use serde_json::json;

use crate::kit::Edge;

pub(crate) const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
pub(crate) const JSON: &str = "application/json";

/// A request, described by how it differs from a plain POST of a valid query.
pub(crate) struct Case<'a> {
    pub(crate) method: Method,
    pub(crate) query_string: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: String,
}

impl<'a> Case<'a> {
    pub(crate) fn post(body: impl Into<String>) -> Self {
        Self {
            method: Method::POST,
            query_string: "",
            headers: vec![("content-type", JSON)],
            body: body.into(),
        }
    }

    pub(crate) fn get(query_string: &'a str) -> Self {
        Self {
            method: Method::GET,
            query_string,
            headers: vec![("x-vantage-csrf", "1")],
            body: String::new(),
        }
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value));
        self
    }

    pub(crate) async fn send(self, edge: &Edge) -> Response {
        let url = format!("{}{}", edge.url(), self.query_string);
        let mut request = edge.http.request(self.method, url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if !self.body.is_empty() {
            request = request.body(self.body);
        }
        request.send().await.expect("an answer")
    }
}

pub(crate) fn query(query: &str) -> String {
    json!({ "query": query }).to_string()
}

pub(crate) fn content_type(response: &Response) -> &str {
    response.headers()["content-type"].to_str().expect("text")
}
