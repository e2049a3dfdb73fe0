//! Rate limits of users, addresses and clients, over every protocol.

use std::path::Path;
use std::time::Duration;

use platform::rate_limit::RateLimiter;
use platform::redis_server::RedisServer;
use reqwest::Response;
use router::clients::{Clients, ClientsFiles, Sha256Hash};
use router::server::{RateConfig, ServerConfig};
use serde_json::{Value, json};

use crate::kit::Edge;
use crate::requests::{Case, JSON, query};
use crate::sockets::Socket;

const KEY: &str = "acme's key";
const MINUTE: Duration = Duration::from_secs(60);

/// Refills negligibly during a test.
fn rate(burst: u32) -> Option<RateConfig> {
    let rate = format!(r#"{{"cost_per_minute":1,"burst":{burst}}}"#);
    Some(serde_json::from_str(&rate).expect("a rate"))
}

fn limited(config: &mut ServerConfig) {
    config.rates.address = rate(3);
    config.rates.user = rate(5);
}

async fn register(edge: &Edge) {
    let key = Sha256Hash::of(KEY.as_bytes());
    let text = format!(
        "clients: [{{ name: acme, rate: {{ cost_per_minute: 1, burst: 4 }}, keys: [{{ id: k1, sha256: {key} }}] }}]"
    );
    let files = ClientsFiles::of(Path::new("clients.yaml"), text);
    let clients = Clients::load(&files).expect("clients");
    let replaced = edge.state.replace_clients(clients).await;
    replaced.expect("they fit the schema");
}

async fn ask(edge: &Edge, document: &str, headers: &[(&str, &str)]) -> Response {
    let mut case = Case::post(query(document)).header("accept", JSON);
    for (name, value) in headers {
        case = case.header(name, value);
    }
    case.send(edge).await
}

fn header(response: &Response, name: &str) -> Option<u32> {
    let value = response.headers().get(name)?;
    value.to_str().expect("text").parse().ok()
}

async fn refused(response: Response) -> Value {
    assert_eq!(response.status(), 429);
    let wait = header(&response, "retry-after").expect("a wait");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(header(&response, "ratelimit-remaining"), Some(0));
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer: Value = response.json().await.expect("JSON");
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED", "{answer}");
    assert_eq!(extensions["retryAfter"], wait, "{answer}");
    assert_eq!(answer.get("data"), None, "{answer}");
    answer
}

#[tokio::test]
async fn addresses_and_users_have_buckets_of_their_own() {
    let edge = Edge::with(limited).await;
    for left in [2, 1, 0] {
        let response = ask(&edge, "{ hello }", &[]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "ratelimit-limit"), Some(3));
        assert_eq!(header(&response, "ratelimit-remaining"), Some(left));
        assert!(header(&response, "ratelimit-reset").is_some());
        assert_eq!(header(&response, "retry-after"), None);
    }
    let answer = refused(ask(&edge, "{ hello }", &[]).await).await;
    let message = answer["errors"][0]["message"].as_str().expect("words");
    assert!(message.contains("0 of 3 are left"), "{message}");
    for user in ["usr_1", "usr_2"] {
        let bearer = format!("Bearer {}", edge.token(user, MINUTE));
        let response = ask(&edge, "{ hello }", &[("authorization", &bearer)]).await;
        assert_eq!(header(&response, "ratelimit-remaining"), Some(4), "{user}");
    }
}

#[tokio::test]
async fn an_operation_spends_what_it_costs_and_a_document_that_is_none_spends_one() {
    let edge = Edge::with(|config| config.rates.address = rate(7)).await;
    let left = async |document: &str| {
        let response = ask(&edge, document, &[]).await;
        (
            response.status().as_u16(),
            header(&response, "ratelimit-remaining"),
        )
    };
    assert_eq!(
        left("{ a: caller { ip } b: caller { ip } }").await,
        (200, Some(5))
    );
    for _ in 0..5 {
        ask(&edge, "{ hello", &[]).await;
    }
    assert_eq!(left("{ hello").await, (429, Some(0)));
}

