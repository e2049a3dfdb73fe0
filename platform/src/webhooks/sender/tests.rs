//! Receivers that behave, and all kinds that do not.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Response, header};
use axum::routing::post;
use futures::{StreamExt, stream};
use tokio::net::TcpListener;

use super::super::signing::SigningKey;
use super::*;
use crate::config::Secret;

const CONFIG: WebhookSenderConfig = WebhookSenderConfig {
    timeout: Duration::from_secs(60),
    connect_timeout: Duration::from_secs(60),
    max_response_bytes: 1024,
    require_https: false,
    allow_private_hosts: true,
};

fn secrets() -> Vec<SigningSecret> {
    let key = SigningKey::new(Secret::new("a key that is long enough to sign"));
    vec![
        key.secret("acme", "wh_1", "s1"),
        key.secret("acme", "wh_1", "s2"),
    ]
}

fn now() -> DateTime<Utc> {
    "2025-10-09T12:00:00Z".parse().unwrap()
}

async fn send(config: WebhookSenderConfig, url: &str) -> Result<(), DeliveryError> {
    let sender = WebhookSender::new(config).unwrap();
    let body = Bytes::from_static(b"{}");
    sender
        .send(&url.parse().unwrap(), &secrets(), "evt_1", body, now())
        .await
}

/// A receiver that answers each path in its own way.
async fn receiver() -> String {
    let status = |code: u16| {
        Response::builder()
            .status(code)
            .body(Body::empty())
            .unwrap()
    };
    let with = move |code: u16, name, value: &'static str| {
        let mut response = status(code);
        response
            .headers_mut()
            .insert(name, header::HeaderValue::from_static(value));
        response
    };
    let endless = async || {
        let chunk = Bytes::from_static(&[b'x'; 4096]);
        let chunks = stream::repeat(chunk).map(Ok::<_, std::io::Error>);
        Response::new(Body::from_stream(chunks))
    };
    let signed = async |headers: HeaderMap, body: Bytes| {
        let sent = |name: &str| headers[name].to_str().unwrap().to_owned();
        let expected = signature_header(&secrets(), "evt_1", now().timestamp(), &body);
        assert_eq!(sent("webhook-signature"), expected);
        assert_eq!(expected.split(' ').count(), 2);
        assert_eq!(sent("webhook-id"), "evt_1");
        assert_eq!(sent("webhook-timestamp"), now().timestamp().to_string());
        assert_eq!(sent("content-type"), "application/json");
    };
    let routes = Router::new()
        .route("/signed", post(signed))
        .route("/gone", post(async move || status(410)))
        .route("/broken", post(async move || status(500)))
        .route(
            "/busy",
            post(async move || with(429, header::RETRY_AFTER, "120")),
        )
        .route(
            "/moved",
            post(async move || with(307, header::LOCATION, "/signed")),
        )
        .route("/endless", post(endless))
        .route(
            "/hanging",
            post(async || std::future::pending::<()>().await),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, routes).await });
    format!("http://{address}")
}

#[tokio::test]
async fn a_webhook_is_accepted_with_2xx_and_by_nothing_else() {
    let receiver = receiver().await;
    let answer = async |path: &str| send(CONFIG, &format!("{receiver}{path}")).await;
    let failed = |status| {
        Err(DeliveryError::Status {
            status,
            retry_after: None,
        })
    };
    assert_eq!(answer("/signed").await, Ok(()));
    assert_eq!(answer("/gone").await, Err(DeliveryError::Gone));
    assert_eq!(answer("/broken").await, failed(500));
    assert_eq!(answer("/nowhere").await, failed(404));
    assert_eq!(
        answer("/moved").await,
        failed(307),
        "no redirect is followed"
    );
    assert_eq!(
        answer("/busy").await,
        Err(DeliveryError::Status {
            status: 429,
            retry_after: Some(Duration::from_secs(120)),
        })
    );
    // What was answered counts, however much follows it.
    assert_eq!(answer("/endless").await, Ok(()));
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_left_after_a_while() {
    let timeout = Duration::from_millis(50);
    let config = WebhookSenderConfig { timeout, ..CONFIG };
    let hanging = format!("{}/hanging", receiver().await);
    assert_eq!(send(config, &hanging).await, Err(DeliveryError::TimedOut));
    // A server that accepts connections and breaks them.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let breaking = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let error = send(CONFIG, &breaking).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Unreachable(_)), "{error}");
    server.abort();
    // The port is free now.
    assert!(server.await.unwrap_err().is_cancelled());
    let error = send(CONFIG, &breaking).await.unwrap_err();
    assert_eq!(
        error,
        DeliveryError::Unreachable("it cannot be connected to")
    );
}

#[tokio::test]
async fn nothing_is_sent_into_our_own_network() {
    let config = WebhookSenderConfig {
        allow_private_hosts: false,
        ..CONFIG
    };
    let port = receiver().await.rsplit(':').next().unwrap().to_owned();
    for host in [
        // Resolved to a loopback address.
        "localhost",
        "127.0.0.1",
        // Other notations of the same address.
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "0.0.0.0",
    ] {
        let refused = send(config, &format!("http://{host}:{port}/signed")).await;
        let expected = Err(DeliveryError::Url(UrlError::PrivateHost));
        assert_eq!(refused, expected, "{host}");
    }
    let config = WebhookSenderConfig {
        require_https: true,
        ..CONFIG
    };
    let refused = send(config, &format!("http://127.0.0.1:{port}/signed")).await;
    assert_eq!(refused, Err(DeliveryError::Url(UrlError::NotHttps)));
}
