//! Subgraphs that are slow, fail, or return something other than a GraphQL response.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::post;
use router::{GraphQLRequest, HttpTransport, HttpTransportOptions, RequestContext, Router};
use serde_json::json;
use tokio::sync::watch;

use crate::errors::{names, users};
use crate::kit::Graph;

#[tokio::test]
async fn a_slow_subgraph_is_cut_at_the_deadline_and_the_rest_is_served() {
    let (_open, closed) = watch::channel(true);
    let graph = Graph::with([users(), names().behind(closed)], |builder| {
        builder.deadline(Duration::from_secs(3))
    })
    .await;
    graph
        .check(
            "{ me { id name } ok }",
            json!({
                "data": { "me": { "id": "u2", "name": null }, "ok": null },
                "errors": [
                    { "message": "This part of the answer took too long.", "path": ["ok"], "extensions": { "code": "DEADLINE_EXCEEDED" } },
                    { "message": "This part of the answer took too long.", "path": ["me"], "extensions": { "code": "DEADLINE_EXCEEDED" } },
                ],
            }),
        )
        .await;
}

/// A router over `users` and a `names` that answers every request with this.
async fn with_names_answering(
    status: u16,
    body: &'static str,
    options: HttpTransportOptions,
) -> (Router, watch::Receiver<usize>) {
    let (count, counted) = watch::channel(0);
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    let handler = move || {
        count.send_modify(|count| *count += 1);
        async move { (status, body) }
    };
    let app = axum::Router::new().route("/", post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let users = Arc::new(users());
    let router = Router::builder()
        .subgraph("users", &users.sdl, crate::kit::over_http(&users).await)
        .subgraph(
            "names",
            &names().sdl,
            Arc::new(HttpTransport::new("names", &url, options).unwrap()),
        )
        .build()
        .unwrap();
    (router, counted)
}

#[tokio::test]
async fn what_is_no_graphql_response_makes_a_subgraph_unavailable() {
    let small = HttpTransportOptions {
        max_response_bytes: 64,
        ..HttpTransportOptions::default()
    };
    let normal = HttpTransportOptions::default;
    let long: &'static str = Box::leak(
        format!(
            r#"{{"data":{{"_entities":[{{"name":"{}"}}]}}}}"#,
            "x".repeat(100)
        )
        .into_boxed_str(),
    );
    for (status, body, options, calls) in [
        (200, "<html>", normal(), 1),
        (200, r#"{"data":{"_entities":[{"name":"Bo"#, normal(), 1),
        (
            200,
            r#"{"data":{"_entities":[{"name":"B"}]}} {}"#,
            normal(),
            1,
        ),
        (200, r#"{"hello":1}"#, normal(), 1),
        (500, "boom", normal(), 1),
        (302, "", normal(), 1),
        (503, "busy", normal(), 2),
        (200, long, small, 1),
    ] {
        let (router, counted) = with_names_answering(status, body, options).await;
        let response = router
            .execute(
                GraphQLRequest::new("{ me { id name } }"),
                RequestContext::default(),
            )
            .await;
        assert_eq!(
            response.data_value(),
            json!({ "me": { "id": "u2", "name": null } }),
            "{body}"
        );
        let errors = serde_json::to_value(&response.errors).unwrap();
        assert_eq!(
            errors,
            json!([{ "message": "This part of the answer is not available at the moment.", "path": ["me"], "extensions": { "code": "SUBGRAPH_UNAVAILABLE" } }]),
            "{body}"
        );
        assert_eq!(*counted.borrow(), calls, "{status} {body}");
    }
}

#[tokio::test]
async fn graphql_errors_count_whatever_the_status_is() {
    let body = r#"{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"},"path":null}]}"#;
    let (router, _) = with_names_answering(403, body, HttpTransportOptions::default()).await;
    let response = router
        .execute(
            GraphQLRequest::new("{ me { id name } }"),
            RequestContext::default(),
        )
        .await;
    assert_eq!(
        serde_json::to_value(&response.errors).unwrap(),
        json!([{ "message": "no", "path": ["me"], "extensions": { "code": "FORBIDDEN" } }])
    );
}