#[tokio::test]
async fn a_client_spends_its_own_whoever_its_users_are_and_sees_what() {
    let edge = Edge::with(|_| {}).await;
    register(&edge).await;
    let key = ("x-api-key", KEY);
    for (user, left) in [("usr_1", 3), ("usr_2", 2)] {
        let bearer = format!("Bearer {}", edge.token(user, MINUTE));
        let response = ask(
            &edge,
            "{ caller { ip } }",
            &[key, ("authorization", &bearer)],
        )
        .await;
        assert_eq!(header(&response, "ratelimit-remaining"), Some(left));
        let answer: Value = response.json().await.expect("JSON");
        assert_eq!(answer["extensions"]["cost"]["estimated"], 1, "{answer}");
        assert!(answer["extensions"]["cost"]["limit"].is_u64(), "{answer}");
    }
    // Naming a client without authenticating as it does not consume its quota.
    for _ in 0..4 {
        let response = ask(&edge, "{ hello }", &[("graphql-client-name", "acme")]).await;
        assert_eq!(response.status(), 200);
    }
    let response = ask(&edge, "{ hello }", &[key]).await;
    assert_eq!(header(&response, "ratelimit-remaining"), Some(1));
    let answer: Value = ask(&edge, "{ caller { ip } }", &[])
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer.get("extensions"), None, "{answer}");
}

#[tokio::test]
async fn the_cost_is_shown_to_all_where_that_is_wanted() {
    let edge = Edge::with(|config| config.rates.show_cost = true).await;
    let answer: Value = ask(&edge, "{ caller { ip } }", &[])
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer["extensions"]["cost"]["estimated"], 1, "{answer}");
}

#[tokio::test]
async fn on_a_websocket_the_operation_is_refused_and_the_connection_stays() {
    let edge = Edge::with(limited).await;
    let mut socket = Socket::ready(&edge, json!({})).await;
    for id in ["1", "2", "3"] {
        socket.subscribe(id, "{ hello }").await;
        assert_eq!(socket.next().await.json()["type"], "next");
        assert_eq!(socket.next().await.json()["type"], "complete");
    }
    for (id, document) in [("4", "{ hello }"), ("5", "subscription { count(to: 1) }")] {
        socket.subscribe(id, document).await;
        let error = socket.next().await.json();
        assert_eq!(
            (&error["type"], &error["id"]),
            (&json!("error"), &json!(id))
        );
        let code = &error["payload"][0]["extensions"]["code"];
        assert_eq!(code, "RATE_LIMITED", "{error}");
    }
}

#[tokio::test]
async fn instances_over_one_redis_count_together() {
    let Ok(url) = std::env::var("VANTAGE_TEST_REDIS_URL") else {
        return;
    };
    // A busy Redis server would let some requests pass uncounted.
    let limiter = || {
        let limiter = RateLimiter::redis(&RedisServer::open(&url).unwrap());
        limiter.with_timeout(Duration::from_secs(20))
    };
    let first = Edge::limiting_rates_by(limiter(), limited).await;
    let second = Edge::limiting_rates_by(limiter(), limited).await;
    let user = format!("usr_{}", uuid::Uuid::now_v7().simple());
    let bearer = format!("Bearer {}", first.token(&user, MINUTE));
    let headers = [("authorization", &*bearer)];
    let mut allowed = 0;
    while allowed < 50 {
        let edge = if allowed % 2 == 0 { &first } else { &second };
        let response = ask(edge, "{ hello }", &headers).await;
        if response.status() == 429 {
            break;
        }
        allowed += 1;
    }
    assert!((5..50).contains(&allowed), "{allowed}");
    refused(ask(&first, "{ hello }", &headers).await).await;
    refused(ask(&second, "{ hello }", &headers).await).await;
}
