//! A subgraph that does not answer is left alone for a moment, and asked again after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use platform::http::Breaker;
use router::{GraphQLRequest, HttpTransport, HttpTransportOptions, RequestContext, Router};
use serde_json::{Value, json};

/// Answers 503 so often, and well after that.
async fn failing(times: usize, open_for: Duration) -> (Router, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let handler = move || {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if call < times {
                (StatusCode::SERVICE_UNAVAILABLE, "busy")
            } else {
                (StatusCode::OK, r#"{"data":{"ok":true}}"#)
            }
        }
    };
    let app = axum::Router::new().route("/", post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let options = HttpTransportOptions {
        retries: 0,
        breaker: Breaker {
            failures: 3,
            open_for,
            longest: open_for,
        },
        ..HttpTransportOptions::default()
    };
    let router = Router::builder()
        .subgraph(
            "busy",
            "type Query { ok: Boolean }",
            Arc::new(HttpTransport::new("busy", &url, options).unwrap()),
        )
        .build()
        .unwrap();
    (router, calls)
}

async fn execute(router: &Router) -> Value {
    let request = GraphQLRequest::new("{ ok }");
    let response = router.execute(request, RequestContext::default()).await;
    json!([
        response.data_value(),
        response.errors.first().map(|error| error.code().as_str())
    ])
}

#[tokio::test]
async fn a_subgraph_that_fails_again_and_again_is_not_asked_any_more() {
    let (router, calls) = failing(usize::MAX, Duration::from_secs(3600)).await;
    for _ in 0..5 {
        assert_eq!(
            execute(&router).await,
            json!([{ "ok": null }, "SUBGRAPH_UNAVAILABLE"])
        );
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn it_is_asked_again_when_its_time_is_over() {
    let (router, calls) = failing(3, Duration::ZERO).await;
    for _ in 0..3 {
        execute(&router).await;
    }
    assert_eq!(execute(&router).await, json!([{ "ok": true }, null]));
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}
