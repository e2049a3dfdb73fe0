//! Sends operations over HTTP, a limited number at a time.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use url::Url;

use super::failure::Failure;
use super::operations::Operation;

/// A larger response is a failure.
const MAX_RESPONSE_BYTES: usize = 32 * 1024 * 1024;

/// A header for every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderArgument {
    name: HeaderName,
    value: HeaderValue,
}

/// The text is no header.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no header: write it like \"x-vantage-country: DE\"")]
pub(crate) struct HeaderError(String);

impl FromStr for HeaderArgument {
    type Err = HeaderError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The value may be a secret.
        let shown = text.split(':').next().unwrap_or_default();
        let error = || HeaderError(shown.to_owned());
        let (name, value) = text.split_once(':').ok_or_else(error)?;
        Ok(Self {
            name: name.trim().parse().map_err(|_| error())?,
            value: value.trim().parse().map_err(|_| error())?,
        })
    }
}

/// The GraphQL endpoint of a target.
pub(super) fn endpoint(target: &Url) -> anyhow::Result<Url> {
    let is_http = matches!(target.scheme(), "http" | "https") && target.has_host();
    anyhow::ensure!(
        is_http,
        "{target} is not the address of a server: write it like http://127.0.0.1:4000"
    );
    let mut endpoint = target.clone();
    anyhow::ensure!(
        endpoint.username().is_empty() && endpoint.password().is_none(),
        "the target contains credentials, which the report would show: send them with --header"
    );
    endpoint.set_fragment(None);
    if endpoint.path() == "/" {
        endpoint.set_path("/graphql");
    }
    Ok(endpoint)
}

/// Sends operations to one endpoint.
#[derive(Clone, Debug)]
pub(super) struct GraphqlClient {
    http: reqwest::Client,
    endpoint: Url,
    connections: Arc<Semaphore>,
    timeout: Duration,
}

impl GraphqlClient {
    pub(super) fn new(
        endpoint: Url,
        headers: &[HeaderArgument],
        connections: u32,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let connections = usize::try_from(connections)?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("vantage-load/", env!("CARGO_PKG_VERSION")))
            .default_headers(header_map(headers))
            .pool_max_idle_per_host(connections)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("the HTTP client")?;
        Ok(Self {
            http,
            endpoint,
            connections: Arc::new(Semaphore::new(connections)),
            timeout,
        })
    }

    /// The `data` of the response, if it has no errors.
    pub(super) async fn send(
        &self,
        operation: &Operation,
        variables: &Value,
        token: Option<&str>,
    ) -> Result<Value, Failure> {
        let sent = self.send_in_turn(operation, variables, token);
        tokio::time::timeout(self.timeout, sent)
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    /// Waits for a connection first.
    async fn send_in_turn(
        &self,
        operation: &Operation,
        variables: &Value,
        token: Option<&str>,
    ) -> Result<Value, Failure> {
        let _connection = self.connections.acquire().await;
        let mut request = self
            .http
            .post(self.endpoint.clone())
            .header(
                ACCEPT,
                "application/graphql-response+json, application/json",
            )
            .json(&json!({
                "query": operation.document,
                "operationName": operation.name,
                "variables": variables,
            }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| Failure::of_http(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| Failure::of_http(&error))?
        {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(Failure::Unexpected("too large"));
            }
            body.extend_from_slice(&chunk);
        }
        data_of(status.as_u16(), &body)
    }
}

/// The headers of every request, over HTTP and for WebSockets.
pub(super) fn header_map(headers: &[HeaderArgument]) -> HeaderMap {
    let headers = headers.iter();
    let headers = headers.map(|header| (header.name.clone(), header.value.clone()));
    headers.collect()
}

/// The `data` of a response, unless it failed.
fn data_of(status: u16, body: &[u8]) -> Result<Value, Failure> {
    let is_success = (200..300).contains(&status);
    let parsed: Result<Value, _> = serde_json::from_slice(body);
    let Ok(mut response) = parsed else {
        return Err(if is_success {
            Failure::Unexpected("no JSON")
        } else {
            Failure::Status(status)
        });
    };
    match response.get("errors") {
        Some(errors) if errors.as_array().is_some_and(|errors| !errors.is_empty()) => {
            Err(Failure::of_errors(errors))
        }
        _ if !is_success => Err(Failure::Status(status)),
        _ => match response.get_mut("data") {
            Some(data) if data.is_object() => Ok(data.take()),
            _ => Err(Failure::Unexpected("no data")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_graphql_unless_the_target_says_otherwise() {
        let of = |target: &str| endpoint(&target.parse().unwrap()).map(String::from);
        assert_eq!(
            of("http://localhost:4000").unwrap(),
            "http://localhost:4000/graphql"
        );
        assert_eq!(
            of("https://shop.example/api#x").unwrap(),
            "https://shop.example/api"
        );
        let error = of("http://me:hidden@localhost:4000").unwrap_err();
        assert!(!error.to_string().contains("hidden"), "{error}");
        let error = of("localhost:4000").unwrap_err().to_string();
        assert!(error.contains("write it like http://"), "{error}");
    }

    #[test]
    fn a_response_with_errors_or_without_data_is_a_failure() {
        for (status, body, failure) in [
            (
                200,
                r#"{"errors":[{"extensions":{"code":"A"}}],"data":{}}"#,
                "error A",
            ),
            (
                401,
                r#"{"errors":[{"extensions":{"code":"B"}}]}"#,
                "error B",
            ),
            (503, "overloaded", "HTTP status 503"),
            (500, "{}", "HTTP status 500"),
            (200, "<html>", "unexpected response: no JSON"),
            (200, r#"{"data":null}"#, "unexpected response: no data"),
        ] {
            let error = data_of(status, body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), failure, "{body}");
        }
        let data = data_of(200, br#"{"data":{"me":null},"errors":[]}"#).unwrap();
        assert_eq!(data, json!({ "me": null }));
    }

    #[test]
    fn a_wrong_header_is_refused_without_showing_its_value() {
        let header: HeaderArgument = "x-vantage-country: DE".parse().unwrap();
        assert_eq!(header_map(&[header])["x-vantage-country"], "DE");
        for text in ["x y: hidden", "no value", "x-key: hid\nden"] {
            let error = text.parse::<HeaderArgument>().unwrap_err().to_string();
            assert!(!error.contains("hid"), "{error}");
        }
    }
}
