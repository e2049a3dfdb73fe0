//! A failing subgraph is not called for a while, then probed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use platform::http::Breaker;
use platform::testing::until;
use router::{GraphQLRequest, HttpTransport, HttpTransportOptions, RequestContext, Router};
use serde_json::{Value, json};

/// Returns 503 the first `times` times, then valid responses.
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
            hangs: 2,
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
    assert!(router.unavailable_subgraphs().is_empty());
    for _ in 0..5 {
        assert_eq!(
            execute(&router).await,
            json!([{ "ok": null }, "SUBGRAPH_UNAVAILABLE"])
        );
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    assert_eq!(router.unavailable_subgraphs(), ["busy"]);
}

/// Counts its calls, and hangs until repaired.
async fn hanging(
    deadline: Duration,
) -> (Router, Arc<AtomicUsize>, tokio::sync::watch::Sender<bool>) {
    let (mend, mended) = tokio::sync::watch::channel(false);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let handler = move || {
        let mut mended = mended.clone();
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            mended.wait_for(|mended| *mended).await.unwrap();
            r#"{"data":{"ok":true}}"#
        }
    };
    let app = axum::Router::new().route("/", post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let options = HttpTransportOptions {
        deadline,
        ..HttpTransportOptions::default()
    };
    let router = Router::builder()
        .deadline(deadline)
        .subgraph(
            "busy",
            "type Query { ok: Boolean }",
            Arc::new(HttpTransport::new("busy", &url, options).unwrap()),
        )
        .build()
        .unwrap();
    (router, calls, mend)
}

#[tokio::test]
async fn a_subgraph_that_hangs_keeps_two_callers_waiting_and_nobody_after_them() {
    let (router, calls, mend) = hanging(Duration::from_secs(1)).await;
    for _ in 0..2 {
        let answer = execute(&router).await;
        assert_eq!(answer, json!([{ "ok": null }, "DEADLINE_EXCEEDED"]));
    }
    // Until it was probed twice. A caller waiting for that would get DEADLINE_EXCEEDED.
    until("it was probed twice", async || {
        let answer = execute(&router).await;
        assert_eq!(answer, json!([{ "ok": null }, "SUBGRAPH_UNAVAILABLE"]));
        calls.load(Ordering::SeqCst) >= 4
    })
    .await;
    mend.send(true).unwrap();
    until_answered(&router).await;
}

async fn until_answered(router: &Router) {
    until("it is asked again", async || {
        execute(router).await == json!([{ "ok": true }, null])
    })
    .await;
}

#[tokio::test]
async fn it_is_asked_again_when_it_has_answered_in_the_background() {
    let (router, calls) = failing(5, Duration::ZERO).await;
    for _ in 0..3 {
        execute(&router).await;
    }
    until_answered(&router).await;
    assert!(
        calls.load(Ordering::SeqCst) >= 7,
        "three calls, three probes, one call"
    );
}
