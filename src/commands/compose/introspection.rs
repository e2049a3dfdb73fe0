//! The schema of a subgraph that is running, as it tells it itself.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;

/// How long a subgraph may take to tell its schema.
const PATIENCE: Duration = Duration::from_secs(30);

const QUERY: &str = "query SubgraphIntrospectQuery { _service { sdl } }";

#[derive(Deserialize)]
struct Response {
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "_service")]
    service: Option<Service>,
}

#[derive(Deserialize)]
struct Service {
    sdl: Option<String>,
}

#[derive(Deserialize)]
struct Error {
    message: String,
}

pub(super) fn client() -> Result<reqwest::Client, Problem> {
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        // The headers are for this subgraph.
        .redirect(reqwest::redirect::Policy::none());
    client
        .build()
        .map_err(|error| Problem::of_config(format!("there is no HTTP client: {error}")))
}

/// The SDL that a subgraph answers, or why there is none.
pub(super) async fn sdl(
    client: &reqwest::Client,
    url: &str,
    headers: HeaderMap,
) -> Result<String, String> {
    let request = client.post(url).headers(headers);
    let sent = request.json(&json!({ "query": QUERY })).send().await;
    let response = sent.map_err(|error| chain(&error.without_url(), url))?;
    let status = response.status();
    let body = response.bytes().await;
    let body = body.map_err(|error| chain(&error.without_url(), url))?;
    let Ok(answer) = serde_json::from_slice::<Response>(&body) else {
        return Err(format!("{url} answered {status}, and no GraphQL"));
    };
    if let Some(error) = answer.errors.first() {
        return Err(format!("{url} answered {status}: {}", error.message));
    }
    let service = answer.data.and_then(|data| data.service);
    let sdl = service.and_then(|service| service.sdl);
    sdl.ok_or_else(|| format!("{url} answered {status}, and no `_service {{ sdl }}`"))
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error, url: &str) -> String {
    let mut text = format!("{url}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
