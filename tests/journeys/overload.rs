//! More operations than a process may run: they are refused, and everything else goes on.

use futures::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};

use crate::kit::{Process, vantage};
use crate::wait::until;

/// Sent at once, where one may run.
const REQUESTS: usize = 16;

async fn send(http: &reqwest::Client, base: &str, number: usize) -> Response {
    let fields = "fields { name description args { name } }";
    let query = format!("{{ __schema {{ types {{ name {fields} }} }} }} # {number}");
    let request = http.post(format!("{base}/graphql"));
    let request = request.json(&json!({ "query": query }));
    request.send().await.unwrap()
}

#[tokio::test]
async fn operations_are_refused_and_the_process_stays_ready() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "20")
        .env("VANTAGE_SERVER__OVERLOAD__ENABLED", "true")
        .env("VANTAGE_SERVER__OVERLOAD__MAX_RUNNING", "1")
        .env("VANTAGE_SERVER__OVERLOAD__MAX_WAIT", "1ms")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let (http, base) = (reqwest::Client::new(), process.base.clone());
    let text = async |path: &str| {
        let response = http.get(format!("{base}{path}")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(text("/readyz").await, (200, "ready\n".to_owned()));

    let refused = until("an operation is refused", async || {
        let sent = (0..REQUESTS).map(|number| send(&http, &base, number));
        let responses = join_all(sent).await;
        let served = responses.iter().filter(|response| response.status() == 200);
        assert!(served.count() > 0);
        responses
            .into_iter()
            .find(|response| response.status() == 503)
    })
    .await;
    assert!(refused.headers().contains_key("retry-after"));
    let answer: Value = refused.json().await.unwrap();
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{answer}");

    let (status, readiness) = text("/readyz").await;
    assert_eq!(status, 200);
    assert!(readiness.contains("degraded: overloaded: "), "{readiness}");
    assert_eq!(text("/healthz").await.0, 200);
    let (_, metrics) = text("/metrics").await;
    assert!(
        metrics.contains("router_overload_refused_total{"),
        "{metrics}"
    );
    assert!(metrics.contains("router_overload_limit 1\n"), "{metrics}");
    assert_eq!(send(&http, &base, REQUESTS).await.status(), 200);
    assert_eq!(process.stop().await.code(), Some(0));
}
