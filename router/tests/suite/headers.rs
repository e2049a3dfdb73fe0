//! Which request headers an HTTP subgraph receives, and which it does not.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::post;
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use router::{GraphQLRequest, HttpTransport, HttpTransportOptions, RequestContext, Router};
use serde_json::json;
use tokio::sync::mpsc;

/// Headers and body a subgraph receives when a client sends these headers.
async fn received_headers_and_body(
    options: HttpTransportOptions,
    caller: Caller,
    sent: &[(&'static str, &str)],
) -> (HeaderMap, Bytes) {
    type Seen = mpsc::UnboundedSender<(HeaderMap, Bytes)>;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let handler = |State(sender): State<Seen>, headers: HeaderMap, body: Bytes| async move {
        sender.send((headers, body)).unwrap();
        axum::Json(json!({ "data": { "a": 1 } }))
    };
    let app = axum::Router::new()
        .route("/", post(handler))
        .with_state(sender);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let transport = HttpTransport::new("a", &url, options).unwrap();
    let router = Router::builder()
        .subgraph("a", "type Query { a: Int }", Arc::new(transport))
        .build()
        .unwrap();
    let mut context = RequestContext::for_caller(caller);
    for (name, value) in sent {
        context
            .headers
            .insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let response = router.execute(GraphQLRequest::new("{ a }"), context).await;
    assert_eq!(response.data_value(), json!({ "a": 1 }));
    receiver.recv().await.unwrap()
}

fn caller() -> Caller {
    Caller {
        request_id: "req_7".to_owned(),
        ..Caller::customer("usr_1")
    }
}

#[tokio::test]
async fn our_subgraphs_get_the_verified_caller_signed() {
    let key = CallerKey::new(b"shared").unwrap();
    let options = HttpTransportOptions {
        caller_key: Some(key.clone()),
        ..HttpTransportOptions::default()
    };
    let forged = CallerKey::new(b"other")
        .unwrap()
        .sign(&Caller::customer("usr_2"), "a", b"", chrono::Utc::now())
        .unwrap();
    let (headers, body) = received_headers_and_body(
        options,
        caller(),
        &[(CALLER_HEADER, &forged), ("accept-language", "de")],
    )
    .await;
    let signed: Vec<_> = headers.get_all(CALLER_HEADER).iter().collect();
    assert_eq!(signed.len(), 1);
    let signed = signed[0].to_str().unwrap();
    let verify = |subgraph| key.verify(signed, subgraph, chrono::Utc::now());
    let verified = verify("a").unwrap();
    assert_eq!(verified.with_body(&body).unwrap(), caller());
    assert!(verify("b").is_err());
    assert!(verify("a").unwrap().with_body(b"{}").is_err());
    assert_eq!(headers["x-request-id"], "req_7");
    assert_eq!(headers["accept-language"], "de");
    assert_eq!(
        headers["accept"],
        "application/graphql-response+json, application/json"
    );
}

#[tokio::test]
async fn foreign_subgraphs_get_neither_caller_nor_credentials() {
    let sent = [("authorization", "Bearer x"), (CALLER_HEADER, "forged")];
    let (headers, _) =
        received_headers_and_body(HttpTransportOptions::default(), caller(), &sent).await;
    assert!(!headers.contains_key(CALLER_HEADER));
    assert!(!headers.contains_key("authorization"));
    let options = HttpTransportOptions {
        forward_authorization: true,
        ..HttpTransportOptions::default()
    };
    let (headers, _) = received_headers_and_body(options, caller(), &sent).await;
    assert_eq!(headers["authorization"], "Bearer x");
    assert!(!headers.contains_key(CALLER_HEADER));
}
