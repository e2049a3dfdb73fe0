//! The client against a server that misbehaves the way providers do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as Asked, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response as Answer};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use super::*;
use crate::clock::Clock;
use crate::config::Secret;

/// Response to the next request.
enum Step {
    Answer(u16, Value),
    Text(&'static str),
    RetryAfter(u16, &'static str),
    Hang,
    Cut,
    Huge,
}

/// A request as it arrived.
struct Seen {
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Clone, Default)]
struct Server {
    steps: Arc<Mutex<VecDeque<Step>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start(steps: impl IntoIterator<Item = Step>) -> (Self, Url) {
        let server = Self::default();
        server.then(steps);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v2", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (server, base.parse().unwrap())
    }

    fn then(&self, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().unwrap().extend(steps);
    }

    fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn answer(State(server): State<Server>, asked: Asked) -> Answer {
    let (parts, body) = asked.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    server.seen.lock().unwrap().push(Seen {
        target: parts.uri.to_string(),
        headers: parts.headers,
        body,
    });
    let step = server.steps.lock().unwrap().pop_front();
    let status = |status| StatusCode::from_u16(status).unwrap();
    match step.expect("no call that is not expected") {
        Step::Answer(code, body) => (status(code), body.to_string()).into_response(),
        Step::Text(text) => text.into_response(),
        Step::RetryAfter(code, after) => (status(code), [("retry-after", after)]).into_response(),
        Step::Hang => std::future::pending().await,
        Step::Cut => {
            let parts = [
                Ok(Bytes::from_static(b"{\"id\":")),
                Err(std::io::Error::other("cut")),
            ];
            // Pending once, so that the head is sent before the connection breaks.
            let parts = stream::iter(parts).then(async |part| {
                tokio::task::yield_now().await;
                part
            });
            Body::from_stream(parts).into_response()
        }
        Step::Huge => vec![b' '; 4_096].into_response(),
    }
}

fn ok() -> Step {
    Step::Answer(200, json!({"id": "shp_1"}))
}

fn status(code: u16) -> Step {
    Step::Answer(code, json!({}))
}

fn policy() -> Policy {
    Policy {
        attempt_timeout: Duration::from_secs(10),
        deadline: Duration::from_secs(20),
        first_wait: Duration::from_millis(2),
        max_response_bytes: 1_024,
        ..Policy::default()
    }
}

/// Gives up quickly, for servers that hang.
fn impatient() -> Policy {
    Policy {
        attempt_timeout: Duration::from_secs(3),
        ..policy()
    }
}

fn noon() -> DateTime<Utc> {
    "2025-10-09T12:00:00Z".parse().unwrap()
}

fn client(base: &Url, policy: Policy) -> HttpClient {
    HttpClient::new("parcels", base.clone(), policy, Clock::manual(noon())).unwrap()
}

fn read() -> Request {
    Request::get("read_shipment", &["shipments", "shp_1"])
}

fn create() -> Request {
    Request::post("create_shipment", &["shipments"]).json(&json!({"weight": 16}))
}

#[tokio::test]
async fn a_request_arrives_as_it_was_written() {
    let (server, base) = Server::start([ok(), ok()]).await;
    let client = client(&base, policy());
    let key = Secret::new("EZTK1");
    let path = ["details", "1Z/../9?"];
    let get = Request::get("track", &path).query("locale", "en US");
    client.send(&get.bearer(&key)).await.unwrap();
    let post = Request::post("refund", &["refunds"])
        .form([("metadata[return]", "ret & 1")])
        .header("idempotency-key", "k1")
        .key(&key);
    let response = client.send(&post).await.unwrap();
    assert_eq!(
        response.json::<Value>().unwrap(),
        json!({"id": "shp_1"}),
        "{response:?}"
    );

    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].target, "/v2/details/1Z%2F..%2F9%3F?locale=en+US");
    assert_eq!(seen[0].headers["authorization"], "Bearer EZTK1");
    assert_eq!(seen[1].headers["authorization"], "Basic RVpUSzE6");
    assert_eq!(seen[1].headers["idempotency-key"], "k1");
    assert_eq!(
        seen[1].headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(&seen[1].body[..], b"metadata%5Breturn%5D=ret+%26+1");
}

#[tokio::test]
async fn a_limit_is_waited_out_as_the_provider_asks() {
    let (server, base) = Server::start([
        Step::RetryAfter(429, "0"),
        // Already past on the injected clock.
        Step::RetryAfter(429, "Thu, 09 Oct 2025 11:59:00 GMT"),
        ok(),
    ])
    .await;
    // Refused before anything was done, so calls that must not be repeated are retried too.
    client(&base, policy()).send(&create()).await.unwrap();
    assert_eq!(server.calls(), 3);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_left_to_the_caller() {
    let (server, base) = Server::start([Step::RetryAfter(429, "60")]).await;
    let error = client(&base, policy()).send(&read()).await.unwrap_err();
    let HttpError::Unavailable { retry_in, why, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*retry_in, Some(Duration::from_secs(60)));
    assert!(matches!(why, UnavailableReason::Status(429)), "{why:?}");
    assert!(!error.outcome_unknown());
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn an_error_of_the_provider_is_tried_three_times_when_it_may_be() {
    let (server, base) = Server::start([status(500), status(502), status(503)]).await;
    let error = client(&base, policy()).send(&read()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "parcels (read_shipment) is not available: it answered 503"
    );
    assert!(!error.outcome_unknown(), "reading changes nothing");
    assert_eq!(server.calls(), 3);

    server.then([status(500)]);
    let error = client(&base, policy()).send(&create()).await.unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!(server.calls(), 4, "it may have had its effect");

    server.then([status(500), ok()]);
    let idempotent = create().idempotent();
    client(&base, policy()).send(&idempotent).await.unwrap();
    assert_eq!(server.calls(), 6);
}

#[tokio::test]
async fn a_hang_is_cut_and_its_outcome_unknown() {
    let (server, base) = Server::start([Step::Hang]).await;
    let client = client(&base, impatient());
    let error = client.send(&create()).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { .. }), "{error:?}");
    assert!(error.outcome_unknown());
    assert_eq!(server.calls(), 1);

    server.then([Step::Hang, ok()]);
    client.send(&read()).await.unwrap();
}

#[tokio::test]
async fn a_refusal_after_a_hang_is_still_in_doubt() {
    let gone = json!({"error": {"code": "charge_already_refunded"}});
    let (_server, base) = Server::start([Step::Hang, Step::Answer(400, gone)]).await;
    let refund = create().idempotent();
    let error = client(&base, impatient()).send(&refund).await.unwrap_err();
    assert!(error.outcome_unknown());
    let body: Value = error.rejection().unwrap().json().unwrap();
    assert_eq!(body["error"]["code"], "charge_already_refunded");
}

#[tokio::test]
async fn a_refusal_is_final_and_shows_nothing_private() {
    let body = json!({"error": {"code": "card_declined", "to": "ana@example.com"}});
    let (server, base) = Server::start([Step::Answer(402, body)]).await;
    let error = client(&base, policy()).send(&read()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"parcels (read_shipment) refused with 402: {"error":{"code":"card_declined","to":"…"}}"#
    );
    assert!(!format!("{error:?}").contains("ana@"), "{error:?}");
    assert!(!error.outcome_unknown());
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn a_status_that_the_caller_names_is_repeated() {
    let (server, base) = Server::start([status(409), ok()]).await;
    let refund = create().idempotent().retry_on(409);
    client(&base, policy()).send(&refund).await.unwrap();
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, base) = Server::start([status(307)]).await;
    let error = client(&base, policy()).send(&read()).await.unwrap_err();
    assert_eq!(error.rejection().unwrap().status, 307);
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn a_cut_body_is_read_again_or_malformed() {
    let (_server, base) = Server::start([Step::Cut, ok()]).await;
    client(&base, policy()).send(&read()).await.unwrap();

    let (server, base) = Server::start([Step::Cut]).await;
    let error = client(&base, policy()).send(&create()).await.unwrap_err();
    assert!(matches!(error, HttpError::Malformed { .. }), "{error:?}");
    assert!(error.outcome_unknown());
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn a_body_that_is_too_long_or_of_another_shape_is_malformed() {
    let (_server, base) = Server::start([Step::Huge, ok()]).await;
    let client = client(&base, policy());
    let error = client.send(&read()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "parcels (read_shipment) returned an invalid response: over 1024 bytes"
    );
    let response = client.send(&read()).await.unwrap();
    let error = response.json::<Vec<u8>>().unwrap_err().to_string();
    assert!(error.ends_with("line 1 column 0"), "{error}");
    assert!(!error.contains("shp_1"), "{error}");
}

#[tokio::test]
async fn what_nobody_reads_of_a_body_decides_nothing() {
    let odd = r#"{"id": "shp_1", "note": "\ud83d", "weight": 1e999}"#;
    let (_server, base) = Server::start([Step::Text(odd)]).await;
    let response = client(&base, policy()).send(&read()).await.unwrap();
    let value = response.json::<Value>().unwrap();
    assert_eq!(
        value,
        json!({"id": "shp_1", "note": "\u{fffd}", "weight": null})
    );
}

#[tokio::test]
async fn an_unreachable_provider_is_unavailable_and_nothing_is_in_doubt() {
    let nobody = "http://127.0.0.1:9".parse().unwrap();
    let client = client(&nobody, policy());
    let error = client.send(&create()).await.unwrap_err();
    assert!(
        matches!(
            error,
            HttpError::Unavailable {
                why: UnavailableReason::Unreachable(_),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn the_circuit_opens_then_lets_one_call_see() {
    let (server, base) = Server::start((0..4).map(|_| status(500))).await;
    let clock = Clock::manual(noon());
    let policy = Policy {
        attempts: 1,
        breaker: Breaker {
            failures: 3,
            hangs: 3,
            open_for: Duration::from_secs(30),
            longest: Duration::from_secs(30),
        },
        ..policy()
    };
    let client = HttpClient::new("parcels", base, policy, clock.clone()).unwrap();
    for _ in 0..3 {
        client.send(&read()).await.unwrap_err();
    }
    let error = client.send(&read()).await.unwrap_err();
    let HttpError::Unavailable { why, retry_in, .. } = error else {
        panic!("{error:?}");
    };
    assert!(matches!(why, UnavailableReason::CircuitOpen), "{why:?}");
    assert_eq!(retry_in, Some(Duration::from_secs(30)));
    assert_eq!(server.calls(), 3, "left alone");

    clock.advance(TimeDelta::seconds(30));
    client.send(&read()).await.unwrap_err();
    client.send(&read()).await.unwrap_err();
    assert_eq!(server.calls(), 4, "one probe, which failed");

    clock.advance(TimeDelta::seconds(30));
    server.then([ok(), ok()]);
    client.send(&read()).await.unwrap();
    client.send(&read()).await.unwrap();
}

#[tokio::test]
async fn a_call_that_failed_says_why_and_not_that_the_circuit_opened_by_it() {
    let (server, base) = Server::start((0..9).map(|_| status(502))).await;
    let clock = Clock::manual(noon());
    let policy = Policy {
        attempts: 3,
        breaker: Breaker {
            failures: 2,
            hangs: 3,
            open_for: Duration::from_secs(1),
            longest: Duration::from_secs(8),
        },
        ..policy()
    };
    let client = HttpClient::new("parcels", base, policy, clock.clone()).unwrap();
    let why = async || {
        let error = client.send(&read()).await.unwrap_err();
        let HttpError::Unavailable { why, .. } = error else {
            panic!("{error:?}");
        };
        why
    };
    assert!(matches!(why().await, UnavailableReason::Status(502)));
    assert_eq!(server.calls(), 2, "the third attempt was not made");
    assert!(matches!(why().await, UnavailableReason::CircuitOpen));
    clock.advance(TimeDelta::seconds(1));
    assert!(
        matches!(why().await, UnavailableReason::Status(502)),
        "the probe"
    );
    assert!(matches!(why().await, UnavailableReason::CircuitOpen));
    assert_eq!(server.calls(), 3);
}

#[tokio::test]
async fn a_refusal_is_no_outage() {
    let (_server, base) = Server::start((0..20).map(|_| status(404))).await;
    let client = client(&base, policy());
    for _ in 0..20 {
        let error = client.send(&read()).await.unwrap_err();
        assert_eq!(error.rejection().unwrap().status, 404);
    }
}

#[tokio::test]
async fn calls_beyond_the_rate_queue_and_give_up_when_their_deadline_would_pass() {
    let (server, base) = Server::start((0..4).map(|_| ok())).await;
    let rate = |milliseconds| Policy {
        rate: Some(Rate {
            count: 2,
            per: Duration::from_millis(milliseconds),
            burst: 1,
        }),
        ..policy()
    };
    let queueing = client(&base, rate(30));
    let started = std::time::Instant::now();
    let request = read();
    let calls = (0..3).map(|_| queueing.send(&request));
    futures::future::try_join_all(calls).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(60), "two turns");

    let refusing = client(&base, rate(60_000));
    refusing.send(&request).await.unwrap();
    let error = refusing.send(&request).await.unwrap_err();
    let HttpError::Unavailable { why, .. } = error else {
        panic!("{error:?}");
    };
    assert!(matches!(why, UnavailableReason::Queue), "{why:?}");
    assert_eq!(server.calls(), 4);
}

#[test]
fn an_address_that_paths_cannot_follow_is_refused() {
    for base in ["mailto:parcels", "ftp://parcels.example"] {
        let base = base.parse().unwrap();
        let error = HttpClient::new("parcels", base, policy(), Clock::system()).unwrap_err();
        assert!(matches!(error, ClientError::Base("parcels")), "{error}");
    }
}
